"""Several containers' logs read as one story."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashtam.devenv.components import Component
from dashtam.devenv.engines.compose.client import Client
from dashtam.devenv.engines.compose.logs import print_logs, read_line
from tests.support.projects.docker_client import DockerClient

NAMES = {Component.POSTGRES: "throwaway-postgres", Component.APP: "throwaway-app"}


def client_with_logs(folder: Path) -> Client:
    docker = DockerClient(folder)
    docker.answer(
        ("logs", "--timestamps", "--tail", "5", "throwaway-postgres"),
        "2026-11-23T10:00:00.1Z first\n2026-11-23T10:00:00.3Z third\n",
    )
    docker.answer(
        ("logs", "--timestamps", "--tail", "5", "throwaway-app"),
        "2026-11-23T10:00:00.2Z second\n",
        complaint="2026-11-23T10:00:00.4Z fourth\n",
    )
    return Client({"PATH": docker.path})


def test_lines_come_in_the_order_of_time_each_with_its_component(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    print_logs(client_with_logs(tmp_path), NAMES, follow=False, tail=5)
    assert capsys.readouterr().out.splitlines() == [
        "postgres  | first",
        "app       | second",
        "postgres  | third",
        "app       | fourth",
    ]


def test_following_shows_no_line_twice(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    client = client_with_logs(tmp_path)
    docker = DockerClient(tmp_path)
    docker.answer(("--tail", "5"), "2026-11-23T10:00:00.2Z known\n")
    docker.answer(
        ("--since", "2026-11-23T10:00:00.2Z"), "2026-11-23T10:00:00.2Z known\n2026-11-23T10:00:01Z new\n"
    )
    print_logs(client, {Component.APP: "throwaway-app"}, follow=True, tail=5)
    assert capsys.readouterr().out.splitlines() == ["app       | known", "app       | new"]


@given(st.binary())
def test_no_line_is_too_strange_to_be_shown(raw: bytes) -> None:
    assert read_line(Component.APP, raw).component is Component.APP
