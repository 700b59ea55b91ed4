"""What the doctor says of the shell that it is called from."""

from itertools import takewhile
from pathlib import Path

from dashtam.devenv.lifecycle.doctor import find_all
from dashtam.devenv.report import Report


def _said_of_shell(folder: Path, **shell: str) -> list[str]:
    findings = find_all(Report(), {"DASHTAM_HOME": str(folder / "home"), **shell}, folder)
    before_lock = takewhile(lambda finding: finding.subject != "lock", findings)
    return [finding.seen for finding in before_lock if finding.subject == "shell"]


def test_variables_that_the_tasks_pass_over_are_named(tmp_path: Path) -> None:
    shell = {"PGHOST": "live.example", "DOCKER_BUILDKIT": "0", "COMPOSE_FILE": "other.yml", "EDITOR": "vi"}

    assert _said_of_shell(tmp_path, **shell) == [
        "COMPOSE_FILE, DOCKER_BUILDKIT, PGHOST stand in this shell; the tasks pass them over"
    ]


def test_variables_that_name_a_docker_engine_are_not_said_to_be_passed_over(tmp_path: Path) -> None:
    shell = {"DOCKER_HOST": "unix:///run/user/1000/docker.sock", "DOCKER_CONTEXT": "rootless"}

    assert _said_of_shell(tmp_path, **shell) == [
        "DOCKER_CONTEXT, DOCKER_HOST may name a Docker engine, which must be this machine's"
    ]
