"""pytest, however it is called, runs on the verified test database or not at all."""

import os
import subprocess
import sys

import pytest

from tests.support.checkout import CHECKOUT
from tests.support.servers.clusters import Cluster

TARGET = "tests/unit/disposable/test_decision.py"


def run_pytest(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *arguments],
        env={"PATH": os.environ["PATH"], **environment},
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize(
    "arguments",
    [
        (TARGET,),
        (),
        ("-p", "no:cacheprovider", TARGET),
        ("tests/unit",),
        ("tests/acceptance/database", TARGET),
        ("tests/acceptance/../unit",),
        ("tests",),
        ("--import-mode=prepend", TARGET),
        ("-n", "2", TARGET),
    ],
)
def test_without_settings_it_is_refused_before_anything_is_collected(arguments: tuple[str, ...]) -> None:
    # Collecting alone, so that a gate that stands open does not run the suite inside the suite.
    answer = run_pytest("--collect-only", *arguments)
    assert answer.returncode == 3
    assert "TESTING is missing" in answer.stdout + answer.stderr
    assert "invoke test.unit" in answer.stdout + answer.stderr
    assert "Traceback" not in answer.stdout + answer.stderr


def test_help_needs_no_settings() -> None:
    answer = run_pytest("--help")
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert "--hypothesis-profile" in answer.stdout


def test_development_settings_are_refused(cluster: Cluster) -> None:
    answer = run_pytest(TARGET, **cluster.environment("development"))
    assert answer.returncode == 3
    assert cluster.ask("SELECT count(*) FROM users", database="dashtam") == "1"


def test_another_cluster_is_refused(cluster: Cluster) -> None:
    answer = run_pytest(TARGET, **cluster.environment("testing") | {"CLUSTER_IDENTIFIER": "42"})
    assert answer.returncode == 3
    assert "expected 42" in answer.stdout + answer.stderr


@pytest.mark.parametrize("arguments", [(), ("-n", "2")])
def test_the_verified_test_database_is_accepted(cluster: Cluster, arguments: tuple[str, ...]) -> None:
    answer = run_pytest(*arguments, TARGET, **cluster.environment("testing"))
    assert answer.returncode == 0, answer.stdout


def test_acceptance_tests_get_no_database(tmp_path_factory: pytest.TempPathFactory, cluster: Cluster) -> None:
    """They start servers of their own; the fixtures of the others refuse them, whatever the settings say."""
    probe = CHECKOUT / "tests/acceptance/database/test_probe_of_the_gate.py"
    probe.write_text("async def test_it(transaction):\n    pass\n", encoding="utf-8")
    try:
        answer = run_pytest(str(probe), **cluster.environment("testing"))
    finally:
        probe.unlink()
    assert answer.returncode == 1
    assert "acceptance tests have no database" in answer.stdout
