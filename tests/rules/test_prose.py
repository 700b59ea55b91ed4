"""House English: phrases that `docs/architecture.md` rules out become fewer and never come back."""

import pytest

from tests.support.prose import LIMITS, PHRASES, count_phrases, find_differences, read_baseline


def test_no_file_says_a_ruled_out_phrase_more_often_than_committed() -> None:
    above, _ = find_differences(count_phrases()[0], read_baseline())
    assert not above, "\n".join(above)


def test_a_count_that_fell_is_committed() -> None:
    _, below = find_differences(count_phrases()[0], read_baseline())
    assert not below, "run `python -m tests.support.prose`:\n" + "\n".join(below)


@pytest.mark.parametrize("phrase", LIMITS)
def test_all_prose_together_stays_below_the_limit_of_a_phrase(phrase: str) -> None:
    counts, words = count_phrases()
    total = sum(found.get(phrase, 0) for found in counts.values())
    assert total * 1000 <= LIMITS[phrase] * words, f"{total} in {words} words"


@pytest.mark.parametrize(
    ("sentence", "phrase"),
    [
        ("Nobody can be counted.", "somebody"),
        ("Whatever it says is kept.", "whoever"),
        ("It is told to the user.", "tell"),
        ("It stands in the table.", "stand"),
        ("It is sealed anew.", "anew"),
        ("This is no address.", "is no"),
        ("An edit that was mended.", "mend"),
        ("At most 200 signs.", "signs"),
    ],
)
def test_each_phrase_is_found(sentence: str, phrase: str) -> None:
    assert [name for name, pattern in PHRASES.items() if pattern.search(sentence)] == [phrase]


def test_signing_in_is_not_a_phrase_that_is_ruled_out() -> None:
    assert not any(
        pattern.search("A user signs in, and there is no longer a cookie.") for pattern in PHRASES.values()
    )
