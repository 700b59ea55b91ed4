"""The checks that need no environment: format, lint, types, imports."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from dashtam.devenv.errors import EnvironmentFailed, list_problems
from dashtam.devenv.report import Report

_SCRIPTS: Final = Path(sys.executable).parent
COMMANDS: Final[dict[str, Sequence[str]]] = {
    "format": ("ruff", "format", "--check"),
    "lint": ("ruff", "check"),
    "types": ("mypy",),
    "imports": ("lint-imports",),
}
_MENDING: Final[dict[str, Sequence[str]]] = {
    "format": ("ruff", "format"),
    "lint": ("ruff", "check", "--fix"),
}


def run_checks(report: Report, checkout: Path, names: Sequence[str], *, mend: bool) -> int:
    """Run checks one after the other, all of them; answers 0 when every one is content.

    Raises:
        EnvironmentFailed: names the ones that are not.
    """
    failed = [name for name in names if not _passes(report, checkout, name, mend=mend)]
    if failed:
        raise EnvironmentFailed(
            list_problems("not clean", failed),
            advice=f"invoke format, mend the rest, then invoke {failed[0]}",
        )
    return 0


def _passes(report: Report, checkout: Path, name: str, *, mend: bool) -> bool:
    program, *arguments = _MENDING[name] if mend and name in _MENDING else COMMANDS[name]
    command = [str(_SCRIPTS / program), *arguments]
    environment = {
        key: value for key, value in os.environ.items() if key in {"HOME", "PATH", "TERM", "LANG", "TMPDIR"}
    }
    try:
        with report.chapter(name):
            subprocess.run(command, cwd=checkout, env=environment, stdin=subprocess.DEVNULL, check=True)
    except subprocess.CalledProcessError:
        return False
    except FileNotFoundError:
        raise EnvironmentFailed(
            f"{program} is not installed", advice="pip install -c constraints.txt -e '.[dev]'"
        ) from None
    return True
