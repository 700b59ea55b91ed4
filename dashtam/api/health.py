"""Is the process alive, and can it do its work? Served by both applications."""

from http import HTTPStatus

from quart import Blueprint, Response
from quart_schema import document_response, tag

from dashtam.api.schemas.health import Alive, Check, Readiness
from dashtam.health import Finding, examine
from dashtam.web.audits import not_audited
from dashtam.web.current import current_resources

_ALIVE = Alive(status="alive").model_dump_json()

blueprint = Blueprint("health", __name__, url_prefix="/health")


@blueprint.get("/live")
@not_audited("asks nothing of anyone")
@document_response(Alive)
@tag(["health"])
async def live() -> Response:
    """Say that the process answers; asks nothing of anyone."""
    return Response(_ALIVE, mimetype="application/json")


@blueprint.get("/ready")
@not_audited("tells nothing of any person")
@tag(["health"])
@document_response(Readiness)
@document_response(Readiness, HTTPStatus.SERVICE_UNAVAILABLE)
async def ready() -> Response:
    """Examine what the process needs: PostgreSQL, its migrations, Redis, and the keys that seal tokens."""
    resources = current_resources()
    findings = await examine(resources.cache, resources.keys)
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
