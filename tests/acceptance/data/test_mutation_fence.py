"""Behind the fence of a mutation run nothing of this machine can be changed, ended or reached."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.mutation import fence
from tests.support.checkout import CHECKOUT

TRY = """
import json, os, pathlib, socket, sys
from tests.mutation import fence
folder, victim, port, canary = sys.argv[1:]
fence.close(pathlib.Path(folder))
seen = {}
def attempt(name, act):
    try:
        act()
        seen[name] = "done"
    except OSError as error:
        seen[name] = type(error).__name__
attempt("own folder", pathlib.Path(folder, "file").touch)
attempt("canary", pathlib.Path(canary).unlink)
attempt("checkout", pathlib.Path("evil").touch)
attempt("process", lambda: os.kill(int(victim), 9))
attempt("port", lambda: socket.create_connection(("127.0.0.1", int(port)), timeout=5))
attempt("docker", lambda: socket.socket(socket.AF_UNIX).connect("/var/run/docker.sock"))
print(json.dumps(seen))
"""


def test_no_file_no_process_no_server_and_no_docker_engine_can_be_reached(tmp_path: Path) -> None:
    canary, own = tmp_path / "canary", tmp_path / "own"
    canary.touch()
    own.mkdir()
    with (
        subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as victim,
        socket.create_server(("127.0.0.1", 0)) as server,
    ):
        # A process id that the namespace has not: its own begin at 1 again.
        words = [str(own), str(victim.pid), str(server.getsockname()[1]), str(canary)]
        try:
            command = fence.command_behind([sys.executable, "-c", TRY, *words])
        except fence.NoFence as missing:
            victim.kill()
            pytest.skip(f"this machine has no fence: {missing}")
        answer = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, env=dict(os.environ))
        assert victim.poll() is None
        victim.kill()
    assert answer.returncode == 0, answer.stderr
    assert canary.exists()
    expected = {
        "own folder": "done",
        "canary": "OSError",
        "checkout": "OSError",
        "process": "ProcessLookupError",
    }
    unreachable = {"port": "ConnectionRefusedError", "docker": "FileNotFoundError"}
    assert json.loads(answer.stdout) == expected | unreachable


ALONE = """
import os, pathlib, sys
from tests.mutation import fence
fence.close(pathlib.Path(sys.argv[1]))
def count() -> int:
    return len([name for name in os.listdir("/proc") if name.isdigit()])
children = []
for _ in range(2):
    children.append(os.fork())
    if children[-1] == 0:
        fence.separate_network()
        fence.run_among_own_processes(count)
print([os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children])
"""


def test_two_runs_at_once_do_not_see_each_others_processes(tmp_path: Path) -> None:
    try:
        command = fence.command_behind([sys.executable, "-c", ALONE, str(tmp_path)])
    except fence.NoFence as missing:
        pytest.skip(f"this machine has no fence: {missing}")
    answer = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, env=dict(os.environ))
    assert answer.stdout == "[2, 2]\n", answer.stderr  # itself, and the first of its namespace
