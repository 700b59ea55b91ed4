"""The checks that need no environment: format, lint, types, imports, and the mutants, which bring their own."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from dashtam.devenv.checking.testing import outside_environment
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
_MUTATION: Final = "tests.mutation"
_NO_FENCE: Final = 4


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


def run_mutants(
    report: Report,
    checkout: Path,
    shell: Mapping[str, str],
    *,
    files: Sequence[str] = (),
    thorough: bool = False,
    ci: bool = False,
) -> int:
    """Break guards one at a time, behind a fence that no mutant can reach beyond; answers 0 when a test noticed each.

    With `ci` only the files are tried that CI has the time for, and it is no error where the machine has no such fence,
    so that nothing is run.

    Raises:
        EnvironmentFailed: a mutant survived, or none could be run.
    """
    command = [
        sys.executable,
        "-m",
        _MUTATION,
        *(["--all"] if thorough else []),
        *(["--ci"] if ci else []),
        *files,
    ]
    with report.chapter("mutants"):
        code = subprocess.run(
            command, cwd=checkout, env=outside_environment(shell), stdin=subprocess.DEVNULL, check=False
        ).returncode
    if code == _NO_FENCE and ci:
        report.say("!!! NO MUTANT WAS RUN: THIS MACHINE CANNOT FENCE THEM IN !!!")
    elif code != 0:
        raise EnvironmentFailed(
            f"the mutants ended with {code}; what they said stands above",
            advice="write the test that notices, then invoke mutate --file FILE",
        )
    return 0
