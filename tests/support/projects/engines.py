"""Which engines a run of tests or benchmarks drives, and which it has to leave out."""

import os
import shutil
import subprocess
from typing import Final

from dashtam.devenv.components import EngineName

CHOICE: Final = "DASHTAM_TEST_ENGINES"
_SECONDS: Final = 60.0


def docker_answers() -> bool:
    """Whether a Docker engine answers here."""
    if shutil.which("docker") is None:
        return False
    try:
        asked = subprocess.run(
            ["docker", "info"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=_SECONDS,
        )
    except subprocess.TimeoutExpired:
        return False
    return asked.returncode == 0


def chosen_engines() -> list[EngineName]:
    """Those that DASHTAM_TEST_ENGINES names, else embedded, and compose where a Docker engine answers."""
    if named := os.environ.get(CHOICE):
        return [EngineName(name.strip()) for name in named.split(",")]
    return [EngineName.EMBEDDED, *([EngineName.COMPOSE] if docker_answers() else [])]
