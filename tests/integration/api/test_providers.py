"""GET /api/v1/providers."""

from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from quart.typing import TestClientProtocol as Client
from tortoise.backends.base.client import BaseDBAsyncClient

from dashtam.models import Provider
from tests.support.makers.rows import make_provider

PATH = "/api/v1/providers"


async def test_an_empty_catalogue_is_an_empty_page(client: Client) -> None:
    await Provider.all().delete()
    response = await client.get(PATH)
    assert response.status_code == 200
    assert await response.get_json() == {"items": [], "next": None}
    assert "Link" not in response.headers


async def test_an_entry_shows_what_a_client_may_know(client: Client) -> None:
    await Provider.all().delete()
    await make_provider(key="sandbox", name="Sandbox", is_available=True)
    response = await client.get(PATH)
    assert (await response.get_json())["items"] == [
        {
            "key": "sandbox",
            "name": "Sandbox",
            "description": "An invented bank.",
            "website": "https://bank.example.com",
            "authorization": "oauth2",
            "is_available": True,
        }
    ]


async def test_a_provider_without_client_id_or_without_adapter_is_not_available(client: Client) -> None:
    await Provider.all().delete()
    for key in ("schwab", "plaid"):
        await make_provider(key=key, is_available=True)
    response = await client.get(PATH)
    assert [entry["is_available"] for entry in (await response.get_json())["items"]] == [False, False]


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 8, 100])
async def test_the_pages_together_are_the_whole_catalogue_in_order(client: Client, limit: int) -> None:
    await Provider.all().delete()
    keys = [(await make_provider()).key for _ in range(7)]
    seen: list[str] = []
    path: str | None = f"{PATH}?limit={limit}"
    while path:
        response = await client.get(path)
        page = await response.get_json()
        assert 1 <= len(page["items"]) <= limit
        seen += [entry["key"] for entry in page["items"]]
        path = page["next"]
        assert response.headers.get("Link") == (f'<{path}>; rel="next"' if path else None)
    assert seen == sorted(keys)


async def test_an_entry_that_comes_between_two_pages_hides_and_repeats_nothing(
    client: Client,
) -> None:
    await Provider.all().delete()
    for key in ("b", "d", "f"):
        await make_provider(key=key)
    first = await (await client.get(f"{PATH}?limit=2")).get_json()
    await make_provider(key="a")
    await make_provider(key="e")
    second = await (await client.get(first["next"])).get_json()
    assert [entry["key"] for page in (first, second) for entry in page["items"]] == ["b", "d", "e", "f"]


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=-1", "limit"),
        ("limit=x", "limit"),
        ("limit=1&limit=2", "limit"),
        ("limit=99999999999999999999", "limit"),
        ("after=%00", "after"),
        ("after=A'--", "after"),
        (f"after={'a' * 65}", "after"),
        ("offset=1", "offset"),
        ("limit[]=1", "limit[]"),
    ],
)
async def test_a_parameter_out_of_bounds_is_named_and_not_repeated(
    client: Client, query: str, name: str
) -> None:
    response = await client.get(f"{PATH}?{query}")
    problem = await response.get_json()
    assert response.status_code == 400
    assert problem["code"] == "invalid_request"
    assert [part["name"] for part in problem["errors"]] == [name]


@given(query=st.dictionaries(st.sampled_from(["limit", "after", "x"]), st.text()))
@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
async def test_any_query_is_answered_or_refused(client: Client, query: dict[str, str]) -> None:
    response = await client.get(f"{PATH}?{urlencode(query)}")
    assert response.status_code in {200, 400}


async def test_writing_is_not_allowed(client: Client, transaction: BaseDBAsyncClient) -> None:
    response = await client.post(PATH, json={})
    assert response.status_code == 405
    assert "GET" in response.headers["Allow"]
