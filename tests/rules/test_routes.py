"""Rules about every route of both applications."""

import re

import pytest
from quart import Quart
from werkzeug.routing import Rule

from dashtam.app import create_app, create_callback_app
from dashtam.errors import NotAuthenticated
from dashtam.settings.model import Environment, TestSettings
from dashtam.web.auth import DEVELOPMENT_ENDPOINTS, LINK_ENDPOINTS, PUBLIC_ENDPOINTS
from dashtam.web.idempotency import IDEMPOTENT, WITHOUT_KEY
from dashtam.web.traits import traits_of


def rules(app: Quart) -> list[Rule]:
    return list(app.url_map.iter_rules())


def ours(app: Quart) -> list[Rule]:
    """The routes of the API: the sandbox is a bank of its own behind the same port."""
    return [rule for rule in rules(app) if not rule.endpoint.startswith("sandbox.")]


def path_of(rule: Rule) -> str:
    path = rule.rule.replace("<path:filename>", "docs.js")
    return re.sub("<uuid:[a-z_]+>", "00000000-0000-7000-8000-000000000000", path)


@pytest.fixture
def app(settings: TestSettings) -> Quart:
    return create_app(settings)


def test_every_public_endpoint_exists(app: Quart) -> None:
    assert {rule.endpoint for rule in rules(app)} >= PUBLIC_ENDPOINTS | LINK_ENDPOINTS


async def test_every_other_endpoint_needs_a_user(app: Quart) -> None:
    for rule in rules(app):
        method = next(iter((rule.methods or set()) - {"HEAD", "OPTIONS"}))
        async with app.test_request_context(path_of(rule), method=method):
            refused = False
            try:
                await app.preprocess_request()
            except NotAuthenticated:
                refused = True
            is_open = rule.endpoint in PUBLIC_ENDPOINTS | LINK_ENDPOINTS | DEVELOPMENT_ENDPOINTS
            assert refused is not is_open, rule


def test_every_post_takes_an_idempotency_key_or_says_why_not(app: Quart) -> None:
    posts = {rule.endpoint for rule in ours(app) if "POST" in (rule.methods or set())}
    taking = {endpoint for endpoint in posts if IDEMPOTENT in traits_of(app.view_functions[endpoint])}
    assert posts - taking == set(WITHOUT_KEY)
    assert all(WITHOUT_KEY.values())


async def test_a_new_endpoint_is_denied_until_it_is_listed(app: Quart) -> None:
    @app.get("/api/v1/secrets")
    async def secrets() -> str:
        return "canary"

    response = await app.test_client().get("/api/v1/secrets")
    assert response.status_code == 401
    assert "canary" not in await response.get_data(as_text=True)


def test_the_api_stands_under_its_version(app: Quart) -> None:
    outside = {rule.rule for rule in ours(app) if not rule.rule.startswith("/api/v1/")}
    assert outside == {
        "/health/live",
        "/health/ready",
        "/openapi.json",
        "/docs",
        "/docs/assets/<path:filename>",
        "/connect/<ticket>",
    }


def test_production_has_no_sandbox_and_no_mailbox(settings: TestSettings) -> None:
    app = create_app(settings.model_copy(update={"ENVIRONMENT": Environment.PRODUCTION}))
    assert not [
        rule for rule in rules(app) if "sandbox" in rule.rule or rule.endpoint in DEVELOPMENT_ENDPOINTS
    ]
    assert [rule for rule in rules(create_app(settings)) if rule.rule == "/sandbox/token"]


def test_the_callback_application_serves_the_callback_and_health_alone(settings: TestSettings) -> None:
    found = {(rule.rule, *sorted(rule.methods or ())) for rule in rules(create_callback_app(settings))}
    assert found == {
        ("/callback/<provider_key>", "GET", "HEAD"),  # HEAD is refused at the edge
        ("/connected", "GET", "HEAD"),
        ("/connected/<path:back>", "GET", "HEAD"),
        ("/health/live", "GET", "HEAD"),
        ("/health/ready", "GET", "HEAD"),
    }


def test_each_call_builds_fresh_applications(settings: TestSettings) -> None:
    assert create_app(settings) is not create_app(settings)
    assert create_callback_app(settings) is not create_callback_app(settings)
