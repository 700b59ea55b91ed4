"""Rules about every route of both applications."""

import pytest
from quart import Quart
from werkzeug.routing import Rule

from dashtam.api.auth import PUBLIC_ENDPOINTS
from dashtam.app import create_app, create_callback_app
from dashtam.errors import NotAuthenticated
from dashtam.settings import TestSettings


def rules(app: Quart) -> list[Rule]:
    return list(app.url_map.iter_rules())


def path_of(rule: Rule) -> str:
    return rule.rule.replace("<path:filename>", "docs.js")


@pytest.fixture
def app(settings: TestSettings) -> Quart:
    return create_app(settings)


def test_every_public_endpoint_exists(app: Quart) -> None:
    assert {rule.endpoint for rule in rules(app)} >= PUBLIC_ENDPOINTS


async def test_every_other_endpoint_needs_a_user(app: Quart) -> None:
    for rule in rules(app):
        method = next(iter((rule.methods or set()) - {"HEAD", "OPTIONS"}))
        async with app.test_request_context(path_of(rule), method=method):
            refused = False
            try:
                await app.preprocess_request()
            except NotAuthenticated:
                refused = True
            assert refused is (rule.endpoint not in PUBLIC_ENDPOINTS), rule


async def test_a_new_endpoint_is_denied_until_it_is_listed(app: Quart) -> None:
    @app.get("/api/v1/secrets")
    async def secrets() -> str:
        return "canary"

    response = await app.test_client().get("/api/v1/secrets")
    assert response.status_code == 401
    assert "canary" not in await response.get_data(as_text=True)


def test_the_api_stands_under_its_version(app: Quart) -> None:
    outside = {rule.rule for rule in rules(app) if not rule.rule.startswith("/api/v1/")}
    assert outside == {
        "/health/live",
        "/health/ready",
        "/openapi.json",
        "/docs",
        "/docs/assets/<path:filename>",
    }


def test_the_callback_application_serves_the_callback_and_health_alone(settings: TestSettings) -> None:
    found = {(rule.rule, *sorted(rule.methods or ())) for rule in rules(create_callback_app(settings))}
    assert found == {
        ("/callback/<provider_key>", "GET", "HEAD"),  # HEAD is refused at the edge
        ("/health/live", "GET", "HEAD"),
        ("/health/ready", "GET", "HEAD"),
    }


def test_each_call_builds_fresh_applications(settings: TestSettings) -> None:
    assert create_app(settings) is not create_app(settings)
    assert create_callback_app(settings) is not create_callback_app(settings)
