"""The OpenAPI document is valid and says what the routes do; its page needs nothing but this server."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

from openapi_spec_validator import OpenAPIV31SpecValidator
from quart import Quart
from quart.typing import TestClientProtocol as Client

from tests.support.makers.rows import make_provider

SECRET = re.compile(r"token|secret|password|verifier|sealed|cookie|codes|^state$|^grant")


class Links(HTMLParser):
    """Collects whatever a page loads, and the code that it carries itself."""

    def __init__(self) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.inline: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.loaded += [value for name in ("src", "href") if (value := values.get(name))]
        self.inline += [name for name in values if name.startswith("on") or name == "style"]
        if tag == "style" or (tag == "script" and "src" not in values):
            self.inline.append(tag)


async def test_the_document_is_valid_openapi_3_1(client: Client) -> None:
    response = await client.get("/openapi.json")
    document = await response.get_json()
    assert document["openapi"].startswith("3.1")
    assert not list(OpenAPIV31SpecValidator(document).iter_errors())


async def test_the_document_describes_every_route_and_no_other(client: Client, app: Quart) -> None:
    document = await (await client.get("/openapi.json")).get_json()
    routes = {
        (re.sub("<(?:[^:]*:)?([^>]+)>", r"{\1}", rule.rule), method.lower())
        for rule in app.url_map.iter_rules()
        if not rule.endpoint.startswith(("documentation.", "connect.", "sandbox."))
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    described = {(path, method) for path, item in document["paths"].items() for method in item}
    assert described == routes


async def test_every_operation_says_what_it_answers_and_how_it_fails(client: Client) -> None:
    document = await (await client.get("/openapi.json")).get_json()
    for item in document["paths"].values():
        for operation in item.values():
            assert operation["summary"]
            assert {"200", "201", "202", "204"} & operation["responses"].keys()
            assert {"400", "413", "414", "421", "431", "500", "503"} <= operation["responses"].keys()


async def test_an_operation_says_whether_it_needs_a_credential(client: Client) -> None:
    document = await (await client.get("/openapi.json")).get_json()
    assert [*document["components"]["securitySchemes"]] == ["bearer", "cookie"]
    needs = {
        (path, method): operation["security"]
        for path, item in document["paths"].items()
        for method, operation in item.items()
    }
    open_ones = {operation for operation, credentials in needs.items() if not credentials}
    assert [*filter(None, needs.values())] == [[{"bearer": []}, {"cookie": []}]] * (
        len(needs) - len(open_ones)
    )
    assert ("/api/v1/sessions", "post") in open_ones
    assert ("/api/v1/sessions", "get") not in open_ones
    assert {path for path, _ in open_ones if path.startswith("/api")} == {
        "/api/v1/providers",
        "/api/v1/users",
        "/api/v1/users/verifications",
        "/api/v1/users/password-resets",
        "/api/v1/users/password-resets/completions",
        "/api/v1/sessions",
        "/api/v1/sessions/refreshes",
    }


async def test_answers_are_what_the_document_promises(client: Client) -> None:
    document = await (await client.get("/openapi.json")).get_json()
    await make_provider()
    entry = (await (await client.get("/api/v1/providers")).get_json())["items"][0]
    assert set(entry) == set(document["components"]["schemas"]["ProviderEntry"]["properties"])
    problem = await (await client.get("/nope")).get_json(force=True)
    schema = document["components"]["schemas"]["Problem"]
    assert set(schema["required"]) <= set(problem) <= set(schema["properties"])


async def test_the_page_and_all_that_it_loads_come_from_this_server(client: Client) -> None:
    page = await client.get("/docs")
    links = Links()
    links.feed(await page.get_data(as_text=True))
    assert len(links.loaded) >= 4
    assert not links.inline
    for path in links.loaded:
        assert path.startswith("/docs/assets/")
        assert (await client.get(path)).status_code == 200


async def test_the_policy_of_the_page_allows_no_inline_code_and_no_other_origin(client: Client) -> None:
    policy = (await client.get("/docs")).headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "http" not in policy


async def test_the_licence_travels_with_the_assets(client: Client) -> None:
    response = await client.get("/docs/assets/swagger-ui.LICENSE.txt")
    assert "Apache License" in await response.get_data(as_text=True)


async def test_the_assets_do_not_lead_out_of_their_folder(client: Client) -> None:
    for path in ("../health.py", "..%2fhealth.py", "%2e%2e/health.py", "/etc/passwd"):
        assert (await client.get(f"/docs/assets/{path}")).status_code == 404


async def test_no_answer_has_a_place_for_a_secret_but_those_that_hand_out_our_own(client: Client) -> None:
    """Every answer of every route is walked: what a provider granted has no member that it could stand in."""
    document = await (await client.get("/openapi.json")).get_json()
    found = {
        (path, name)
        for path, item in document["paths"].items()
        for operation in item.values()
        for response in operation["responses"].values()
        for name in members(response, document)
        if SECRET.search(name)
    }
    assert found == {
        ("/api/v1/sessions", "access_token"),
        ("/api/v1/sessions", "refresh_token"),
        ("/api/v1/sessions", "token_type"),
        ("/api/v1/sessions/refreshes", "access_token"),
        ("/api/v1/sessions/refreshes", "refresh_token"),
        ("/api/v1/sessions/refreshes", "token_type"),
        ("/api/v1/personal-tokens", "token"),
        ("/api/v1/users/me/second-factor", "secret"),
        ("/api/v1/users/me/second-factor", "recovery_codes_left"),  # how many
        ("/api/v1/users/me/second-factor/confirmation", "recovery_codes"),
        ("/api/v1/users/me/second-factor/recovery-codes", "recovery_codes"),
        ("/health/ready", "state"),  # whether it is ready
    }


def members(node: object, document: dict[str, Any]) -> Iterator[str]:
    """The names of all members that a schema has room for, through every reference."""
    if isinstance(node, list):
        for part in node:
            yield from members(part, document)
    elif isinstance(node, dict):
        if isinstance(reference := node.get("$ref"), str):
            target: Any = document
            for step in reference.removeprefix("#/").split("/"):
                target = target[step]
            yield from members(target, document)
        if isinstance(properties := node.get("properties"), dict):
            yield from properties
        for name, part in node.items():
            if name not in {"example", "examples"}:
                yield from members(part, document)
