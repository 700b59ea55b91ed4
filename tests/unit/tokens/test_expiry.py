"""When a token is due, ends, and is looked at next."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import SecretStr

from dashtam.models import Authorization
from dashtam.providers.base import Profile, TokenGrant
from dashtam.providers.registry import list_profiles
from dashtam.tokens import expiry
from dashtam.tokens.expiry import Lifetimes, complete, holds, is_due, margin, missing_scopes, next_look, pause

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HOUR, MINUTE, DAY = timedelta(hours=1), timedelta(minutes=1), timedelta(days=1)
BANK = Profile("bank", "Bank", "", "", Authorization.OAUTH2)
EARLIER = TokenGrant(
    SecretStr("a"),
    SecretStr("r"),
    NOW,
    refresh_expires_at=NOW + 3 * DAY,
    scope="accounts",
    granted_at=NOW - HOUR,
)


def lives(
    access: timedelta | None, refresh: timedelta | None = None, *, has_refresh: bool = True
) -> Lifetimes:
    return Lifetimes(
        NOW,
        NOW + access if access else None,
        NOW + refresh if refresh else None,
        has_refresh_token=has_refresh,
    )


def test_a_token_is_due_a_margin_before_its_end_and_not_earlier() -> None:
    half_hour = lives(30 * MINUTE)
    assert not is_due(half_hour, BANK, NOW + 25 * MINUTE - timedelta(seconds=1))
    assert is_due(half_hour, BANK, NOW + 25 * MINUTE)


def test_clocks_may_differ_by_as_much_as_the_margin() -> None:
    their_end = NOW + 30 * MINUTE
    ours = NOW + 25 * MINUTE  # their clock says five minutes more
    assert is_due(lives(their_end - NOW), BANK, ours)


@given(st.timedeltas(-5 * MINUTE, 5 * MINUTE), st.timedeltas(timedelta(0), HOUR))
@example(-5 * MINUTE, 30 * MINUTE)
@example(5 * MINUTE, 30 * MINUTE)
def test_whatever_a_clock_is_set_wrong_by_up_to_five_minutes_no_ended_token_is_handed_out(
    wrong: timedelta, passed: timedelta
) -> None:
    """Our clock is right when the token is granted, and wrong when it is asked for, or the other way round."""
    half_hour = lives(30 * MINUTE)
    ours, truly = NOW + passed + wrong, NOW + passed
    assert is_due(half_hour, BANK, ours) or truly < NOW + 30 * MINUTE


def test_every_provider_that_holds_money_has_a_margin_of_at_least_five_minutes() -> None:
    short = [profile.key for profile in list_profiles() if profile.refresh_margin < 5 * MINUTE]
    assert short == ["sandbox"], "which runs on this very machine"


def test_a_token_that_lives_less_than_two_margins_is_still_used_for_half_of_its_life() -> None:
    minute = lives(MINUTE)
    assert margin(minute, BANK) == MINUTE / 2
    assert not is_due(minute, BANK, NOW + timedelta(seconds=29))


def test_a_token_without_an_end_is_never_due_and_holds() -> None:
    assert not is_due(lives(None), BANK, NOW + 1000 * DAY)
    assert holds(None, NOW)
    assert next_look(lives(None), BANK) is None


def test_the_refresher_looks_before_whoever_uses_the_token_would_wait() -> None:
    half_hour = lives(30 * MINUTE)
    looks = [next_look(half_hour, BANK, spread=spread) for spread in (0.0, 1.0)]
    assert looks == [NOW + 25 * MINUTE, NOW + 22.5 * MINUTE]


def test_the_refresher_looks_when_it_has_to_warn_and_once_only() -> None:
    schwab = replace(BANK, warn_before=DAY)
    ending = lives(30 * DAY, 7 * DAY)
    assert next_look(ending, schwab, spread=0) == NOW + 6 * DAY
    assert next_look(replace(ending, is_warned=True), schwab, spread=0) == NOW + 30 * DAY - 5 * MINUTE


def test_a_token_without_a_refresh_token_is_warned_about_and_looked_at_at_its_end() -> None:
    alone = lives(10 * DAY, has_refresh=False)
    assert next_look(alone, BANK) == NOW + 9 * DAY
    assert next_look(replace(alone, is_warned=True), BANK) == NOW + 10 * DAY


def test_what_an_answer_omits_is_taken_from_the_grant_before_it() -> None:
    granted = complete(TokenGrant(SecretStr("new")), profile=BANK, earlier=EARLIER, began=NOW)
    assert granted.refresh_token == EARLIER.refresh_token
    assert granted.scope == "accounts"
    assert granted.granted_at == NOW


def test_an_answer_without_expires_in_lives_as_long_as_the_profile_says_from_the_start_of_the_request() -> (
    None
):
    profile = replace(BANK, access_ttl=10 * MINUTE)
    granted = complete(TokenGrant(SecretStr("new")), profile=profile, earlier=EARLIER, began=NOW)
    assert granted.expires_at == NOW + 10 * MINUTE


def test_refreshing_leaves_a_fixed_end_where_it_was_and_moves_another() -> None:
    answered = TokenGrant(SecretStr("new"), SecretStr("r2"))
    profile = replace(BANK, refresh_ttl=7 * DAY)
    fixed = replace(profile, is_refresh_ttl_fixed=True)
    assert complete(answered, profile=profile, earlier=EARLIER, began=NOW).refresh_expires_at == NOW + 7 * DAY
    assert complete(answered, profile=fixed, earlier=EARLIER, began=NOW).refresh_expires_at == NOW + 3 * DAY
    assert complete(answered, profile=fixed, earlier=None, began=NOW).refresh_expires_at == NOW + 7 * DAY


def test_a_grant_without_refresh_token_has_no_end_of_one() -> None:
    granted = complete(
        TokenGrant(SecretStr("new")), profile=replace(BANK, refresh_ttl=DAY), earlier=None, began=NOW
    )
    assert granted.refresh_expires_at is None


def test_required_scopes_are_missed_whatever_the_order() -> None:
    profile = replace(BANK, required_scopes=frozenset({"a", "b"}))
    assert missing_scopes("b a c", profile) == []
    assert missing_scopes("ab", profile) == ["a", "b"]


@given(st.integers(-5, 10_000), st.floats(0, 1), st.timedeltas(timedelta(0), timedelta(days=4000)))
def test_a_pause_grows_has_an_end_and_is_never_shorter_than_asked(
    failures: int, chance: float, asked: timedelta
) -> None:
    drawn = pause(failures, chance=chance)
    assert expiry.FIRST_PAUSE / 2 <= drawn <= expiry.LONGEST_PAUSE
    assert pause(failures + 1, chance=chance) >= drawn
    told = pause(failures, chance=chance, retry_after=asked)
    assert told == max(drawn, min(asked, expiry.MAX_RETRY_AFTER))


def test_those_who_failed_together_do_not_return_together() -> None:
    assert len({pause(4) for _ in range(20)}) > 1
    assert len({next_look(lives(HOUR), BANK) for _ in range(20)}) > 1
