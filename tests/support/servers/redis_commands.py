"""Tries every command of a project's Redis, to find those that a user may send."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from dashtam.devenv.components import Mode
from tests.support.projects.project import ThrowawayProject
from tests.support.servers.redis_data import open_unguarded


@dataclass(frozen=True)
class Commands:
    """Every command of a Redis program."""

    words: dict[str, list[str]]
    """The name of each command to enough arguments for its arity."""
    dangerous: set[str]


@cache
def list_commands(project: ThrowawayProject) -> Commands:
    """Return the commands of a server without users, because the project's server would refuse to list them."""
    with open_unguarded(project) as client:
        connection = (
            client.connection_pool.get_connection()
        )  # the raw response, because the client parses COMMAND only in part
        connection.send_command("COMMAND")  # type: ignore[no-untyped-call]  # the library types it in part
        found = dict(_flatten(connection.read_response()))
        named = {str(name) for category in ("dangerous", "admin") for name in client.acl_cat(category)}
        client.connection_pool.release(connection)
    return Commands(found, named)


def _flatten(entries: list[list[Any]]) -> Iterator[tuple[str, list[str]]]:
    """Yield a command, or each of its subcommands: `config|set` is CONFIG SET."""
    for name, arity, *_, below in entries:
        if below:
            yield from _flatten(below)
            continue
        words = name.decode().split("|")
        yield name.decode(), [*words, *["1"] * (abs(arity) - len(words))]


def enter(project: ThrowawayProject, user: str, index: int = 0) -> Redis:
    """Connect to the running Redis of a project; a command that does not end in time was not refused."""
    mode = Mode.TESTING if user == "testing" else Mode.DEVELOPMENT
    configuration = project.configuration
    return Redis(
        port=configuration.redis_port,
        db=index,
        username=user,
        password=configuration.redis_password(mode),
        socket_timeout=60,
        retry=Retry(NoBackoff(), 0),
    )


def is_allowed(project: ThrowawayProject, user: str, words: Sequence[str]) -> bool:
    """Whether a user may send a command; each has its own connection, because some commands close or change it."""
    with enter(project, user) as client:
        connection = client.connection_pool.get_connection()
        connection.send_command(*words)
        try:
            connection.read_response()
        except RedisError as refusal:  # DEBUG and MODULE are disabled for every user
            return not re.search("no permissions to run|command not allowed", str(refusal))
        finally:
            connection.disconnect()
        return True


def list_allowed(project: ThrowawayProject, user: str) -> set[str]:
    """Return every command that the running Redis does not refuse to a user."""
    words = list_commands(project).words
    return {name for name in words if is_allowed(project, user, words[name])}
