"""The callback without a pending request: every redirect gets the same small page, and an audit entry."""

import asyncio
from urllib.parse import quote
from uuid import UUID

import pytest
from pydantic import SecretStr
from quart.testing.utils import sentinel
from quart.typing import TestClientProtocol as Client
from tortoise.queryset import QuerySet
from uuid_utils.compat import uuid7

from dashtam.app import create_callback_app
from dashtam.cache import open_cache
from dashtam.connections.callbacks import MAX_REFUSED
from dashtam.models import AuditEntry, Outcome
from dashtam.providers.registry import Registry
from dashtam.resources import Resources, open_resources
from dashtam.settings.addresses import CacheAddress
from dashtam.settings.model import TestSettings
from tests.support.people.linking import relinked

PATH = "/callback/schwab"
HOSTILE = [
    "",
    "code=canary",
    "state=canary",
    "code=canary&state=canary",
    "code=canary&code=canary&state=canary&state=canary",
    "code=canary&error=canary&state=canary",
    "access_token=canary",
    "error=%3Cscript%3Ecanary%3C/script%3E&error_description={{7*7}}canary&error_uri=https://canary",
    "next=//canary",
    "next=javascript:canary",
    f"state={'canary' * 2000}",
    "state=%00canary",
    "state[]=canary",
    "state=%0d%0aSet-Cookie:%20canary=1",
    "code=%E2%80%AEcanary",
]


@pytest.fixture
def since() -> UUID:
    """A key that is older than the test's entries; earlier entries of a real server cannot be removed."""
    return uuid7()


def entries(since: UUID) -> QuerySet[AuditEntry]:
    return AuditEntry.filter(action="authorization.refused", id__gt=since)


@pytest.mark.parametrize("query", HOSTILE)
async def test_an_unexpected_redirect_is_refused_and_not_repeated(client: Client, query: str) -> None:
    response = await client.get(f"{PATH}?{query}")
    text = await response.get_data(as_text=True)
    assert response.status_code == 400
    assert "Nothing was connected" in text
    assert "canary" not in text + str(response.headers)
    assert "49" not in text


async def test_all_refusals_look_the_same(client: Client) -> None:
    pages = {await (await client.get(f"{PATH}?{query}")).get_data() for query in HOSTILE}
    assert len(pages) == 1


async def test_the_page_loads_nothing_runs_nothing_and_is_not_cached(client: Client) -> None:
    response = await client.get(f"{PATH}?code=a&state=b")
    assert response.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["Referrer-Policy"] == "no-referrer"
    assert response.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "Set-Cookie" not in response.headers
    assert "Location" not in response.headers
    text = await response.get_data(as_text=True)
    assert not [word for word in ("http", "src=", "href=", "<script", "<style", "style=") if word in text]


async def test_a_refusal_is_audited_without_the_parameters_of_the_redirect(
    client: Client, since: UUID
) -> None:
    await client.get(
        f"{PATH}?code=canary&state=canary", headers={"User-Agent": f"Browser\x1b[2J{'x' * 1000}"}
    )
    entry = await entries(since).get()
    assert entry.outcome is Outcome.DENIED
    assert entry.actor == "anonymous"
    assert entry.details == {"provider_key": "schwab", "reason": "malformed"}
    assert entry.user_agent is not None
    assert len(entry.user_agent) == 512
    assert "\x1b" not in entry.user_agent
    assert "canary" not in str(entry.__dict__)


async def test_a_stranger_cannot_fill_the_audit_trail(client: Client, since: UUID) -> None:
    statuses = [(await client.get(PATH)).status_code for _ in range(MAX_REFUSED + 5)]
    assert statuses == [400] * MAX_REFUSED + [429] * 5
    assert await entries(since).count() == MAX_REFUSED


@pytest.mark.usefixtures("database")
async def test_parallel_redirects_are_all_refused_and_audited(settings: TestSettings, since: UUID) -> None:
    """Each has its own database transaction, as in production."""
    async with open_resources(settings, process="pytest") as resources:
        client = create_callback_app(settings, resources=resources).test_client()
        base = {"client": ("127.0.0.3", 1)}
        responses = await asyncio.gather(*(client.get(PATH, scope_base=base) for _ in range(10)))
    assert {response.status_code for response in responses} <= {400, 429}
    refused = [response for response in responses if response.status_code == 400]
    assert await entries(since).count() == len(refused)


@pytest.mark.parametrize("method", ["HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
@pytest.mark.parametrize("path", [PATH, "/health/live"])
async def test_only_get_is_accepted(client: Client, path: str, method: str) -> None:
    response = await client.open(path, method=method, json=sentinel)
    assert response.status_code == 405
    assert response.headers["Allow"] == "GET"


@pytest.mark.parametrize(
    "path", ["/", "/callback", "/callback/", "/callback/a/b", "/docs", "/openapi.json", "/api/v1/providers"]
)
async def test_no_other_path_is_served(client: Client, path: str) -> None:
    response = await client.get(path)
    assert response.status_code == 404
    assert "Page not found" in await response.get_data(as_text=True)


@pytest.mark.parametrize("key", ["UPPER", "a.b", "<script>", "x" * 65, "\u0430", "a b", "a%0d%0ab"])
async def test_an_invalid_provider_key_is_not_found(client: Client, since: UUID, key: str) -> None:
    response = await client.get(f"/callback/{quote(key)}")
    assert response.status_code == 404
    assert not await entries(since).exists()


@pytest.mark.parametrize("headers", [{"Host": "evil.example"}, {"Host": "localhost.evil.example"}])
async def test_another_host_is_refused(client: Client, headers: dict[str, str]) -> None:
    assert (await client.get(PATH, headers=headers)).status_code == 421


async def test_forwarded_headers_change_nothing(client: Client, since: UUID) -> None:
    headers = {"X-Forwarded-Host": "evil.example", "X-Forwarded-For": "6.6.6.6", "Remote-Addr": "6.6.6.6"}
    await client.get(PATH, headers=headers, scope_base={"client": ("127.0.0.2", 1)})
    assert (await entries(since).get()).ip == "127.0.0.2"


async def test_without_redis_nothing_is_stored_and_the_page_says_so(
    resources: Resources, settings: TestSettings, since: UUID
) -> None:
    at = CacheAddress("127.0.0.1", 1, 1, SecretStr("x"))
    async with open_cache(at, environment="testing", process="test") as cache:
        app = create_callback_app(settings, resources=relinked(resources, Registry([]), cache=cache))
        response = await app.test_client().get(f"{PATH}?code=canary")
    assert response.status_code == 503
    assert "Nothing was connected" in await response.get_data(as_text=True)
    assert not await entries(since).exists()


async def test_health_is_served_here_too(client: Client) -> None:
    assert (await client.get("/health/live")).status_code == 200
    assert (await client.get("/health/ready")).status_code == 200


@pytest.mark.parametrize("name", ["error_description", "error_uri", "state", "code", "x"])
async def test_a_megabyte_is_refused_unread_and_not_repeated(client: Client, since: UUID, name: str) -> None:
    response = await client.get(f"{PATH}?error=access_denied&{name}={'canary' * 175_000}")
    text = await response.get_data(as_text=True)
    assert response.status_code == 414
    assert "canary" not in text + str(response.headers)
    assert len(text) < 2000
    assert not await entries(since).exists()
