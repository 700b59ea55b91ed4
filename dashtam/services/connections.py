"""Standing links between users and providers."""

from uuid import UUID

from tortoise.exceptions import IntegrityError
from tortoise.transactions import in_transaction

from dashtam.errors import InvalidRequest, NotFound
from dashtam.models import Outcome, Provider, ProviderConnection
from dashtam.services import audit


async def create_connection(*, user_id: UUID, provider_key: str, alias: str) -> ProviderConnection:
    """Begin a user's link with a provider; it is pending until a grant is stored.

    Raises:
        NotFound: no provider of that key, or no such user.
        InvalidRequest: the user has a connection of that alias already.
    """
    provider = await Provider.get_or_none(key=provider_key)
    if provider is None:
        raise NotFound(f"no provider has the key {provider_key!r}")
    try:
        async with in_transaction():
            connection = await ProviderConnection.create(user_id=user_id, provider=provider, alias=alias)
            await audit.record(
                "connection.created",
                Outcome.SUCCEEDED,
                actor=audit.user_actor(user_id),
                user_id=user_id,
                connection_id=connection.id,
                provider_id=provider.id,
            )
    except IntegrityError as error:
        if await ProviderConnection.exists(user_id=user_id, alias=alias):
            raise InvalidRequest(f"the user has a connection called {alias!r} already") from error
        raise NotFound(f"there is no user {user_id}") from error
    return connection
