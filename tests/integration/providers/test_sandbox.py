"""The sandbox and its adapter: the whole life of a grant, and every fault of the sandbox."""

import secrets
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr

from dashtam.connections.pkce import challenge_of
from dashtam.outgoing import Outgoing, open_outgoing
from dashtam.providers.base import OAuthAdapter, SecretAdapter, TokenGrant
from dashtam.providers.errors import (
    ClientRefused,
    GrantRefused,
    ProviderFailure,
    ProviderNotReady,
    ResponseUnusable,
)
from dashtam.providers.registry import build_registry
from dashtam.sandbox.consent import WRONG_ISSUER
from tests.support.banks.sandbox import Sandbox, carried

STATE = SecretStr("state-canary")
VERIFIER = SecretStr(secrets.token_urlsafe(48))


@pytest.fixture
async def adapter(sandbox: Sandbox) -> AsyncIterator[OAuthAdapter]:
    sandbox.turn()
    async with open_outgoing(sandbox.settings) as outgoing:
        found = build_registry(sandbox.settings, outgoing).get_usable("sandbox")
        assert isinstance(found, OAuthAdapter)
        assert not isinstance(found, SecretAdapter)
        yield found


def link(sandbox: Sandbox, adapter: OAuthAdapter, verifier: SecretStr = VERIFIER) -> str:
    challenge = challenge_of(verifier)
    return adapter.authorization_url(state=STATE, challenge=challenge, redirect_uri=sandbox.redirect_uri)


def get_code(sandbox: Sandbox, adapter: OAuthAdapter) -> SecretStr:
    return SecretStr(sandbox.visit(link(sandbox, adapter))["code"])


async def get_grant(sandbox: Sandbox, adapter: OAuthAdapter) -> TokenGrant:
    code = get_code(sandbox, adapter)
    return await adapter.exchange(code, verifier=VERIFIER, redirect_uri=sandbox.redirect_uri)


async def test_a_grant_is_given_used_refreshed_and_revoked(sandbox: Sandbox, adapter: OAuthAdapter) -> None:
    back = sandbox.visit(link(sandbox, adapter))
    assert back["state"] == STATE.get_secret_value()
    assert back["iss"] == adapter.issuer == f"{sandbox.settings.APP_URL}/sandbox"
    before = datetime.now(UTC)
    grant = await adapter.exchange(
        SecretStr(back["code"]), verifier=VERIFIER, redirect_uri=sandbox.redirect_uri
    )
    assert grant.granted_at is not None
    assert before <= grant.granted_at <= datetime.now(UTC)
    assert grant.expires_at == grant.granted_at + timedelta(minutes=5)
    assert grant.refresh_expires_at == grant.granted_at + timedelta(days=7)
    assert grant.scope == "accounts transactions"
    assert sandbox.accounts(grant.access_token.get_secret_value()).status_code == 200

    fresh = await adapter.refresh(grant)
    assert fresh.refresh_token is not None
    assert grant.refresh_token is not None
    assert fresh.refresh_token != grant.refresh_token
    assert fresh.access_token != grant.access_token
    assert sandbox.accounts(fresh.access_token.get_secret_value()).status_code == 200

    assert await adapter.revoke(fresh.refresh_token, hint="refresh_token")
    assert sandbox.accounts(fresh.access_token.get_secret_value()).status_code == 401
    with pytest.raises(GrantRefused):
        await adapter.refresh(fresh)
    assert await adapter.revoke(SecretStr("never-was-one"), hint="refresh_token")


def test_a_link_requests_the_configured_scopes_and_always_s256(
    sandbox: Sandbox, adapter: OAuthAdapter
) -> None:
    asked = carried(link(sandbox, adapter))
    assert asked.pop("scope").split() == list(adapter.profile.scopes)
    assert asked.pop("code_challenge") == challenge_of(VERIFIER)
    assert asked == {
        "response_type": "code",
        "client_id": "dashtam",
        "redirect_uri": sandbox.redirect_uri,
        "state": STATE.get_secret_value(),
        "code_challenge_method": "S256",
    }


async def test_no_secret_of_a_grant_shows(sandbox: Sandbox, adapter: OAuthAdapter) -> None:
    grant = await get_grant(sandbox, adapter)
    assert grant.refresh_token is not None
    for secret in (grant.access_token, grant.refresh_token):
        assert secret.get_secret_value() not in repr(grant) + sandbox.served.log


async def test_a_denial_is_reported(sandbox: Sandbox, adapter: OAuthAdapter) -> None:
    back = sandbox.visit(link(sandbox, adapter), decision="deny")
    assert back["error"] == "access_denied"
    assert "code" not in back


async def test_a_denial_may_carry_hostile_text(sandbox: Sandbox, adapter: OAuthAdapter) -> None:
    sandbox.turn(denies=True, denial="<script>alert(1)</script>{{7*7}}")
    back = sandbox.visit(link(sandbox, adapter))
    assert (back["error"], back["error_description"]) == ("access_denied", "<script>alert(1)</script>{{7*7}}")


@pytest.mark.parametrize(("knob", "expected"), [("wrong", WRONG_ISSUER), ("none", None)])
async def test_the_issuer_may_be_wrong_or_missing(
    sandbox: Sandbox, adapter: OAuthAdapter, knob: str, expected: str | None
) -> None:
    sandbox.turn(issuer=knob)
    assert sandbox.visit(link(sandbox, adapter)).get("iss") == expected


async def test_a_code_works_once_and_its_reuse_revokes_the_tokens(
    sandbox: Sandbox, adapter: OAuthAdapter
) -> None:
    code = get_code(sandbox, adapter)
    grant = await adapter.exchange(code, verifier=VERIFIER, redirect_uri=sandbox.redirect_uri)
    with pytest.raises(GrantRefused) as refused:
        await adapter.exchange(code, verifier=VERIFIER, redirect_uri=sandbox.redirect_uri)
    assert refused.value.detail == "invalid_grant"
    assert sandbox.accounts(grant.access_token.get_secret_value()).status_code == 401


async def test_a_code_may_be_accepted_twice(sandbox: Sandbox, adapter: OAuthAdapter) -> None:
    sandbox.turn(accepts_code_twice=True)
    code = get_code(sandbox, adapter)
    for _ in range(2):
        await adapter.exchange(code, verifier=VERIFIER, redirect_uri=sandbox.redirect_uri)


@pytest.mark.parametrize("wrong", ["verifier", "redirect_uri", "code"])
async def test_an_injected_code_does_not_match_the_verifier(
    sandbox: Sandbox, adapter: OAuthAdapter, wrong: str
) -> None:
    code = SecretStr("riddle") if wrong == "code" else get_code(sandbox, adapter)
    verifier = SecretStr("x" * 43) if wrong == "verifier" else VERIFIER
    redirect_uri = f"{sandbox.redirect_uri}/" if wrong == "redirect_uri" else sandbox.redirect_uri
    with pytest.raises(GrantRefused):
        await adapter.exchange(code, verifier=verifier, redirect_uri=redirect_uri)


async def test_a_server_that_ignores_pkce_still_gets_the_verifier(
    sandbox: Sandbox, adapter: OAuthAdapter
) -> None:
    """The browser's cookie then stops a forged redirect; see the tests of the callback."""
    sandbox.turn(ignores_pkce=True)
    code = get_code(sandbox, adapter)
    await adapter.exchange(code, verifier=SecretStr("x" * 43), redirect_uri=sandbox.redirect_uri)


async def test_an_expired_code_is_refused(sandbox: Sandbox, adapter: OAuthAdapter) -> None:
    code = get_code(sandbox, adapter)
    sandbox.turn(clock_offset_seconds=31)
    with pytest.raises(GrantRefused):
        await adapter.exchange(code, verifier=VERIFIER, redirect_uri=sandbox.redirect_uri)


@pytest.mark.parametrize("method", ["plain", "", "s256"])
async def test_the_server_accepts_only_s256_challenges(
    sandbox: Sandbox, adapter: OAuthAdapter, method: str
) -> None:
    back = sandbox.visit(link(sandbox, adapter).replace("S256", method))
    assert back["error"] == "invalid_request"


async def test_a_replaced_refresh_token_is_accepted_only_in_its_grace_period(
    sandbox: Sandbox, adapter: OAuthAdapter
) -> None:
    grant = await get_grant(sandbox, adapter)
    first = await adapter.refresh(grant)
    second = await adapter.refresh(grant)  # a client that lost the response retries
    assert first.refresh_token != second.refresh_token
    sandbox.turn(clock_offset_seconds=31)
    with pytest.raises(GrantRefused):
        await adapter.refresh(grant)
    assert sandbox.counters()["family_revoked"] == 1
    for late in (first, second):
        with pytest.raises(GrantRefused):
            await adapter.refresh(late)


async def test_without_rotation_the_refresh_token_stays(sandbox: Sandbox, adapter: OAuthAdapter) -> None:
    sandbox.turn(rotates=False)
    grant = await get_grant(sandbox, adapter)
    fresh = await adapter.refresh(grant)
    assert fresh.refresh_token == grant.refresh_token
    assert fresh.refresh_expires_at == grant.refresh_expires_at
    await adapter.refresh(fresh)


async def test_a_refresh_keeps_a_fixed_expiry(sandbox: Sandbox, adapter: OAuthAdapter) -> None:
    sandbox.turn(refresh_is_fixed=True, refresh_seconds=100)
    fresh = await adapter.refresh(await get_grant(sandbox, adapter))
    sandbox.turn(refresh_is_fixed=True, refresh_seconds=100, clock_offset_seconds=101)
    with pytest.raises(GrantRefused):
        await adapter.refresh(fresh)


async def test_members_that_a_refresh_omits_are_kept(sandbox: Sandbox, adapter: OAuthAdapter) -> None:
    grant = await get_grant(sandbox, adapter)
    sandbox.turn(omits=["refresh_token", "expires_in", "scope"])
    fresh = await adapter.refresh(grant)
    assert fresh.refresh_token == grant.refresh_token
    assert fresh.scope == grant.scope
    assert fresh.granted_at is not None
    assert fresh.expires_at == fresh.granted_at + timedelta(minutes=5)


async def test_a_narrowed_scope_is_reported(sandbox: Sandbox, adapter: OAuthAdapter) -> None:
    sandbox.turn(narrowed_scope="transactions", token_type="bEARER")
    grant = await get_grant(sandbox, adapter)
    assert grant.scope == "transactions"
    assert adapter.profile.missing_scopes(grant.scope) == {"accounts"}
    assert sandbox.accounts(grant.access_token.get_secret_value()).status_code == 403


@pytest.mark.parametrize(
    ("knobs", "failure", "detail"),
    [
        ({"fault": "400"}, GrantRefused, "invalid_grant"),
        ({"fault": "400", "fault_error": "invalid_client"}, ClientRefused, "invalid_client"),
        (
            {"fault": "400", "fault_error": "temporarily_unavailable"},
            ProviderNotReady,
            "temporarily_unavailable",
        ),
        ({"fault": "400", "fault_error": "of_their_own"}, ResponseUnusable, "unknown_answer"),
        ({"fault": "401"}, ClientRefused, "invalid_client"),
        ({"fault": "429", "retry_after": "7"}, ProviderNotReady, "too_many"),
        ({"fault": "503", "retry_after": "Wed, 21 Oct 2015 07:28:00 GMT"}, ProviderNotReady, "failing"),
        ({"fault": "html"}, ResponseUnusable, "not_json"),
        ({"fault": "bad_json"}, ResponseUnusable, "not_json"),
        ({"fault": "huge"}, ResponseUnusable, "too_large"),
        ({"fault": "redirect"}, ResponseUnusable, "redirected"),
        ({"fault": "hang_up"}, ProviderNotReady, "answer_lost"),
        ({"loses_answers": True}, ProviderNotReady, "answer_lost"),
        ({"token_type": "mac"}, ResponseUnusable, "token_type"),
    ],
)
async def test_each_failure_has_its_class_and_is_not_retried(
    sandbox: Sandbox,
    adapter: OAuthAdapter,
    knobs: dict[str, object],
    failure: type[ProviderFailure],
    detail: str,
) -> None:
    code = get_code(sandbox, adapter)
    sandbox.turn(**knobs)
    with pytest.raises(failure) as raised:
        await adapter.exchange(code, verifier=VERIFIER, redirect_uri=sandbox.redirect_uri)
    assert type(raised.value) is failure
    assert raised.value.detail == detail
    assert code.get_secret_value() not in str(raised.value)
    if "retry_after" in knobs:
        assert raised.value.retry_after == timedelta(seconds=7 if detail == "too_many" else 0)
    assert sandbox.counters()["token_requests"] == 1


async def test_a_code_is_not_sent_again_after_a_timeout(sandbox: Sandbox, adapter: OAuthAdapter) -> None:
    code = get_code(sandbox, adapter)
    sandbox.turn(delay_seconds=3)
    hurried = Outgoing(sandbox.settings, seconds=0.5)
    impatient = build_registry(sandbox.settings, hurried).get("sandbox")
    assert isinstance(impatient, OAuthAdapter)
    with pytest.raises(ProviderNotReady) as raised:
        await impatient.exchange(code, verifier=VERIFIER, redirect_uri=sandbox.redirect_uri)
    await hurried.close()
    assert raised.value.detail == "answer_lost"
    assert sandbox.counters()["token_requests"] == 1


@pytest.mark.parametrize(("status", "failure"), [(400, ResponseUnusable), (503, ProviderNotReady)])
async def test_a_token_that_could_not_be_revoked_counts_as_valid(
    sandbox: Sandbox, adapter: OAuthAdapter, status: int, failure: type[ProviderFailure]
) -> None:
    grant = await get_grant(sandbox, adapter)
    sandbox.turn(revocation=status)
    with pytest.raises(failure):
        await adapter.revoke(grant.access_token, hint="access_token")
    assert sandbox.accounts(grant.access_token.get_secret_value()).status_code == 200


async def test_an_unreachable_server_received_nothing(sandbox: Sandbox, adapter: OAuthAdapter) -> None:
    grant = await get_grant(sandbox, adapter)
    elsewhere = sandbox.settings.model_copy(update={"SANDBOX_SERVER": "127.0.0.1:1"})
    async with open_outgoing(elsewhere) as outgoing:
        lonely = build_registry(elsewhere, outgoing).get("sandbox")
        assert isinstance(lonely, OAuthAdapter)
        with pytest.raises(ProviderNotReady) as raised:
            await lonely.refresh(grant)
    assert raised.value.detail == "unreachable"
