"""What Compose makes of the compose files: asked of Compose itself, or worked out where there is no Docker client."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from dashtam.devenv.components import Mode
from dashtam.devenv.engines.compose.command import (
    BASE_FILE,
    IMAGE_INPUTS,
    TEST_FILE,
    compose,
    compose_environment,
)
from dashtam.devenv.project.configuration import PORT_SETTINGS, Configuration, read_configuration
from dashtam.devenv.project.env_files import read_env_file
from dashtam.devenv.project.first_run import fresh_secrets, replace_values
from dashtam.devenv.project.project import Project
from tests.support.checkout import CHECKOUT
from tests.support.servers.ports import free_ports

CLUSTER: Final = "7000000000000000001"
_VARIABLE: Final = re.compile(r"\$(?:\$|\{(?P<name>\w+)(?P<rule>:[?-])?(?P<word>[^}]*)\})")
_REPLACED: Final = {"command", "entrypoint", "test"}  # everything else that is a list grows

Document = dict[str, Any]


def make_configuration(folder: Path) -> Configuration:
    """Lay out a checkout with the compose files of this one, fresh secrets and free ports, and read it."""
    checkout = folder / "checkout"
    checkout.mkdir()
    for name in (BASE_FILE, TEST_FILE, ".env.test", *IMAGE_INPUTS):
        (checkout / name).parent.mkdir(exist_ok=True)
        shutil.copy(CHECKOUT / name, checkout / name)
    example = (CHECKOUT / ".env.example").read_text(encoding="ascii")
    ports = dict(zip(PORT_SETTINGS, map(str, free_ports(len(PORT_SETTINGS))), strict=True))
    (checkout / ".env").write_text(replace_values(example, fresh_secrets() | ports), encoding="ascii")
    return read_configuration(Project("throwaway", checkout, folder / "home" / "throwaway"))


def interpolated_values(configuration: Configuration) -> dict[str, str]:
    """What the engine sets beside the env files."""
    return compose_environment(
        configuration, user="1000:1000", inputs="inputs", files="files", cluster_identifier=CLUSTER
    )


def has_compose() -> bool:
    """A Docker client with Compose is here; no engine is needed to read files."""
    return (
        shutil.which("docker") is not None
        and subprocess.run(["docker", "compose", "version"], capture_output=True).returncode == 0
    )


def read_with_compose(configuration: Configuration, mode: Mode) -> Document:
    """Let Compose read its files."""
    command = compose(configuration, mode, "config", "--format", "json")
    environment = {"PATH": os.environ["PATH"], **interpolated_values(configuration)}
    return dict(json.loads(subprocess.check_output(command, env=environment)))


def read_with_yaml(configuration: Configuration, mode: Mode) -> Document:
    """Read the files as Compose's documentation says: interpolate, resolve, lay one over the other."""
    checkout = configuration.checkout
    testing = mode is Mode.TESTING
    values = {"COMPOSE_PROJECT_NAME": configuration.project, **interpolated_values(configuration)}
    values |= read_env_file(checkout / ".env") | (read_env_file(checkout / ".env.test") if testing else {})
    merged: object = {}
    for name in (BASE_FILE, TEST_FILE) if testing else (BASE_FILE,):
        read = yaml.load((checkout / name).read_text(encoding="utf-8"), _Loader)
        merged = _lay_over(merged, _interpolate(read, values))
    assert isinstance(merged, dict)
    document: Document = merged
    document["name"] = configuration.project
    for service in document["services"].values():
        _normalize(service, checkout)
    return document


class _Overriding(list[object]):
    """A list marked !override: it replaces the one below instead of growing it."""


class _Loader(yaml.SafeLoader):
    """YAML as Compose reads it."""


def _read_override(loader: yaml.SafeLoader, node: yaml.SequenceNode) -> _Overriding:
    return _Overriding(loader.construct_sequence(node, deep=True))


_Loader.add_constructor("!override", _read_override)


def _interpolate(value: object, values: Mapping[str, str]) -> object:
    if isinstance(value, dict):
        return {key: _interpolate(item, values) for key, item in value.items()}
    if isinstance(value, list):
        return type(value)(_interpolate(item, values) for item in value)
    return _VARIABLE.sub(lambda found: _replace(found, values), value) if isinstance(value, str) else value


def _replace(found: re.Match[str], values: Mapping[str, str]) -> str:
    if found[0] == "$$":
        return "$"
    value = values.get(found["name"], "")
    if not value and found["rule"] == ":?":
        raise ValueError(f"{found['name']} is required and has no value")
    return value or (found["word"] if found["rule"] == ":-" else "")


def _lay_over(below: object, above: object, key: str = "") -> object:
    if isinstance(below, dict) and isinstance(above, dict):
        return {
            name: _lay_over(below.get(name), above.get(name, below.get(name)), name)
            if name in below
            else above[name]
            for name in {**below, **above}
        }
    if isinstance(below, list) and isinstance(above, list) and below is not above:
        return above if isinstance(above, _Overriding) or key in _REPLACED else [*below, *above]
    return above


def _normalize(service: Document, checkout: Path) -> None:
    ports = (port.split(":") for port in service.get("ports", []))
    service["ports"] = [
        {"host_ip": address, "published": published, "target": int(target)}
        for address, published, target in ports
    ]
    for mount in service.get("volumes", []):
        if mount["type"] == "bind":
            mount["source"] = str((checkout / mount["source"]).resolve())
