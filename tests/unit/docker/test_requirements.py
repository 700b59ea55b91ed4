"""The images install what pyproject.toml asks for, and nothing else."""

import subprocess
import sys
import tomllib

from tests.support.checkout import CHECKOUT


def printed(*extras: str) -> list[str]:
    command = [sys.executable, "docker/requirements.py", *extras]
    return subprocess.check_output(command, cwd=CHECKOUT, text=True).splitlines()


def test_production_gets_the_dependencies_and_development_the_tools_of_the_tests_as_well() -> None:
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text("utf-8"))["project"]
    assert printed() == project["dependencies"]
    assert printed("test") == project["dependencies"] + project["optional-dependencies"]["test"]


def test_every_dependency_of_the_images_is_pinned() -> None:
    pins = {line.partition("==")[0] for line in (CHECKOUT / "constraints.txt").read_text().splitlines()}
    assert set(printed("test")) <= pins
