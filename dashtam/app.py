"""Wires the two applications together, and is the only place that does; fresh objects at each call."""

from collections.abc import AsyncGenerator, Callable
from dataclasses import replace
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

from quart import Quart

from dashtam.api import connections, health, personal_tokens, providers, second_factors, sessions, users
from dashtam.callback import blueprint as callback
from dashtam.callback import pages
from dashtam.logs.masking import Masker
from dashtam.logs.pipeline import get_logger
from dashtam.pages import connect, mailbox
from dashtam.resources import Resources, open_resources
from dashtam.sandbox import blueprint as sandbox
from dashtam.settings.loading import fingerprint, secret_values
from dashtam.settings.model import Environment, Settings
from dashtam.web import auth, limits, problems
from dashtam.web.audits import refuse_undeclared
from dashtam.web.current import hold
from dashtam.web.edge.edge import (
    LOOPBACK_HOSTS,
    MAX_BODY_BYTES,
    MAX_HEADER_BYTES,
    Edge,
    Policy,
    security_headers,
)
from dashtam.web.openapi import document

_BODY_SECONDS: Final = 10
_ONE_YEAR: Final = 31_536_000
_log = get_logger(__name__)


def create_app(settings: Settings, *, resources: Resources | None = None) -> Quart:
    """Build the API. It opens its own resources while it is served, unless they are handed in already open."""
    app = _create("app", settings, resources)
    auth.register(app)
    limits.register(app)
    problems.register(app, describe=_describer(settings) if settings.DEBUG else None)
    has_mailbox = settings.ENVIRONMENT is Environment.DEVELOPMENT and settings.mail_server is None
    document.register(app, server_url=settings.APP_URL, has_mailbox=has_mailbox)
    app.register_blueprint(health.blueprint)
    for noun in (
        providers,
        connections,
        connect,
        users,
        second_factors,
        sessions,
        personal_tokens,
    ):
        app.register_blueprint(noun.blueprint)
    if has_mailbox:
        app.register_blueprint(mailbox.blueprint)
    if settings.ENVIRONMENT is not Environment.PRODUCTION:
        app.register_blueprint(sandbox.blueprint)
    refuse_undeclared(app)
    policy = _policy(settings, settings.APP_URL, refusal=problems.refusal, methods=None)
    _put_edge(app, replace(policy, origins=settings.origins))
    return app


def create_callback_app(settings: Settings, *, resources: Resources | None = None) -> Quart:
    """Build the application that takes the providers' redirects: one path, and health."""
    app = _create("callback", settings, resources)
    callback.register(app)
    app.register_blueprint(health.blueprint)
    refuse_undeclared(app)
    # What a provider puts into its redirect may be long, and a browser cannot ask otherwise.
    policy = _policy(settings, settings.CALLBACK_URL, refusal=pages.refusal, methods=frozenset({"GET"}))
    _put_edge(app, replace(policy, target_bytes=MAX_HEADER_BYTES))
    return app


def _create(name: str, settings: Settings, resources: Resources | None) -> Quart:
    app = Quart(f"dashtam.{name}", static_folder=None)
    app.config.update(
        MAX_CONTENT_LENGTH=MAX_BODY_BYTES, BODY_TIMEOUT=_BODY_SECONDS, PROVIDE_AUTOMATIC_OPTIONS=False
    )
    app.url_map.merge_slashes = False  # a path is what it is: no redirect to a tidier one
    hold(app, resources)
    if resources is None:
        _open_while_serving(app, name, settings)
    return app


def _open_while_serving(app: Quart, name: str, settings: Settings) -> None:
    @app.while_serving
    async def serve() -> AsyncGenerator[None, None]:
        shown = [f"{key}: {value}" for key, value in fingerprint(settings).items()]
        _log.info("starting", server=name, settings=shown)
        async with open_resources(settings, process=name) as resources:
            hold(app, resources)
            yield
            hold(app, None)
        _log.info("stopped", server=name)


def _policy(
    settings: Settings,
    url: str,
    *,
    refusal: Callable[[HTTPStatus], tuple[str, bytes]],
    methods: frozenset[str] | None,
) -> Policy:
    host = urlsplit(url).hostname or ""
    # Strict transport knows no ports: on localhost it would force every other server of the developer onto TLS.
    lifetime = 0 if host in LOOPBACK_HOSTS else _ONE_YEAR
    return Policy(
        hosts=LOOPBACK_HOSTS | {host},
        methods=methods,
        headers=security_headers(strict_transport=f"max-age={lifetime}"),
        refusal=refusal,
        proxies=settings.trusted_proxies,
    )


def _put_edge(app: Quart, policy: Policy) -> None:
    # Quart's own seam for ASGI middleware: served and tested applications both go through it.
    app.asgi_app = Edge(app.asgi_app, policy)  # type: ignore[method-assign, assignment]


def _describer(settings: Settings) -> Callable[[Exception], str]:
    masker = Masker(secret_values(settings))
    return lambda error: masker.text(f"{type(error).__name__}: {error}")
