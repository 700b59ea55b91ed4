"""The OpenAPI 3.1 document and a page to read it, all from this server: it works without a network."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

from quart import Blueprint, Quart, Response, current_app, send_from_directory
from quart_schema import Info, QuartSchema, hide
from quart_schema.openapi import OpenAPIProvider
from werkzeug.routing import Rule

from dashtam import __version__
from dashtam.web.audits import not_audited
from dashtam.web.auth import PUBLIC_ENDPOINTS
from dashtam.web.openapi.operations import CREDENTIALS, complete, problem_responses, problem_schemas
from dashtam.web.traits import traits_of

# Swagger UI draws icons from data: URLs and styles elements from scripts, which a policy for style-src does not see.
_PAGE_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

_ASSETS: Final = Path(__file__).parent / "static"

_DESCRIPTION: Final = "Brings a person's financial data together."
_MAILBOX: Final = "\n\nDevelopment sends no mail: [read it here](/mailbox)."

blueprint = Blueprint("documentation", __name__)


class _Document(OpenAPIProvider):
    """quart-schema's document, completed: every operation can fail, and says how."""

    def generate_rules(self) -> Iterable[Rule]:
        rules = (rule for rule in super().generate_rules() if not rule.endpoint.endswith("static"))
        return sorted(rules, key=lambda rule: rule.rule)

    def build_paths(self, rule: Rule) -> tuple[dict[str, Any], dict[str, Any]]:
        paths, components = super().build_paths(rule)
        endpoint = self._app.view_functions[rule.endpoint]
        is_public = rule.endpoint in PUBLIC_ENDPOINTS
        for item in paths.values():
            for operation in item.values():
                complete(operation, traits_of(endpoint), is_public=is_public)
        return paths, components

    def operation_id(self, method: str, path: str, func: Callable[..., Any]) -> str | None:
        return f"{func.__module__.rpartition('.')[2]}.{func.__name__}"

    def schema(self) -> dict[str, Any]:
        document = super().schema()
        # quart-schema 0.25 takes a licence and leaves an object that JSON cannot say.
        document["info"]["license"] = {"name": "MIT", "identifier": "MIT"}
        document["components"]["schemas"] |= problem_schemas()
        document["components"]["responses"] = problem_responses()
        document["components"]["securitySchemes"] = CREDENTIALS
        return document


def register(app: Quart, *, server_url: str, has_mailbox: bool) -> None:
    """Serve /openapi.json and /docs; the document describes the routes that `app` has when it is first asked for."""
    app.extensions["openapi"] = QuartSchema(
        app,
        openapi_path=None,
        info=Info(
            title="Dashtam",
            version=__version__,
            description=_DESCRIPTION + (_MAILBOX if has_mailbox else ""),
        ),
        tags=[
            {"name": "health", "description": "Is the service alive and ready?"},
            {"name": "providers", "description": "The catalogue of institutions."},
            {
                "name": "connections",
                "description": "Your links with providers: connecting, reconnecting, ending.",
            },
            {"name": "users", "description": "Registering, passwords, and leaving."},
            {"name": "second factor", "description": "An authenticator app beside the password."},
            {"name": "sessions", "description": "Signing in and out, from a browser or a program."},
            {"name": "personal tokens", "description": "Tokens for scripts."},
        ],
        servers=[{"url": server_url}],
        conversion_preference="pydantic",
        openapi_provider_class=_Document,
    )
    app.register_blueprint(blueprint)


@blueprint.get("/openapi.json")
@not_audited("describes the interface, the same to everyone")
@hide
async def openapi() -> Response:
    """Serve the OpenAPI document."""
    document = current_app.extensions["openapi"].openapi_provider.schema()
    return Response(json.dumps(document), mimetype="application/json")


@blueprint.get("/docs")
@not_audited("serves a file of this package")
@hide
async def page() -> Response:
    """Serve the page that shows the OpenAPI document."""
    response = await send_from_directory(_ASSETS, "docs.html")
    response.headers["Content-Security-Policy"] = _PAGE_POLICY
    response.headers["Cache-Control"] = "no-cache"
    return response


@blueprint.get("/docs/assets/<path:filename>")
@not_audited("serves a file of this package")
@hide
async def static(filename: str) -> Response:
    """Serve what the page is made of."""
    return await send_from_directory(_ASSETS, filename)
