"""GET /api/v1/providers: the catalogue."""

from quart import Blueprint, Response
from quart_schema import document_querystring, document_response, tag

from dashtam.api.schemas.providers import ProviderList, ProviderQuery
from dashtam.connections import catalogue
from dashtam.web.audits import not_audited
from dashtam.web.current import current_resources
from dashtam.web.paging import PAGED, next_page, put_next
from dashtam.web.preconditions import CACHEABLE, respond_unless_known
from dashtam.web.query import read_query
from dashtam.web.traits import promise

blueprint = Blueprint("providers", __name__, url_prefix="/api/v1/providers")


@blueprint.get("")
@not_audited("reads the public catalogue")
@document_querystring(ProviderQuery)
@document_response(ProviderList)
@promise(CACHEABLE, PAGED)
@tag(["providers"])
async def list_providers() -> Response:
    """List the providers that Dashtam knows.

    Pages follow each other by key; the header Link (RFC 8288) names the next one, as the body does.
    """
    query = read_query(ProviderQuery)
    configured = current_resources().registry.list_configured()
    page = await catalogue.list_catalogue(limit=query.limit, after=query.after, configured=configured)
    path = blueprint.url_prefix
    following = next_page(path, limit=query.limit, after=page.entries[-1]["key"]) if page.has_more else None
    body = ProviderList.model_validate({"items": page.entries, "next": following})
    return put_next(respond_unless_known(body.model_dump_json().encode()), following)
