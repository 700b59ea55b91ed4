"""Processes to be found and ended: marked as those of an instance, or called postgres."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from dashtam.devenv.engines.embedded.identity import COMPONENT, INSTANCE

SLEEP: Final = "import signal; print('up', flush=True); signal.pause()"


@contextmanager
def marked(instance: str, component: str, code: str = SLEEP) -> Iterator[subprocess.Popen[str]]:
    """A Python process that carries a mark, and has said that it is up."""
    with subprocess.Popen(
        [sys.executable, "-c", code],
        env={INSTANCE: instance, COMPONENT: component},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def working_in(folder: Path, program: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process without any mark that works in a folder and runs a program of that name, which is made for it."""
    if not program.exists():
        shutil.copy(shutil.which("sleep", path=os.defpath) or "sleep", program)
    with subprocess.Popen([str(program), "600"], cwd=folder) as process:
        try:
            yield process
        finally:
            process.kill()
