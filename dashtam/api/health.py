"""Is the process alive, and can it do its work? Served by both applications."""

from http import HTTPStatus

from quart import Blueprint, Response, current_app
from quart_schema import document_response, tag

from dashtam.api.schemas.health import Alive, Check, Readiness
from dashtam.readiness import Finding, examine
from dashtam.resources import held_by

_ALIVE = Alive(status="alive").model_dump_json()

blueprint = Blueprint("health", __name__, url_prefix="/health")


@blueprint.get("/live")
@document_response(Alive)
@tag(["health"])
async def live() -> Response:
    """Say that the process answers; asks nothing of anyone."""
    return Response(_ALIVE, mimetype="application/json")


@blueprint.get("/ready")
@tag(["health"])
@document_response(Readiness)
@document_response(Readiness, HTTPStatus.SERVICE_UNAVAILABLE)
async def ready() -> Response:
    """Examine what the process needs: PostgreSQL, its migrations, Redis, and the keys that seal tokens."""
    resources = held_by(current_app)
    findings = await examine(resources.cache, resources.cipher)
    is_ready = all(finding.is_ready for finding in findings.values())
    body = Readiness(
        status="ready" if is_ready else "not_ready",
        environment=resources.settings.ENVIRONMENT.value,
        checks={name: _check(finding) for name, finding in findings.items()},
    )
    status = HTTPStatus.OK if is_ready else HTTPStatus.SERVICE_UNAVAILABLE
    return Response(body.model_dump_json(exclude_none=True), status, mimetype="application/json")


def _check(finding: Finding) -> Check:
    state = "ready" if finding.is_ready else "not_ready"
    return Check(state=state, reason=finding.reason, **finding.facts)
