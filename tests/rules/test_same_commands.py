"""Whoever starts here, by hand, in a Dev Container or in CI, runs the commands that the README promises."""

import json
import re
from typing import Any

import yaml

from tests.support.checkout import CHECKOUT


def promised_commands() -> list[str]:
    """The README's commands, one by one."""
    readme = (CHECKOUT / "README.md").read_text(encoding="utf-8")
    block = re.search(r"```console\n(.*?)```", readme, re.DOTALL)
    assert block
    return [part.strip() for line in block[1].splitlines() for part in line.removeprefix("$ ").split("&&")]


def dev_container() -> dict[str, Any]:
    document: dict[str, Any] = json.loads((CHECKOUT / ".devcontainer/devcontainer.json").read_text("utf-8"))
    return document


def test_a_dev_container_installs_and_starts_as_the_readme_says() -> None:
    container = dev_container()
    assert [container["postCreateCommand"], container["postStartCommand"]] == promised_commands()[:2]


def test_a_dev_container_runs_without_privileges_and_keeps_its_data() -> None:
    container = dev_container()
    assert container["remoteUser"] != "root"
    assert not {"privileged", "runArgs", "capAdd", "features"} & container.keys()
    assert any("/.local/share/dashtam" in mount for mount in container["mounts"])


def test_github_runs_what_ci_runs_and_may_only_read() -> None:
    workflow = yaml.safe_load((CHECKOUT / ".github/workflows/ci.yml").read_text("utf-8"))
    assert workflow["permissions"] == {"contents": "read"}
    steps = [step.get("run") for step in workflow["jobs"]["checks"]["steps"]]
    assert "bash .ci/run" in steps
