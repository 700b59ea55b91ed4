"""What a client has is not sent again, and what it has not seen is not overwritten."""

import pytest
from quart.typing import TestClientProtocol as Client

from dashtam.database.versions import Precondition, version_of
from dashtam.models import Provider
from dashtam.resources import Resources
from tests.support.makers.rows import make_provider
from tests.support.servers.noteboard import build_app

CATALOGUE = "/api/v1/providers?limit=1"


@pytest.fixture
def noteboard(resources: Resources) -> Client:
    return build_app(resources).test_client()


async def test_the_catalogue_is_sent_once(client: Client) -> None:
    first = await client.get(CATALOGUE)
    tag = first.headers["ETag"]
    assert first.headers["Cache-Control"] == "no-cache"
    for known in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        second = await client.get(CATALOGUE, headers={"If-None-Match": known})
        assert second.status_code == 304 or known == "*"
    assert (await second.get_data()) in {b"", await first.get_data()}


async def test_304_says_what_200_says_and_has_no_body(client: Client) -> None:
    await make_provider()
    first = await client.get(CATALOGUE)
    second = await client.get(CATALOGUE, headers={"If-None-Match": first.headers["ETag"]})
    assert (second.status_code, await second.get_data()) == (304, b"")
    for name in ("ETag", "Cache-Control", "Link", "X-Content-Type-Options"):
        assert second.headers.get(name) == first.headers.get(name)


@pytest.mark.parametrize("known", ['"other"', "", "canary", '"', "W/", "\xff", '"a" "b"'])
async def test_another_version_is_no_reason_to_keep_silent(client: Client, known: str) -> None:
    assert (await client.get(CATALOGUE, headers={"If-None-Match": known})).status_code == 200


async def test_a_changed_catalogue_is_sent_anew(client: Client) -> None:
    await Provider.all().delete()
    await make_provider(key="b")
    tag = (await client.get(CATALOGUE)).headers["ETag"]
    await make_provider(key="a")
    changed = await client.get(CATALOGUE, headers={"If-None-Match": tag})
    assert changed.status_code == 200
    assert changed.headers["ETag"] != tag


async def put(client: Client, key: str, headers: dict[str, str]) -> tuple[int, str, str]:
    response = await client.put(f"/notes/{key}", json={"text": "new"}, headers=headers)
    problem = (await response.get_json(force=True))["code"] if response.status_code >= 400 else ""
    return response.status_code, problem, response.headers.get("ETag", "")


async def test_a_change_needs_the_version_that_was_read(noteboard: Client) -> None:
    key = (await make_provider(description="old")).key
    tag = (await noteboard.get(f"/notes/{key}")).headers["ETag"]
    assert await put(noteboard, key, {}) == (428, "precondition_required", "")
    assert await put(noteboard, key, {"If-Match": '"other"'}) == (412, "precondition_failed", "")
    assert (await Provider.get(key=key)).description == "old"
    status, _, changed = await put(noteboard, key, {"If-Match": tag})
    assert (status, (await Provider.get(key=key)).description) == (200, "new")
    assert changed not in {tag, ""}
    assert (await put(noteboard, key, {"If-Match": tag}))[0] == 412
    assert (await put(noteboard, key, {"If-Match": f'"other", {changed}'}))[0] == 200


async def test_a_weak_version_is_not_enough_for_a_change_and_a_star_is(noteboard: Client) -> None:
    key = (await make_provider()).key
    tag = (await noteboard.get(f"/notes/{key}")).headers["ETag"]
    for given, status in ((f"W/{tag}", 412), ("", 412), ('"", "0"', 412), ("canary", 412), ("*", 200)):
        assert (await put(noteboard, key, {"If-Match": given}))[0] == status


def test_parts_do_not_run_into_each_other() -> None:
    assert version_of("a", "b") == version_of("a", "b")
    assert len({version_of("a", "b"), version_of("ab"), version_of("", "ab"), version_of("a", b"b", "")}) == 4


def test_a_precondition_for_any_version_holds() -> None:
    Precondition(None).require("a")
