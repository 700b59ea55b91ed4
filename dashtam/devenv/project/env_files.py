"""Env files as both engines read them: the plain subset that Docker Compose and python-dotenv understand alike."""

import re
from pathlib import Path
from typing import Final

from dashtam.devenv.errors import EnvironmentMisused, list_problems

_NAME: Final = r"[A-Za-z_][A-Za-z0-9_]*"
# Neither $ (Compose interpolates it, python-dotenv differs) nor \ (each has its own escapes), anywhere.
_BARE: Final = r"[!%-&(-\[\]-~][!#%-&(-\[\]-~]*"
_LINE: Final = re.compile(
    rf"""(?P<name>{_NAME})=
    (?:(?:"(?P<double>[ !#%-\[\]-~]*)"|'(?P<single>[ !#-&(-\[\]-~]*)'|(?P<bare>{_BARE}))(?:[ \t]*[ ]\#.*|[ \t]*)"""
    r"|[ \t]*)",  # no comment behind nothing, nor behind a tab: Compose takes it for the value
    re.VERBOSE | re.ASCII,
)
_MAX_BYTES: Final = 65_536
_MAX_PROBLEMS: Final = 8


def read_env_file(path: Path) -> dict[str, str]:
    """Read `NAME=value` lines; a value may stand in quotes, and `#` after white space begins a comment.

    Raises:
        EnvironmentMisused: everything that is wrong with the file, by line number. No value is quoted: it may be
            secret.
    """
    values: dict[str, str] = {}
    problems: list[str] = []
    for number, line in enumerate(_read_text(path).split("\n"), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            problems.append(f"line {number} {_explain(line)}")
        elif match["name"] in values:
            problems.append(f"line {number} sets {match['name']}, which an earlier line sets as well")
        else:
            values[match["name"]] = match["double"] or match["single"] or match["bare"] or ""
    if problems:
        hidden = len(problems) - _MAX_PROBLEMS
        shown = problems[:_MAX_PROBLEMS] + ([f"and {hidden} more"] if hidden > 0 else [])
        raise EnvironmentMisused(list_problems(f"{path} is not understood", shown), advice=f"edit {path}")
    return values


def _read_text(path: Path) -> str:
    content = _read_bytes(path)
    advice = f"edit {path}, or start again from .env.example"
    if not content.strip():
        raise EnvironmentMisused(
            f"{path} is empty; expected settings like those of .env.example", advice=advice
        )
    if len(content) > _MAX_BYTES:
        raise EnvironmentMisused(
            f"{path} has {len(content)} bytes; expected an env file of at most {_MAX_BYTES}", advice=advice
        )
    if b"\r" in content:
        raise EnvironmentMisused(
            f"{path} has the line ends of Windows (CR LF), which would become part of every value; expected LF",
            advice=f"sed -i 's/\\r$//' {path}",
        )
    try:
        return content.decode("ascii")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise EnvironmentMisused(
            f"line {line} of {path} has letters beyond ASCII; expected plain ASCII", advice=f"edit {path}"
        ) from None


def _read_bytes(path: Path) -> bytes:
    if path.is_dir():
        raise EnvironmentMisused(
            f"{path} is a folder; expected a file", advice=f"look into {path} and remove it"
        )
    if path.exists() and not path.is_file():
        raise EnvironmentMisused(f"{path} is no ordinary file; expected one", advice=f"remove {path}")
    try:
        with path.open("rb") as file:
            return file.read(_MAX_BYTES + 1)
    except FileNotFoundError:
        advice = "invoke up" if path.name == ".env" else f"git checkout {path.name}"
        raise EnvironmentMisused(f"{path} does not exist", advice=advice) from None
    except OSError as error:
        raise EnvironmentMisused(
            f"{path} cannot be read: {error.strerror}", advice=f"make {path} a file that you may read"
        ) from None


def _explain(line: str) -> str:
    name, separator, value = line.partition("=")
    if not separator or not re.fullmatch(_NAME, name):
        return "is not NAME=value"
    if "$" in value:
        return f"has a $ in {name}: the readers of env files disagree about it; use another character"
    if "\\" in value:
        return f"has a backslash in {name}: the readers of env files disagree about it; use another character"
    if value[:1] in {" ", "\t"}:
        return f"has white space after {name}="
    if value[:1] in {'"', "'"}:
        return f"has quotes in {name} that do not match, or text behind them"
    return f"has white space, quotes or control characters in {name}; put the value in quotes"
