"""Start a program that ends with its parent: `python -m dashtam.devenv.engines.tether PARENT SIGNAL program ...`."""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def tether(parent: int, farewell: signal.Signals) -> None:
    """Ask the kernel for a signal at the parent's death, however it dies; kept by the programs we become.

    Only Linux can do this. Elsewhere the leftovers of a killed parent are found by their mark at the next start.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, int(farewell), 0, 0, 0)
        if os.getppid() != parent:  # it died before we could ask
            raise SystemExit(1)


def tethered(command: list[str], farewell: signal.Signals = signal.SIGTERM) -> list[str]:
    """Build the command that runs `command` as a child which does not outlive this process."""
    return [sys.executable, "-m", __name__, str(os.getpid()), str(int(farewell)), *command]


def main(arguments: list[str]) -> None:
    """Tether this process, then become the program."""
    parent, farewell, *command = arguments
    tether(int(parent), signal.Signals(int(farewell)))
    os.execvp(command[0], command)  # noqa: S606 - a list of words, no shell


if __name__ == "__main__":
    main(sys.argv[1:])
