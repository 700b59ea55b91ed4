"""A body is JSON that fits, or it is refused with the name of each part and nothing of its value."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from quart.typing import TestClientProtocol as Client

from dashtam.web.body import MAX_NESTING
from tests.support.servers.noteboard import build_app

JSON = {"Content-Type": "application/json"}
CANARY = "canary"
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters()), inner),
)


@pytest.fixture(scope="module")
def client() -> Client:
    return build_app().test_client()


async def send(client: Client, body: bytes | str, headers: dict[str, str] = JSON) -> tuple[int, Any, Any]:
    data = body if isinstance(body, bytes) else body.encode()
    response = await client.post("/echo", data=data, headers=headers)
    return response.status_code, await response.get_json(force=True), response.headers


async def test_what_fits_is_read(client: Client) -> None:
    sent = {
        "text": "größe 👋 \n",
        "count": 3,
        "share": 1,
        "id": "0191b3b1-0000-7000-8000-000000000000",
        "on": "2026-11-26",
        "places": [{"city": "Zürich"}],
    }
    status, read, _ = await send(client, json.dumps(sent))
    assert status == 201
    assert read == {**sent, "kind": "plain", "secret": None, "share": 1.0}


@pytest.mark.parametrize("number", ["3", "3.0", "3e0", "0.3e1"])
async def test_a_number_is_an_integer_by_its_value(client: Client, number: str) -> None:
    status, read, _ = await send(client, f'{{"text": "x", "count": {number}}}')
    assert (status, read["count"]) == (201, 3)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "multipart/form-data; boundary=x"},
        {"Content-Type": "application/merge-patch+json"},
        {"Content-Type": "application/json; charset=utf-16"},
        {"Content-Type": "canary"},
        {**JSON, "Content-Encoding": "gzip"},
        {**JSON, "Content-Encoding": "canary"},
    ],
)
async def test_another_type_or_a_compressed_body_is_refused_and_told_what_is_taken(
    client: Client, headers: dict[str, str]
) -> None:
    status, problem, answered = await send(client, '{"text": "x"}', headers)
    assert (status, problem["code"]) == (415, "unsupported_media_type")
    assert (answered["Accept"], answered["Accept-Encoding"]) == ("application/json", "identity")
    assert CANARY not in str(problem)


@pytest.mark.parametrize("value", ["application/json; charset=UTF-8", "Application/JSON"])
async def test_the_type_may_name_its_charset(client: Client, value: str) -> None:
    assert (await send(client, '{"text": "x"}', {"Content-Type": value}))[0] == 201


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"", "not JSON at line 1, column 1"),
        (b"canary", "not JSON at line 1, column 1"),
        (b'{"text":\n canary}', "not JSON at line 2, column 2"),
        (b'{"text": "x"} canary', "not JSON at line 1, column 15"),
        (b'\xef\xbb\xbf{"text": "x"}', "not JSON at line 1, column 1"),
        (b'{"text": "\xff"}', "not UTF-8 from byte 10 on"),
        ('{"text": "x"}'.encode("utf-16"), "not UTF-8 from byte 0 on"),
        (b'{"text": "a\nb"}', "not JSON at line 1, column 12"),
        (b"{'text': 'x'}", "not JSON at line 1, column 2"),
        (b'{"text": "x",}', "not JSON at line 1, column 1"),  # 13 or 14, by the version of Python
        (b'{"text": "x", "text": "y"}', "an object has a member twice"),
        (b'{"text": "x", "places": [{"city": "a", "city": "a"}]}', "an object has a member twice"),
        (b'{"text": "x", "share": NaN}', "NaN and Infinity are no JSON"),
        (b'{"text": "x", "share": -Infinity}', "NaN and Infinity are no JSON"),
        (b'{"text": "x", "share": 1e999}', "a number is too large"),
        (b'{"text": "x", "count": ' + b"9" * 60_000 + b"}", "a number is too large"),
        (b"[" * 65_000, "nested more than 32 deep"),
        (b'{"a":' * 13_000, "nested more than 32 deep"),
        (b"[" * 33 + b"]" * 33, "nested more than 32 deep"),
    ],
)
async def test_what_is_not_json_is_told_where(client: Client, body: bytes, told: str) -> None:
    status, problem, _ = await send(client, body)
    assert (status, problem["code"]) == (400, "malformed_body")
    (part,) = problem["errors"]
    assert part["name"] == "body"
    assert part["message"].startswith(told)
    assert CANARY not in str(problem)


async def test_brackets_in_texts_are_no_nesting(client: Client) -> None:
    assert (await send(client, json.dumps({"text": '"[' * 50})))[0] == 201


async def test_nesting_up_to_the_limit_is_only_unfit(client: Client) -> None:
    assert (await send(client, "[" * MAX_NESTING + "]" * MAX_NESTING))[0] == 422


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ("null", ""),
        ('["canary"]', ""),
        ("{}", "text"),
        ('{"text": null}', "text"),
        ('{"text": 1}', "text"),
        (f'{{"text": "{CANARY * 30}"}}', "text"),
        ('{"text": "x", "count": "1"}', "count"),
        ('{"text": "x", "count": 1.5}', "count"),
        ('{"text": "x", "count": true}', "count"),
        ('{"text": "x", "count": -1}', "count"),
        ('{"text": "x", "count": 1e300}', "count"),
        ('{"text": "x", "kind": "canary"}', "kind"),
        ('{"text": "x", "id": "canary"}', "id"),
        ('{"text": "x", "on": "canary"}', "on"),
        ('{"text": "x", "secret": ["canary"]}', "secret"),
        ('{"text": "x", "unknown": "canary"}', "unknown"),
        ('{"text": "x", "places": [{"city": "a"}, {"city": "b", "street": "canary"}]}', "places.1.street"),
        (r'{"text": "\u0000canary"}', "text"),
        (r'{"text": "\ud800canary"}', "text"),
        (r'{"text": "x", "places": [{"city": "\udfff"}]}', "places.0.city"),
        (r'{"text": "x", "\ud800": "canary"}', "?"),
        (r'{"text": "x", "a\u0000": "canary"}', "a\0"),
        (f'{{"text": "x", "{"a" * 1000}": 1}}', "a" * 64),
    ],
)
async def test_a_part_that_does_not_fit_is_named_and_not_repeated(
    client: Client, body: str, name: str
) -> None:
    status, problem, _ = await send(client, body)
    assert (status, problem["code"]) == (422, "invalid_body")
    assert [part["name"] for part in problem["errors"]] == [name]
    assert CANARY not in str(problem)


async def test_not_even_one_character_of_a_value_is_repeated(client: Client) -> None:
    _, problem, _ = await send(client, '{"text": "x", "id": "§"}')
    assert problem["errors"] == [{"name": "id", "message": "Input should be a valid UUID"}]


async def test_every_part_is_told_at_once_up_to_twenty(client: Client) -> None:
    _, problem, _ = await send(client, '{"count": -1, "kind": 1}')
    assert {part["name"] for part in problem["errors"]} == {"text", "count", "kind"}
    many = {str(number): "\0" for number in range(100)}
    for body in (json.dumps(many), json.dumps(many).replace("\\u0000", "")):
        assert len((await send(client, body))[1]["errors"]) == 20


async def test_a_body_beyond_the_limit_is_refused_whether_or_not_it_says_its_length(client: Client) -> None:
    async with client.request("/echo", method="POST", headers=JSON) as request:
        for _ in range(9):
            await request.send(b" " * 8192)
    response = await request.as_response()
    assert response.status_code == 413
    assert (await response.get_json(force=True))["code"] == "content_too_large"


async def test_a_body_that_never_ends_is_given_up(client: Client) -> None:
    async with client.request("/echo", method="POST", headers=JSON) as request:
        await request.send(b"{")
    response = await request.as_response()
    assert response.status_code == 408
    assert response.content_type == "application/problem+json"


@given(value=ANY_JSON)
async def test_any_json_is_read_or_refused(client: Client, value: object) -> None:
    status, _, _ = await send(client, json.dumps(value))
    assert status in {201, 400, 422}


@given(body=st.binary() | st.text(st.characters(codec="utf-8")).map(str.encode))
async def test_anything_else_is_refused(client: Client, body: bytes) -> None:
    assert (await send(client, body))[0] in {400, 422}
