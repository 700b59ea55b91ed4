"""Failures are application/problem+json, with a trace and nothing internal."""

import pytest
from quart import Quart
from quart.testing.utils import sentinel
from quart.typing import TestClientProtocol as Client

from dashtam.app import create_app
from dashtam.errors import CacheNotReady, DashtamError, NotFound
from dashtam.resources import Resources
from dashtam.settings.model import TestSettings

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


def failing(app: Quart, failure: Exception) -> Client:
    """Let /health/live fail: a public endpoint, so that the failure is reached."""

    async def fail() -> str:
        raise failure

    app.view_functions["health.live"] = fail
    return app.test_client()


async def test_a_path_that_does_not_exist(client: Client) -> None:
    response = await client.get(
        "/nope?secret=canary", headers={"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}
    )
    assert response.status_code == 404
    assert response.content_type == "application/problem+json"
    assert await response.get_json(force=True) == {
        "type": "urn:dashtam:problem:not_found",
        "title": "Not Found",
        "status": 404,
        "detail": "There is nothing here for you.",
        "code": "not_found",
        "trace_id": TRACE,
    }
    assert response.headers["X-Trace-Id"] == TRACE


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_a_method_that_a_path_does_not_take(client: Client, method: str) -> None:
    response = await client.open("/health/live", method=method, json=sentinel)
    assert response.status_code == 405
    assert (await response.get_json(force=True))["code"] == "method_not_allowed"
    assert "GET" in response.headers["Allow"]


async def test_a_body_that_is_too_large(client: Client) -> None:
    response = await client.post("/health/live", data=b"x" * 65_537, headers={"content-length": "65537"})
    assert response.status_code == 413
    assert (await response.get_json(force=True))["code"] == "content_too_large"


async def test_a_host_that_is_not_ours(client: Client) -> None:
    response = await client.get("/health/live", headers={"host": "evil.example"})
    assert response.status_code == 421
    assert (await response.get_json(force=True))["status"] == 421


@pytest.mark.parametrize("failure", [NotFound("canary"), CacheNotReady("canary"), DashtamError("canary")])
async def test_our_own_errors_tell_the_client_their_docstring_and_the_log_their_message(
    app: Quart, failure: DashtamError
) -> None:
    response = await failing(app, failure).get("/health/live")
    problem = await response.get_json(force=True)
    assert (response.status_code, problem["code"]) == (failure.status, failure.code)
    assert problem["detail"] == type(failure).__doc__
    assert "canary" not in str(problem)


async def test_an_unexpected_failure_says_nothing_of_itself(
    resources: Resources, settings: TestSettings
) -> None:
    app = create_app(settings.model_copy(update={"DEBUG": False}), resources=resources)
    response = await failing(app, RuntimeError("canary")).get("/health/live")
    problem = await response.get_json(force=True)
    assert (response.status_code, problem["code"]) == (500, "internal_server_error")
    assert problem["detail"] == "Something went wrong on our side."
    assert "canary" not in await response.get_data(as_text=True)


async def test_a_developer_reads_what_failed_but_no_secret(
    resources: Resources, settings: TestSettings
) -> None:
    app = create_app(settings.model_copy(update={"DEBUG": True}), resources=resources)
    password = settings.database.password.get_secret_value()
    failure = RuntimeError(f"canary {password}")
    response = await failing(app, failure).get("/health/live")
    problem = await response.get_json(force=True)
    assert problem["detail"] == "RuntimeError: canary ***"


async def test_every_answer_carries_the_security_headers(client: Client) -> None:
    for path in (
        "/health/live",
        "/api/v1/providers",
        "/nope",
        "/openapi.json",
        "/docs",
        "/docs/assets/docs.js",
    ):
        headers = (await client.get(path)).headers
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert headers["Strict-Transport-Security"].startswith("max-age=")
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert len(headers["X-Trace-Id"]) == 32
    assert (await client.get("/health/live")).headers["Cache-Control"] == "no-store"


def test_strict_transport_is_for_real_hosts_because_it_knows_no_ports(settings: TestSettings) -> None:
    public = settings.model_copy(update={"APP_URL": "https://dashtam.example.com"})
    assert "31536000" in str(vars(create_app(public).asgi_app)["_policy"].headers)
    assert "31536000" not in str(vars(create_app(settings).asgi_app)["_policy"].headers)
