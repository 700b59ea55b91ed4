"""A command inside a container behaves as if it ran on this terminal."""

import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.support.checkout import CHECKOUT
from tests.support.projects.docker_client import DockerClient

DRIVER = """
import os, sys
from pathlib import Path
from dashtam.devenv.components import Component
from dashtam.devenv.engines.compose.client import Client
from dashtam.devenv.engines.compose.foreground import run_inside
from tests.support.projects.compose_files import make_configuration
configuration = make_configuration(Path(sys.argv[1]))
sys.exit(run_inside(Client(dict(os.environ)), configuration, Component.APP, sys.argv[2:], interactive=True))
"""
WAITING = """
import signal, sys, time
def end(number, frame):
    print("told", signal.Signals(number).name, flush=True)
    sys.exit(40 + number)
signal.signal(signal.SIGINT, end)
signal.signal(signal.SIGTERM, end)
print("ready", flush=True)
time.sleep(3600)
"""


def start(tmp_path: Path, *words: str) -> "subprocess.Popen[str]":
    docker = DockerClient(tmp_path)
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(DRIVER), str(tmp_path), *words],
        cwd=CHECKOUT,
        env={"PATH": docker.path},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_reach_the_command_and_its_exit_code_reaches_us(
    tmp_path: Path, number: signal.Signals
) -> None:
    with start(tmp_path, sys.executable, "-c", WAITING) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        assert process.stdout.readline() == f"told {number.name}\n"
        assert process.wait() == 40 + number


def test_what_is_piped_in_reaches_the_command(tmp_path: Path) -> None:
    with start(tmp_path, "cat") as process:
        output, _ = process.communicate("from here\n")
    assert (output, process.returncode) == ("from here\n", 0)


@pytest.mark.parametrize(("words", "code"), [(("sh", "-c", "exit 7"), 7), (("no-such-program",), 127)])
def test_the_exit_code_is_that_of_the_command(tmp_path: Path, words: tuple[str, ...], code: int) -> None:
    with start(tmp_path, *words) as process:
        process.communicate()
    assert process.returncode == code
