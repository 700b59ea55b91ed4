"""A command on this terminal behaves as if it ran alone."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from dashtam.devenv.engines.embedded.foreground import capture, run_in_foreground
from dashtam.devenv.errors import EnvironmentFailed

ENVIRONMENT = {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin"}


@pytest.mark.parametrize(("code", "expected"), [("0", 0), ("7", 7), ("__import__('os').kill(0, 9)", 137)])
def test_the_exit_code_is_that_of_the_command(code: str, expected: int, tmp_path: Path) -> None:
    source = f"import os, sys; os.setpgid(0, 0); sys.exit({code})"

    assert (
        run_in_foreground([sys.executable, "-c", source], ENVIRONMENT, tmp_path, keep_input=False) == expected
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_reaches_the_command_and_its_exit_code_comes_back(
    number: signal.Signals, tmp_path: Path
) -> None:
    outer = (
        "import sys\n"
        "from pathlib import Path\n"
        "from dashtam.devenv.engines.embedded.foreground import run_in_foreground\n"
        "inner = 'import signal, sys\\n'\n"
        "inner += f'signal.signal({int(sys.argv[1])}, lambda *_: sys.exit(5))\\n'\n"
        "inner += 'print(1, flush=True); signal.pause()'\n"
        "sys.exit(run_in_foreground([sys.executable, '-c', inner], {'PATH': '/bin'}, Path.cwd(), keep_input=False))\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", outer, str(int(number))], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(number)

    assert process.returncode == 5


def test_a_program_is_looked_up_in_the_path_that_the_command_gets(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFailed, match="no program 'python'"):
        run_in_foreground(["python"], {"PATH": str(tmp_path)}, tmp_path, keep_input=False)


def test_output_is_captured_and_a_failure_says_what_the_command_said(tmp_path: Path) -> None:
    assert capture(["sh", "-c", "echo hello"], ENVIRONMENT, tmp_path) == "hello\n"
    with pytest.raises(EnvironmentFailed, match=r"ended with 3:\nsorry"):
        capture(["sh", "-c", "echo sorry >&2; exit 3"], ENVIRONMENT, tmp_path)
