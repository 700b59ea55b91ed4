"""The fence around a mutation run: a mutated guard no longer protects, so the kernel does.

Behind the fence, all folders of the machine but one are read-only, and only our own processes are visible. The network
is a separate loopback, and /run is empty, so that no Docker engine can be reached. A mutant can therefore damage only
what the run itself created. Only Linux supports this; without it, no mutant is ever run.
"""

import array
import ctypes
import errno
import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, NoReturn

INSIDE: Final = "DASHTAM_TEST_BEHIND_FENCE"
_MOUNT_SETATTR: Final = 442  # the same system call number on every architecture
_RECURSIVE, _READ_ONLY = 0x8000, 0x1
_NOSUID_NODEV: Final = 0x2 | 0x4
_GET_FLAGS, _SET_FLAGS, _UP = 0x8913, 0x8914, 0x1
_NEW_MOUNTS, _NEW_PROCESSES, _NEW_NETWORK = 0x00020000, 0x20000000, 0x40000000
_PARENT_DEATH_SIGNAL: Final = 1
_LIBC: Final = ctypes.CDLL(None, use_errno=True)


class NoFence(Exception):
    """This machine does not support the fence."""


def command_behind(command: Sequence[str]) -> list[str]:
    """Return the command that runs `command` in separate namespaces; `command` must call `close` first.

    Raises:
        NoFence: the kernel or its configuration does not allow that.
    """
    unshare = shutil.which("unshare")
    if unshare is None:
        raise NoFence("the program `unshare` of Linux is missing")
    words = [unshare, "--mount", "--pid", "--net", "--ipc", "--fork", "--kill-child", "--mount-proc"]
    if os.getuid() != 0:
        words += ["--user", "--map-current-user", "--keep-caps"]
    tried = subprocess.run([*words, "true"], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if tried.returncode != 0:
        raise NoFence(tried.stderr.strip() or f"unshare ended with {tried.returncode}")
    return [*words, *command]


def end_with_parent() -> None:
    """Let the kernel end this process, and with it the namespace, when its parent ends for any reason."""
    _LIBC.prctl(_PARENT_DEATH_SIGNAL, signal.SIGKILL)


def close(folder: Path) -> None:
    """Make all folders but one read-only, hide the sockets in /run, and bring up the separate loopback.

    The folder is in memory, so that nothing outlives the run and tests of databases take half the time.

    Raises:
        NoFence: the fence is not complete; no mutant may be run.
    """
    _set_read_only("/")
    _mount("tmpfs", str(folder), "tmpfs", _NOSUID_NODEV, "mode=711")
    for hidden in ("/run", "/dev/shm"):
        _mount("tmpfs", hidden, "tmpfs", _NOSUID_NODEV)
    _bring_loopback_up()
    _prove(folder)


def separate_network() -> None:
    """Give this process and its children a separate loopback, so that workshops do not share ports."""
    _unshare(_NEW_NETWORK)
    _bring_loopback_up()


def run_among_own_processes(action: Callable[[], int]) -> NoReturn:
    """Run a function that sees only the processes that it starts, then end this process with its exit code.

    Two runs that saw each other's processes would end them. Then a mutant that sends no signal would survive by the
    signal of another run, and a harmless mutant would be killed by it.
    """
    _unshare(_NEW_PROCESSES | _NEW_MOUNTS)
    first = os.fork()
    if first == 0:
        end_with_parent()
        _mount("proc", "/proc", "proc", _NOSUID_NODEV)
        acting = os.fork()
        if acting == 0:
            os._exit(action())
        while True:  # the first process of a namespace reaps orphans
            ended, status = os.wait()
            if ended == acting:
                os._exit(_exit_code(status))
    _, status = os.waitpid(first, 0)
    os._exit(_exit_code(status))


def _exit_code(status: int) -> int:
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def _unshare(flags: int) -> None:
    if _LIBC.unshare(flags) != 0:
        raise NoFence(f"unshare: {os.strerror(ctypes.get_errno())}")


def _prove(folder: Path) -> None:
    """Assert that what must be impossible is impossible."""
    if os.getpid() > 2 and os.getppid() > 2:
        raise NoFence(f"process id {os.getpid()}; expected to be among the first of a namespace")
    for elsewhere in {Path(__file__).parent, Path("/var/tmp"), Path(sys.prefix), Path.home(), Path("/")}:
        probe = elsewhere / f".probe-{os.getpid()}"
        try:
            probe.touch()
        except OSError as error:
            if error.errno in {errno.EROFS, errno.ENOENT, errno.EACCES}:
                continue
            raise
        if not probe.resolve().is_relative_to(folder.resolve()):
            probe.unlink()
            raise NoFence(f"{elsewhere} can be written to")
    if any(Path("/run").iterdir()):
        raise NoFence("/run is not empty")


def _mount(source: str, target: str, kind: str, flags: int, options: str = "") -> None:
    words = [word.encode() for word in (source, target, kind)]
    if _LIBC.mount(*words, ctypes.c_ulong(flags), options.encode()) != 0:
        raise NoFence(f"mount {target}: {os.strerror(ctypes.get_errno())}")


def _set_read_only(path: str) -> None:
    """Make a folder and all mounts below it read-only."""
    attributes = (ctypes.c_uint64 * 4)(_READ_ONLY, 0, 0, 0)
    done = _LIBC.syscall(
        ctypes.c_long(_MOUNT_SETATTR),
        ctypes.c_int(-100),
        path.encode(),
        ctypes.c_uint(_RECURSIVE),
        ctypes.byref(attributes),
        ctypes.c_size_t(ctypes.sizeof(attributes)),
    )
    if done != 0:
        raise NoFence(f"mount_setattr {path}: {os.strerror(ctypes.get_errno())}")


def _bring_loopback_up() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        request = array.array("B", b"lo".ljust(16, b"\0") + b"\0" * 24)
        fcntl.ioctl(control, _GET_FLAGS, request)
        flags = int.from_bytes(request[16:18].tobytes(), sys.byteorder) | _UP
        request[16:18] = array.array("B", flags.to_bytes(2, sys.byteorder))
        fcntl.ioctl(control, _SET_FLAGS, request)
