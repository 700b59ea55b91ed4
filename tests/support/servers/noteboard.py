"""A small API on top of `dashtam.web`, to test shared behavior of routes before a route of the product uses it."""

import asyncio
from dataclasses import dataclass
from datetime import date
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, SecretStr
from quart import Quart, Response, current_app
from quart_schema import document_request, document_response
from tortoise.transactions import in_transaction

from dashtam.database.versions import version_of
from dashtam.errors import NotFound
from dashtam.models import Provider
from dashtam.resources import Resources
from dashtam.web import problems
from dashtam.web.body import read_body
from dashtam.web.current import hold
from dashtam.web.edge.edge import MAX_BODY_BYTES, Edge, Policy
from dashtam.web.idempotency import idempotent
from dashtam.web.preconditions import CONDITIONAL, VERSIONED, put_version, read_precondition
from dashtam.web.traits import promise
from tests.support.makers.rows import make_provider


class Place(BaseModel):
    """A nested member."""

    model_config = ConfigDict(extra="forbid")

    city: str = Field(max_length=20)


class NewNote(BaseModel):
    """A body with one member of each kind."""

    model_config = ConfigDict(extra="forbid")

    text: str = Field(max_length=100)
    kind: Literal["plain", "secret"] = "plain"
    count: int = Field(0, ge=0, le=1000)
    share: float = 0.5
    secret: SecretStr | None = None
    id: UUID | None = None
    on: date | None = None
    places: list[Place] = []


class Note(NewNote):
    """The parsed body."""


class Created(BaseModel):
    """The id of a new note."""

    key: str


@dataclass
class Door:
    """A gate that holds requests with the text `wait`, so that two requests overlap."""

    reached: asyncio.Event
    opened: asyncio.Event


def build_app(resources: Resources | None = None, *, user_id: UUID | None = None) -> Quart:
    """Return a new application behind the edge, which reports errors as problems; `user_id` is the caller."""
    app = Quart("noteboard", static_folder=None)
    app.config.update(MAX_CONTENT_LENGTH=MAX_BODY_BYTES, BODY_TIMEOUT=1, PROVIDE_AUTOMATIC_OPTIONS=False)
    problems.register(app, describe=None)
    hold(app, resources)
    app.extensions["door"] = Door(asyncio.Event(), asyncio.Event())
    app.extensions["user_id"] = user_id
    app.add_url_rule("/echo", view_func=echo, methods=["POST"])
    app.add_url_rule("/notes", view_func=create_note, methods=["POST"])
    app.add_url_rule("/notes/<key>", view_func=show_note, methods=["GET"])
    app.add_url_rule("/notes/<key>", view_func=change_note, methods=["PUT"])
    policy = Policy(frozenset({"localhost"}), methods=None, headers=(), refusal=problems.refusal)
    app.asgi_app = Edge(app.asgi_app, policy)  # type: ignore[method-assign, assignment]
    return app


def _user_id() -> UUID:
    found = current_app.extensions["user_id"]
    assert isinstance(found, UUID)
    return found


@document_request(NewNote)
@document_response(Note, 201)
async def echo() -> Response:
    """Return the parsed body."""
    note = await read_body(NewNote)
    return Response(note.model_dump_json(), 201, content_type="application/json")


@idempotent(_user_id)
@document_request(NewNote)
@document_response(Created, 201)
async def create_note() -> Response:
    """Store a note as a provider row; some texts then cause an error."""
    note = await read_body(NewNote)
    provider = await make_provider(description=note.text)
    if note.text == "wait":
        door: Door = current_app.extensions["door"]
        door.reached.set()
        await door.opened.wait()
    if note.text == "raise":
        raise NotFound("canary")
    status = 409 if note.text == "refuse" else 201
    headers = {"Location": f"/notes/{provider.key}", "Set-Cookie": "canary=1", "X-Other": "canary"}
    response = _shown(provider)
    response.status_code = status
    response.headers.update(headers)
    return response


def _shown(note: Provider) -> Response:
    return Response(Created(key=note.key).model_dump_json(), content_type="application/json")


async def _found(key: str) -> Provider:
    note = await Provider.select_for_update().get_or_none(key=key)
    if note is None:
        raise NotFound(f"no note {key!r}")
    return note


@promise(VERSIONED)
@document_response(Created)
async def show_note(key: str) -> Response:
    """Return a note."""
    async with in_transaction():
        note = await _found(key)
    return put_version(_shown(note), version_of(note.id, note.updated_at))


@promise(CONDITIONAL)
@document_request(NewNote)
@document_response(Created)
async def change_note(key: str) -> Response:
    """Change a note, if the client has its current version."""
    precondition, change = read_precondition(), await read_body(NewNote)
    async with in_transaction():
        note = await _found(key)
        precondition.require(version_of(note.id, note.updated_at))
        note.description = change.text
        await note.save()
    return put_version(_shown(note), version_of(note.id, note.updated_at))
