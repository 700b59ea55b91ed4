"""Shows and changes the keys that seal secrets: `python -m dashtam.commands.keys status | rotate | retire KEY`.

The service keeps running meanwhile. `rotate` can be killed and run again. `retire` destroys a key, and refuses while
the key is needed.
"""

import argparse
import json
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

import asyncpg

from dashtam.audit import trail as audit
from dashtam.audit.trail import AuditTrail
from dashtam.console import done, run
from dashtam.database.lifespan import connect, open_session
from dashtam.sealing import key_states
from dashtam.sealing.keys import Keys
from dashtam.sealing.rotation import Rotation, alone
from dashtam.settings.loading import load_settings
from dashtam.settings.model import Settings

_PROCESS: Final = "keys"
_NOTHING: Final = "-"
Act = Callable[[asyncpg.Connection, Keys, AuditTrail], Awaitable[None]]


async def show(session: asyncpg.Connection, keys: Keys, *, as_json: bool) -> None:
    """Print every key, its state, and what needs it; `as_json` prints the same as one JSON document."""
    found = await key_states.report(session, keys, audit_key_ids=await audit.list_key_ids())
    if as_json:
        _say(json.dumps(found.as_document(), indent=2, default=str))
        return
    rows = [("data key", "state", "wrapped by", "sealing since", "check", "seals")]
    for key in found.keys:
        since = f"{key.promoted_at:%Y-%m-%d %H:%M}" if key.promoted_at else _NOTHING
        rows.append(
            (key.id, key.state.value, key.wrapped_by, since, key.check or _NOTHING, _count_by_table(key.rows))
        )
    _table(rows)
    for key in found.keys:
        if key.fault:
            _say(f"✗ {key.fault}")
    _say("")
    settings = [("settings key", "is needed because it")]
    for key_id, needs in found.settings.items():
        name = key_id if key_id in keys.settings_ids else f"{key_id} (missing)"
        settings.append((name, ", ".join(needs) or "- (nothing needs it)"))
    _table(settings)
    for key_id, tables in found.unknown.items():
        _say(f"✗ {key_id}: this key does not exist, but {_count_by_table(tables)} refer to it")
    if found.earlier:
        _say(
            "→ python -m dashtam.commands.keys rotate seals with the data key what a settings key seals directly"
        )


def _count_by_table(rows: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {table}" for table, count in rows.items()) or "nothing"


def _table(rows: Sequence[Sequence[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        _say("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


async def retire(session: asyncpg.Connection, trail: AuditTrail, key_id: str) -> None:
    """Destroy a data key, while a lock keeps other changes of keys out.

    Raises:
        NotFound: the key does not exist.
        KeyNeeded: the key is still needed; nothing was changed.
        KeysNotRotated: another process is changing keys.
    """
    async with alone(session):
        await key_states.retire(key_id, session=session, trail=trail)
    done("retired: the key is destroyed", key=key_id)


async def _act(act: Act) -> None:
    settings = load_settings(Settings)
    trail = AuditTrail(settings.token_keys)
    keys = Keys(settings.token_keys, environment=settings.ENVIRONMENT.value, trail=trail)
    async with (
        open_session(settings, process=_PROCESS) as session,
        connect(settings, process=_PROCESS),
    ):
        await act(session, keys, trail)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    arguments = _parser().parse_args(argv)

    async def act(session: asyncpg.Connection, keys: Keys, trail: AuditTrail) -> None:
        match arguments.command:
            case "status":
                await show(session, keys, as_json=arguments.json)
            case "rotate":
                await Rotation(session, keys=keys, trail=trail, report=done).run(afresh=arguments.new)
            case "retire":
                await retire(session, trail, arguments.key)

    return run(lambda: _act(act))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m dashtam.commands.keys", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    status = commands.add_parser("status", help="show each key, its state, and how many rows it seals")
    status.add_argument("--json", action="store_true", help="print JSON for machines")
    rotate = commands.add_parser("rotate", help="create a data key, and seal everything with it")
    rotate.add_argument(
        "--new", action="store_true", help="create another key even if an earlier run did not finish"
    )
    retiring = commands.add_parser("retire", help="destroy a data key that no longer seals anything")
    retiring.add_argument("key", help="the key's id, as status shows it")
    return parser


if __name__ == "__main__":
    sys.exit(main())
