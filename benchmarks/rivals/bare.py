"""A bare Quart handler with the same query through asyncpg: the cost of the framework without Dashtam."""

import os
from collections.abc import AsyncGenerator

import asyncpg
from quart import Quart, Response, jsonify, request

SQL = """
SELECT key, name, description, website, "authorization", is_available FROM providers ORDER BY key LIMIT $1
"""
app = Quart("bare", static_folder=None)


@app.while_serving
async def serve() -> AsyncGenerator[None, None]:
    """Hold a pool open with as many connections as Tortoise."""
    async with asyncpg.create_pool(os.environ["RIVAL_DATABASE_URL"], min_size=1, max_size=5) as pool:
        app.extensions["pool"] = pool
        yield


@app.get("/api/v1/providers")
async def list_providers() -> Response:
    """Return the first page."""
    limit = int(request.args.get("limit", "20"))
    rows = await app.extensions["pool"].fetch(SQL, limit + 1)
    return jsonify({"items": [dict(row) for row in rows[:limit]], "next": None})
