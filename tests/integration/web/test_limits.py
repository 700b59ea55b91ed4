"""Credentials are tried so often and no oftener, and nobody can use up what is somebody else's."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from argon2.profiles import CHEAPEST
from pydantic import SecretStr
from quart import Quart

from dashtam.app import create_app
from dashtam.cache import attempts, open_cache
from dashtam.identity.passwords import open_passwords
from dashtam.models import AuditEntry, UserSession
from dashtam.resources import Resources, build_identity
from dashtam.security.tokens import hashed
from dashtam.settings.addresses import CacheAddress
from dashtam.settings.model import TestSettings
from dashtam.web.limits import ACCOUNT, LETTERS, NETWORK, PAIR, Rule
from tests.support.people.visiting import MakeVisitor, make_person
from tests.support.people.visitors import OTHER_PASSWORD, PASSWORD, Postbox, Visitor, problem

ADA = "ada@example.com"
WRONG = {"email": ADA, "password": OTHER_PASSWORD}
RIGHT = {"email": ADA, "password": PASSWORD}


async def use_up(resources: Resources, rule: Rule, subject: str) -> None:
    for _ in range(rule.most):
        await resources.cache.count(attempts(rule.name, subject), window=rule.window)


async def test_guessing_from_one_network_is_stopped_and_the_owner_is_let_in_from_another(
    visitor: Visitor,
) -> None:
    await make_person(ADA)
    guesser = Visitor(visitor.client, ip="198.51.100.66")
    statuses = [(await guesser.ask("POST", "sessions", WRONG)).status_code for _ in range(PAIR.most)]
    assert set(statuses) == {401}
    for body in (WRONG, RIGHT):
        refused = await guesser.ask("POST", "sessions", body)
        assert await problem(refused) == (429, "too_many_requests")
        assert 0 < int(refused.headers["Retry-After"]) <= PAIR.window.total_seconds()
    await visitor.sign_in(ADA)
    assert await AuditEntry.filter(action="attempts.limited").count() == 1


async def test_an_address_that_nobody_has_is_limited_alike(visitor: Visitor) -> None:
    body = {**WRONG, "email": "nobody@example.com"}
    statuses = [(await visitor.ask("POST", "sessions", body)).status_code for _ in range(PAIR.most + 1)]
    assert statuses == [401] * PAIR.most + [429]


async def test_a_crowd_of_guessers_shuts_out_strangers_but_not_a_known_device(
    visitor: Visitor, resources: Resources
) -> None:
    await make_person(ADA)
    home = Visitor(visitor.client, ip="203.0.113.5")
    await home.sign_in(ADA)
    await use_up(resources, ACCOUNT, hashed(ADA)[:32])
    stranger = Visitor(visitor.client, ip="198.51.100.67")
    assert (await stranger.ask("POST", "sessions", RIGHT)).status_code == 429
    home.token = None
    await home.sign_in(ADA)


async def test_one_network_tries_many_accounts_no_oftener(visitor: Visitor, resources: Resources) -> None:
    await use_up(resources, NETWORK, visitor.ip)
    refused = await visitor.ask("POST", "sessions", {"email": "x@example.com", "password": "x"})
    assert refused.status_code == 429
    for path, body in (
        ("users/verifications", {"code": "x", "password": "x"}),
        ("users/password-resets", {"email": ADA}),
        ("users/password-resets/completions", {"code": "x", "new_password": "x"}),
        ("sessions/refreshes", {"refresh_token": "x"}),
        ("users", RIGHT),
    ):
        assert (await visitor.ask("POST", path, body)).status_code == 429


async def test_a_neighbour_in_the_same_64_bits_of_ipv6_is_the_same_network(visitor: Visitor) -> None:
    for number in range(PAIR.most + 1):
        neighbour = Visitor(visitor.client, ip=f"2001:db8:0:7::{number + 1:x}")
        status = (await neighbour.ask("POST", "sessions", WRONG)).status_code
    assert status == 429
    other = Visitor(visitor.client, ip="2001:db8:0:8::1")
    assert (await other.ask("POST", "sessions", WRONG)).status_code == 401


async def test_an_address_is_sent_a_few_letters_an_hour_known_or_not(
    visitor: Visitor, postbox: Postbox
) -> None:
    await make_person(ADA)
    for email in (ADA, "nobody@example.com"):
        statuses = [
            (await visitor.ask("POST", "users/password-resets", {"email": email})).status_code
            for _ in range(LETTERS.most + 1)
        ]
        assert statuses == [202] * LETTERS.most + [429]
    assert len(postbox.emails) == 2 * LETTERS.most


async def test_an_answer_tells_where_the_caller_stands(visitor: Visitor) -> None:
    response = await visitor.ask("POST", "sessions", WRONG)
    assert response.headers["RateLimit-Policy"] == (
        '"network";q=60;w=600, "pair";q=10;w=900, "account";q=100;w=3600'
    )
    assert response.headers["RateLimit"] == '"network";r=59;t=600, "pair";r=9;t=900, "account";r=99;t=3600'
    assert "RateLimit" not in (await visitor.ask("GET", "providers")).headers


async def test_a_forged_header_is_no_other_network(visitor: Visitor) -> None:
    for number in range(PAIR.most):
        await visitor.ask("POST", "sessions", WRONG, X_Forwarded_For=f"198.51.100.{number}")
    assert (await visitor.ask("POST", "sessions", WRONG, X_Forwarded_For="6.6.6.6")).status_code == 429


async def test_behind_a_trusted_proxy_its_clients_are_told_apart(
    visitor: Visitor, resources: Resources, settings: TestSettings
) -> None:
    proxied = settings.model_copy(update={"TRUSTED_PROXIES": visitor.ip})
    client = create_app(proxied, resources=resources).test_client()
    inside = Visitor(client, ip=visitor.ip)
    for _ in range(PAIR.most + 1):
        last = await inside.ask("POST", "sessions", WRONG, X_Forwarded_For="6.6.6.6, 198.51.100.68")
    assert last.status_code == 429
    assert (await inside.ask("POST", "sessions", WRONG, X_Forwarded_For="198.51.100.69")).status_code == 401
    assert await AuditEntry.exists(ip="198.51.100.68", action="session.started")


@pytest.fixture
async def without_redis(
    resources: Resources, settings: TestSettings, postbox: Postbox
) -> AsyncIterator[Quart]:
    away = CacheAddress("127.0.0.1", 1, 1, SecretStr("x"))
    async with open_cache(away, environment="testing", process="test") as cache:
        with open_passwords(CHEAPEST) as passwords:
            people = build_identity(
                resources.settings, cache, resources.keys, passwords, resources.trail, postbox
            )
            yield create_app(settings, resources=replace(resources, cache=cache, identity=people))


async def test_without_redis_nobody_tries_credentials_and_everybody_reads(
    signed_in: MakeVisitor, without_redis: Quart, postbox: Postbox
) -> None:
    ada = await signed_in(ADA)
    ada.client = without_redis.test_client()
    assert (await ada.ask("GET", "users/me")).status_code == 200
    assert (await ada.ask("GET", "providers")).status_code == 200
    nobody = Visitor(ada.client)
    for path, body in (
        ("sessions", RIGHT),
        ("sessions/refreshes", {"refresh_token": "x"}),
        ("users", {"email": "new@example.com", "password": PASSWORD}),
        ("users/password-resets", {"email": ADA}),
    ):
        assert await problem(await nobody.ask("POST", path, body)) == (503, "cache_not_ready")
    assert not postbox.emails


async def test_without_redis_a_session_does_not_end_by_half(
    signed_in: MakeVisitor, without_redis: Quart
) -> None:
    ada = await signed_in(ADA)
    ada.client = without_redis.test_client()
    assert await problem(await ada.ask("DELETE", "sessions/current")) == (503, "cache_not_ready")
    assert await UserSession.all().count() == 1
    (entry,) = await AuditEntry.filter(action="session.ended", ip=ada.ip)
    assert entry.outcome.value == "failed"
    assert (await ada.ask("GET", "users/me")).status_code == 200
