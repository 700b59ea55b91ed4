"""Runs the benchmarks: of the tasks on this machine, of the database and the API inside a test environment."""

import importlib.util
import subprocess
import sys
from collections.abc import Mapping

from dashtam.devenv.checking.testing import development_back_afterwards, outside_environment, set_up_tests
from dashtam.devenv.components import Component
from dashtam.devenv.errors import EnvironmentFailed
from dashtam.devenv.report import Report
from dashtam.devenv.session import CHECKOUT, open_first_session

_OUTSIDE = ("benchmarks.tasks", "benchmarks.snapshots")
_INSIDE = (
    *("benchmarks.database", "benchmarks.http", "benchmarks.sign_in"),
    *("benchmarks.sealing", "benchmarks.refreshes"),
)


def run_benchmarks(report: Report, shell: Mapping[str, str]) -> int:
    """Run all benchmarks one after the other, so that none disturbs another; answers the first code that is not 0."""
    if importlib.util.find_spec("sqlalchemy") is None:
        raise EnvironmentFailed(
            "what the benchmarks compare with is not installed",
            advice="pip install -c constraints.txt -e '.[dev,bench]'",
        )
    codes = []
    for module in _OUTSIDE:
        with report.chapter(f"{module}, in throw-away projects"):
            command = [sys.executable, "-m", module]
            environment = outside_environment(shell)
            codes.append(subprocess.run(command, cwd=CHECKOUT, env=environment, check=False).returncode)
    with (
        open_first_session(report, shell, command="invoke bench", engine=None) as session,
        development_back_afterwards(session),
    ):
        set_up_tests(session)
        for module in _INSIDE:
            report.say(f"• {module}")
            codes.append(session.engine.execute(Component.APP, ["python", "-m", module], interactive=False))
    if failed := [code for code in codes if code]:
        raise EnvironmentFailed(
            f"{len(failed)} of {len(codes)} benchmarks missed their mark", advice="read them above"
        )
    return 0
