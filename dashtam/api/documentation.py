"""The OpenAPI 3.1 document and a page to read it, all from this server: it works without a network."""

import json
from collections.abc import Iterable
from typing import Any, Final

from quart import Blueprint, Quart, Response, current_app
from quart_schema import Info, QuartSchema, hide
from quart_schema.openapi import OpenAPIProvider
from werkzeug.routing import Rule

from dashtam import __version__
from dashtam.api.errors import CONTENT_TYPE
from dashtam.api.schemas.problems import Problem

# Swagger UI draws icons from data: URLs and styles elements from scripts, which a policy for style-src does not see.
_PAGE_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

blueprint = Blueprint("documentation", __name__, static_folder="static", static_url_path="/docs/assets")


class _Document(OpenAPIProvider):
    """quart-schema's document, completed: every operation can fail, and says how."""

    def generate_rules(self) -> Iterable[Rule]:
        rules = (rule for rule in super().generate_rules() if not rule.endpoint.endswith("static"))
        return sorted(rules, key=lambda rule: rule.rule)

    def schema(self) -> dict[str, Any]:
        document = super().schema()
        document["paths"] = {path: _with_problems(item) for path, item in document["paths"].items()}
        # quart-schema 0.25 takes a licence and leaves an object that JSON cannot say.
        document["info"]["license"] = {"name": "MIT", "identifier": "MIT"}
        document["components"]["schemas"] |= _problem_schemas()
        return document


def register(app: Quart, *, server_url: str) -> None:
    """Serve /openapi.json and /docs; the document describes the routes that `app` has when it is first asked for."""
    app.extensions["openapi"] = QuartSchema(
        app,
        openapi_path=None,
        info=Info(
            title="Dashtam",
            version=__version__,
            description="Brings a person's financial data together.",
        ),
        tags=[
            {"name": "health", "description": "Is the service alive and ready?"},
            {"name": "providers", "description": "The catalogue of institutions."},
        ],
        servers=[{"url": server_url}],
        conversion_preference="pydantic",
        openapi_provider_class=_Document,
    )
    app.register_blueprint(blueprint)


@blueprint.get("/openapi.json")
@hide
async def openapi() -> Response:
    """Serve the OpenAPI document."""
    document = current_app.extensions["openapi"].openapi_provider.schema()
    return Response(json.dumps(document), mimetype="application/json")


@blueprint.get("/docs")
@hide
async def page() -> Response:
    """Serve the page that shows the OpenAPI document."""
    response = await blueprint.send_static_file("docs.html")
    response.headers["Content-Security-Policy"] = _PAGE_POLICY
    response.headers["Cache-Control"] = "no-cache"
    return response


def _with_problems(operations: dict[str, Any]) -> dict[str, Any]:
    failure = {
        "description": "Any failure (RFC 9457).",
        "content": {CONTENT_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    return {
        method: {**operation, "responses": {**_by_text(operation["responses"]), "default": failure}}
        for method, operation in operations.items()
    }


def _by_text(responses: dict[Any, Any]) -> dict[str, Any]:
    return {str(int(status)): response for status, response in responses.items()}


def _problem_schemas() -> dict[str, Any]:
    schema = Problem.model_json_schema(ref_template="#/components/schemas/{model}", mode="serialization")
    return {**schema.pop("$defs"), "Problem": schema}
