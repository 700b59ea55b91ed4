"""Which keys the stored values need, whoever they belong to."""

from typing import Final

from tortoise.connection import get_connection

# By the columns that have an index: this is asked every few seconds.
_KEY_IDS: Final = """
SELECT DISTINCT key_id FROM provider_tokens
UNION SELECT DISTINCT key_id FROM second_factors
UNION SELECT DISTINCT key_id FROM authorization_requests WHERE key_id IS NOT NULL
UNION SELECT DISTINCT key_id FROM revocations
"""


async def list_key_ids() -> frozenset[str]:
    """List the ids of the keys that seal at least one stored value; in layout v1 they are keys of the settings."""
    return frozenset(row["key_id"] for row in await get_connection("default").execute_query_dict(_KEY_IDS))
