"""Passwords are judged by length and by guesses, hashed with argon2id, and never by more threads than there are."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace

import pytest
from argon2 import Parameters, PasswordHasher, Type
from argon2.profiles import CHEAPEST
from pydantic import SecretStr

from dashtam.identity.errors import PasswordRefused, TooBusy
from dashtam.identity.passwords import LIVE, MAX_CHARACTERS, Passwords, open_passwords

GOOD = SecretStr("seven otters juggle lanterns")


@pytest.fixture
def passwords() -> Iterator[Passwords]:
    with open_passwords(CHEAPEST) as passwords:
        yield passwords


@pytest.mark.parametrize(
    "text",
    [
        "seven otters juggle lanterns",
        "x9#kQ2!mPz7&wLr4",
        "семь выдр жонглируют",
        "        leading and trailing        ",
        "🦦🏮🎪🧶🪁🦔🛶🧭🪵🎻🥁🪕🧊🌋🦜",
        "seven otters juggle lanterns" + "x" * (MAX_CHARACTERS - 28),
    ],
)
async def test_length_and_surprise_are_all_that_is_asked(passwords: Passwords, text: str) -> None:
    await passwords.judge(SecretStr(text))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "fewer than 15"),
        ("x9#kQ2!mPz7&wL", "fewer than 15"),
        ("seven otters juggle lanterns" * 5, "more than 128"),
        ("passwordpassword1", "guessed first"),
        ("aaaaaaaaaaaaaaaaaaaa", "guessed first"),
        ("qwertyuiopasdfgh", "guessed first"),
        ("123456789012345", "guessed first"),
        ("dashtam-dashtam-1", "guessed first"),
        ("ada.lovelace.1815", "guessed first"),
    ],
)
async def test_what_is_short_long_or_guessed_first_is_refused(
    passwords: Passwords, text: str, reason: str
) -> None:
    with pytest.raises(PasswordRefused, match=reason) as caught:
        await passwords.judge(SecretStr(text), context=["ada.lovelace@example.com", "ada.lovelace"])
    assert not text or text not in caught.value.sentence


async def test_the_words_of_the_context_count(passwords: Passwords) -> None:
    password = SecretStr("Zyxgorblattquomfrind1")
    await passwords.judge(password, context=[])
    with pytest.raises(PasswordRefused):
        await passwords.judge(password, context=["zyxgorblattquomfrind"])


async def test_a_password_fits_its_hash_and_no_other(passwords: Passwords) -> None:
    stored = await passwords.hash(GOOD)
    assert stored.startswith("$argon2id$")
    assert "otters" not in stored
    assert (await passwords.verify(stored, GOOD)).is_right
    assert not (await passwords.verify(stored, SecretStr(GOOD.get_secret_value() + " "))).is_right
    assert await passwords.hash(GOOD) != stored


async def test_nothing_is_cut_off(passwords: Passwords) -> None:
    long = "seven otters juggle lanterns" + "x" * 99
    stored = await passwords.hash(SecretStr(long + "a"))
    assert not (await passwords.verify(stored, SecretStr(long + "b"))).is_right


async def test_two_keyboards_may_spell_one_password_differently(passwords: Passwords) -> None:
    composed, decomposed = "caf\u00e9 caf\u00e9 caf\u00e9 1", "cafe\u0301 cafe\u0301 cafe\u0301 1"
    stored = await passwords.hash(SecretStr(composed))
    assert (await passwords.verify(stored, SecretStr(decomposed))).is_right


@pytest.mark.parametrize("stored", [None, "", "scrypt:x", "$argon2id$v=19$m=8", "$2b$12$" + "x" * 53])
async def test_what_is_no_hash_never_fits(passwords: Passwords, stored: str | None) -> None:
    for text in ("", "nobody's password", "scrypt:x"):
        assert not (await passwords.verify(stored, SecretStr(text))).is_right


@pytest.mark.parametrize(
    "stronger",
    [
        replace(CHEAPEST, time_cost=2),
        replace(CHEAPEST, memory_cost=16),
        replace(CHEAPEST, hash_len=20),
        replace(CHEAPEST, salt_len=16),
    ],
)
async def test_a_hash_with_weaker_parameters_is_told_and_one_with_stronger_is_left_alone(
    stronger: Parameters,
) -> None:
    with open_passwords(CHEAPEST) as before, open_passwords(stronger) as after:
        old, new = await before.hash(GOOD), await after.hash(GOOD)
        assert await after.verify(old, GOOD) == (True, True)
        assert await after.verify(new, GOOD) == (True, False)
        assert await before.verify(new, GOOD) == (True, False)
        assert not (await after.verify(old, SecretStr("wrong"))).is_outdated


async def test_another_kind_of_argon2_is_outdated(passwords: Passwords) -> None:
    stored = PasswordHasher(1, 8, 1, type=Type.I).hash(GOOD.get_secret_value())
    assert await passwords.verify(stored, GOOD) == (True, True)


def test_the_live_parameters_are_not_below_what_owasp_asks() -> None:
    assert LIVE.type is Type.ID
    assert LIVE.memory_cost >= 19_456
    assert LIVE.time_cost >= 2


async def test_the_dummy_costs_what_a_wrong_password_costs() -> None:
    with open_passwords() as passwords:
        assert f"m={LIVE.memory_cost},t={LIVE.time_cost},p={LIVE.parallelism}" in passwords._dummy


async def test_a_flood_is_refused_and_then_forgotten(passwords: Passwords) -> None:
    answers = await asyncio.gather(*(passwords.hash(GOOD) for _ in range(50)), return_exceptions=True)
    refused = [answer for answer in answers if isinstance(answer, TooBusy)]
    assert len(refused) == 18
    assert refused[0].headers == {"Retry-After": "2"}
    assert (await passwords.hash(GOOD)).startswith("$argon2id$")


async def test_who_goes_away_frees_the_place(passwords: Passwords) -> None:
    for _ in range(3):
        tasks = [asyncio.create_task(passwords.hash(GOOD)) for _ in range(32)]
        await asyncio.wait(tasks, timeout=0)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        async with asyncio.timeout(30):
            while vars(passwords)["_jobs"]:
                await asyncio.wait([asyncio.create_task(asyncio.to_thread(int))])
    await passwords.hash(GOOD)


async def test_the_event_loop_goes_on_while_passwords_are_hashed() -> None:
    with open_passwords() as passwords:
        work = asyncio.create_task(passwords.hash(GOOD))
        turns = 0
        while not work.done():
            turns += 1
            await asyncio.wait([asyncio.create_task(asyncio.to_thread(int))])
        assert turns > 5
