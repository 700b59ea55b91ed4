"""One verb at a time changes an environment."""

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from dashtam.devenv.errors import EnvironmentRefused
from dashtam.devenv.project.files import ensure_home


@contextlib.contextmanager
def hold_lock(home: Path, command: str) -> Iterator[None]:
    """Hold the lock of a project. The kernel frees it when this process ends, however it ends: none goes stale.

    Raises:
        EnvironmentRefused: another verb holds it; says which, and since when.
    """
    ensure_home(home)
    # The file stays: removing it would let two processes hold the lock of two files of one name.
    handle = os.open(lock_path(home), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise EnvironmentRefused(
                f"another verb is at work here: {_describe(os.pread(handle, 4096, 0))}",
                advice="wait until it is done, then try again",
            ) from None
        _write(handle, {"pid": os.getpid(), "command": command, "since": _now()})
        yield
        _write(handle, {})
    finally:
        os.close(handle)


def lock_path(home: Path) -> Path:
    """Where the lock of a project stands."""
    return home / "lock"


def find_holder(home: Path) -> str | None:
    """Say which verb is at work; None where none is."""
    try:
        handle = os.open(lock_path(home), os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _describe(os.pread(handle, 4096, 0))
    else:
        return None
    finally:
        os.close(handle)


def find_leftover(home: Path) -> str | None:
    """Say which verb was killed while it held the lock; None where the last one ended by itself."""
    try:
        content = lock_path(home).read_bytes()
    except OSError:
        return None
    return _describe(content) if content and find_holder(home) is None else None


def _write(handle: int, holder: dict[str, object]) -> None:
    content = json.dumps(holder).encode() if holder else b""
    os.ftruncate(handle, 0)
    os.pwrite(handle, content, 0)


def _describe(content: bytes) -> str:
    try:
        holder = json.loads(content)
        return f"pid {holder['pid']} ({holder['command']}), since {holder['since']}"
    except (ValueError, KeyError, TypeError):
        return "a process that has only just begun"


def _now() -> str:
    return datetime.now(UTC).astimezone().isoformat(" ", "seconds")
