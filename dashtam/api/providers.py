"""GET /api/v1/providers: the catalogue."""

from urllib.parse import urlencode

from quart import Blueprint, Response
from quart_schema import document_querystring, document_response, tag

from dashtam.api.query import read_query
from dashtam.api.schemas.providers import ProviderList, ProviderQuery
from dashtam.services import providers

blueprint = Blueprint("providers", __name__, url_prefix="/api/v1/providers")


@blueprint.get("")
@document_querystring(ProviderQuery)
@document_response(ProviderList)
@tag(["providers"])
async def list_providers() -> Response:
    """List the providers that Dashtam knows.

    Pages follow each other by key; the header Link (RFC 8288) names the next one, as the body does.
    """
    query = read_query(ProviderQuery)
    page = await providers.list_catalogue(limit=query.limit, after=query.after)
    following = _following(query.limit, page) if page.has_more else None
    body = ProviderList.model_validate({"items": page.entries, "next": following})
    response = Response(body.model_dump_json(), content_type="application/json")
    if following:
        response.headers["Link"] = f'<{following}>; rel="next"'
    return response


def _following(limit: int, page: providers.CataloguePage) -> str:
    return f"{blueprint.url_prefix}?{urlencode({'limit': limit, 'after': page.entries[-1]['key']})}"
