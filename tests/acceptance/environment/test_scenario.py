"""The scenario that the environment exists for: develop, test, develop again, and nothing is lost."""

import json

from tests.support.people.story import ACCESS_TOKEN
from tests.support.projects.project import ThrowawayProject


def test_tests_leave_every_row_of_development_as_it_was(development: ThrowawayProject) -> None:
    development.done("exec", "app", "--", "python", "-m", "tests.support.people.story", "store")
    rows, catalogue = development.dump(), development.fetch("/api/v1/providers")
    assert len(rows["users"]) == len(rows["provider_connections"]) == len(rows["provider_tokens"]) == 1

    development.done("test.setup")
    assert development.dump() == rows
    development.done("test.unit")
    development.done("test.integration")
    cleaned = development.done("test.clean")
    assert "unchanged, row by row" in cleaned
    development.done("up")

    assert development.dump() == rows
    assert development.fetch("/api/v1/providers") == catalogue
    opened = development.done("exec", "app", "--", "python", "-m", "tests.support.people.story", "open")
    assert ACCESS_TOKEN in opened


def test_up_ends_with_every_component_healthy_and_the_database_it_is_really_connected_to(
    development: ThrowawayProject,
) -> None:
    shown = development.done("up")
    assert f"https://localhost:{development.ports['APP_PORT']}" in shown
    status = development.status()
    assert status["mode"] == "development"
    assert {entry["health"] for entry in status["components"]} == {"healthy"}
    connected = {entry["component"]: entry["connected_to"] for entry in status["components"]}
    assert {connected[name] for name in ("app", "callback", "refresher")} == {"dashtam as dashtam_user"}
    assert connected["redis"] == "index 0"
    assert status["migration_head"]


def test_both_servers_answer_over_tls_that_verifies(development: ThrowawayProject) -> None:
    for port in ("APP_PORT", "CALLBACK_PORT"):
        assert json.loads(development.fetch("/health/ready", port=port))["status"] == "ready"


def test_the_test_environment_runs_the_same_components_on_another_database(
    development: ThrowawayProject,
) -> None:
    shown = development.done("test.setup")
    ticks = [
        line for line in shown.splitlines() if line.startswith(tuple(f"✓ {step} " for step in range(1, 10)))
    ]
    assert len(ticks) == 9
    status = development.status()
    assert status["mode"] == "testing"
    assert {entry["component"]: entry["health"] for entry in status["components"]} == {
        "postgres": "healthy", "redis": "healthy", "app": "idle", "callback": "stopped", "refresher": "stopped",
    }  # fmt: skip
    told = development.done("exec", "app", "--", "printenv", "DATABASE_URL")
    assert "dashtam_test_user" in told
    assert "/dashtam_test" in told


def test_the_exit_code_of_a_test_run_is_that_of_pytest_and_its_options_pass_through(
    development: ThrowawayProject,
) -> None:
    development.done("test.setup")
    failing = development.checkout / "fail"
    failing.touch()
    try:
        assert development.invoke("test.unit").code == 1
    finally:
        failing.unlink()
    assert "1 passed, 1 deselected" in development.done("test.unit", "--options", "-k 'passes or nothing'")
    assert "1 passed, 1 deselected" in development.done("test.unit", "--", "-k", "passes or nothing")
    assert development.invoke("test.unit", "--", "-k", "nosuchtest").code == 5


def test_the_whole_run_brings_development_back_even_when_tests_fail(development: ThrowawayProject) -> None:
    rows = development.dump()
    failing = development.checkout / "fail"
    failing.touch()
    try:
        answer = development.invoke("test")
    finally:
        failing.unlink()
    assert answer.code == 1
    assert "1 failed" in answer.output
    status = development.status()
    assert status["mode"] == "development"
    assert {entry["health"] for entry in status["components"]} == {"healthy"}
    assert development.dump() == rows


def test_the_whole_run_leaves_a_stopped_environment_stopped(development: ThrowawayProject) -> None:
    development.done("down")
    development.done("test")
    assert development.status()["mode"] is None
