"""The ordinary OS user under which PostgreSQL and Redis run when the tasks are run by root."""

import fcntl
import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from dashtam.devenv.errors import EnvironmentFailed

ACCOUNT_NAME = "dashtam"
_ADMINISTRATION_PATH = "/usr/sbin:/sbin:/usr/bin:/bin"


@dataclass(frozen=True)
class Account:
    """An OS user that is not root."""

    uid: int
    gid: int


def ensure_account() -> Account | None:
    """Answer the user that the stores run as; None means the invoking user, who is not root.

    Raises:
        EnvironmentFailed: root without a user `dashtam`, and none could be made.
    """
    if os.getuid() != 0:
        return None
    try:
        return _look_up()
    except KeyError:
        with _alone():
            return _look_up_or_create()


@contextmanager
def _alone() -> Iterator[None]:
    """Let the first verbs of several projects make the user one after the other.

    `useradd` looks for the name before it takes a lock of its own: of two at once, the second gives the user another
    number, to which nothing belongs that the first one's project has written by then.
    """
    handle = os.open("/etc", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _look_up_or_create() -> Account:
    try:
        return _look_up()
    except KeyError:
        _create()
        return _look_up()


def _look_up() -> Account:
    entry = pwd.getpwnam(ACCOUNT_NAME)
    if entry.pw_uid == 0:
        raise EnvironmentFailed(
            f"the user {ACCOUNT_NAME} is another name of root, under which PostgreSQL refuses to run",
            advice="run as an ordinary user",
        )
    return Account(entry.pw_uid, entry.pw_gid)


def _create() -> None:
    advice = f"create a system user named {ACCOUNT_NAME}, or run as an ordinary user"
    program = shutil.which("useradd", path=_ADMINISTRATION_PATH)
    if program is None:
        raise EnvironmentFailed(
            f"PostgreSQL refuses to run as root, there is no user {ACCOUNT_NAME}, and no useradd to make one",
            advice=advice,
        )
    command = [program, "--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin"]
    answer = subprocess.run(
        [*command, ACCOUNT_NAME],
        env={"PATH": _ADMINISTRATION_PATH},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if answer.returncode != 0:
        raise EnvironmentFailed(
            f"PostgreSQL refuses to run as root, and useradd could not make the user {ACCOUNT_NAME}: "
            f"{answer.stderr.strip()}",
            advice=advice,
        )


def ensure_reachable(account: Account, folder: Path) -> None:
    """Check that a user may pass through every folder on the way to `folder`; changes none of them.

    Raises:
        EnvironmentFailed: names the first folder that is closed to that user.
    """
    for step in reversed([folder, *folder.parents]):
        status = step.stat()
        shift = 6 if status.st_uid == account.uid else 3 if status.st_gid == account.gid else 0
        if not status.st_mode >> shift & 1:
            raise EnvironmentFailed(
                f"PostgreSQL and Redis run as user {ACCOUNT_NAME}, who may not pass through {step}",
                advice=f"set DASHTAM_HOME to a folder that {ACCOUNT_NAME} can reach, for example below /var/lib",
            )
