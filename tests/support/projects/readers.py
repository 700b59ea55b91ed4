"""How others read what we read: Tortoise, asyncpg and the real libpq a database URL, Docker Compose an env file."""

import ctypes
import importlib
import json
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from tortoise.backends.base.config_generator import expand_db_url

from dashtam.devenv.engines.embedded.binaries import locate_binaries

_SECONDS: Final = 120.0


@dataclass(frozen=True)
class Reading:
    """What a client makes of a URL."""

    hosts: tuple[str, ...]
    port: int
    user: str | None
    password: str | None
    database: str | None
    more: tuple[str, ...] = ()
    """Whatever else it would tell the server, or obey."""


def read_with_tortoise(url: str) -> Reading:
    """Raises whatever Tortoise raises."""
    parts = dict(expand_db_url(url)["credentials"])
    known = {name: parts.pop(name, None) for name in ("host", "port", "user", "password", "database")}
    more = sorted(f"{name}={value}" for name, value in parts.items())
    return Reading(
        (str(known["host"]).lower(),),
        int(known["port"]),
        known["user"],
        known["password"],
        known["database"],
        tuple(more),
    )


def read_with_asyncpg(url: str) -> Reading:
    """Raises whatever asyncpg raises."""
    connect_utils: Any = importlib.import_module(
        "asyncpg.connect_utils"
    )  # what connect() calls; without stubs
    nothing: dict[str, Any] = dict.fromkeys(
        (
            "host",
            "port",
            "user",
            "password",
            "passfile",
            "database",
            "ssl",
            "service",
            "servicefile",
            "direct_tls",
        )
    )
    rest: dict[str, Any] = dict.fromkeys(("server_settings", "target_session_attrs", "krbsrvname", "gsslib"))
    addresses, parameters = connect_utils._parse_connect_dsn_and_args(dsn=url, **nothing, **rest)
    return Reading(
        tuple(str(host).lower() for host, _ in addresses),
        int(addresses[0][1]),
        parameters.user,
        parameters.password,
        parameters.database,
        tuple(sorted(f"{name}={value}" for name, value in (parameters.server_settings or {}).items())),
    )


class _Option(ctypes.Structure):
    """PQconninfoOption of libpq-fe.h."""

    _fields_ = (
        *((name, ctypes.c_char_p) for name in ("keyword", "envvar", "compiled", "val", "label", "dispchar")),
        ("dispsize", ctypes.c_int),
    )


@cache
def _libpq() -> ctypes.CDLL:
    folder = locate_binaries().postgres_bin.parent / "lib"
    library = ctypes.CDLL(
        str(
            next(
                path
                for path in sorted(folder.iterdir())
                if path.name.startswith("libpq.so") or path.name == "libpq.5.dylib"
            )
        )
    )
    library.PQconninfoParse.restype = ctypes.POINTER(_Option)
    library.PQconninfoParse.argtypes = [ctypes.c_char_p, ctypes.POINTER(ctypes.c_void_p)]
    library.PQconninfoFree.argtypes = [ctypes.POINTER(_Option)]
    library.PQfreemem.argtypes = [ctypes.c_void_p]
    return library


def read_with_libpq(url: str) -> Reading:
    """Read with the library that psql is made of; as psql does, up to the first NUL.

    Raises:
        ValueError: what libpq complains of.
    """
    complaint = ctypes.c_void_p()
    options = _libpq().PQconninfoParse(url.encode("utf-8", "surrogatepass"), ctypes.byref(complaint))
    if not options:
        words = ctypes.string_at(complaint.value or 0).decode(errors="replace")
        _libpq().PQfreemem(complaint)
        raise ValueError(words.strip())
    try:
        found = dict(_given(options))
    finally:
        _libpq().PQconninfoFree(options)
    known = {name: found.pop(name, None) for name in ("host", "port", "user", "password", "dbname")}
    return Reading(
        tuple((known["host"] or "").lower().split(",")),
        int(known["port"] or 5432),
        known["user"],
        known["password"],
        known["dbname"],
        tuple(sorted(f"{name}={value}" for name, value in found.items())),
    )


def _given(options: Any) -> Iterable[tuple[str, str]]:  # noqa: ANN401 - ctypes has no type for a pointer of ours
    place = 0
    while options[place].keyword:
        if options[place].val is not None:
            yield options[place].keyword.decode(), options[place].val.decode(errors="surrogateescape")
        place += 1


def read_env_files_with_compose(files: Sequence[Path]) -> list[dict[str, str]]:
    """What containers would get of each env file, asked of Docker Compose in one question.

    Raises:
        AssertionError: what it complains of.
    """
    services = {f"s{number}": {"image": "none", "env_file": [str(path)]} for number, path in enumerate(files)}
    document = files[0].with_name("compose.json")
    document.write_text(json.dumps({"name": "readers", "services": services}), encoding="utf-8")
    answer = subprocess.run(
        ["docker", "compose", "--file", str(document), "config", "--format", "json"],
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        stdin=subprocess.DEVNULL,
    )
    assert answer.returncode == 0, answer.stderr
    found = json.loads(answer.stdout)["services"]
    read = [found[f"s{number}"].get("environment") or {} for number in range(len(files))]
    # It prints $ as $$, so that what it prints can be read by it again.
    return [{name: value.replace("$$", "$") for name, value in values.items()} for values in read]
