"""The duration of the verbs on every available engine: `python -m benchmarks.tasks`, in throw-away projects."""

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from statistics import median
from typing import Final

import psutil

from dashtam.devenv.components import EngineName
from tests.support.projects.embedded import throwaway_folder
from tests.support.projects.engines import chosen_engines
from tests.support.projects.project import ThrowawayProject, throwaway_project

CHECKOUT: Final = Path(__file__).resolve().parents[1]
LIST_TARGET: Final = 2.0
"""The maximum ratio of the duration of `invoke --list` to that of `python -c "import invoke"`."""
_ROUNDS: Final = 15
_MEBIBYTE: Final = 1 << 20


def seconds(act: Callable[[], object]) -> float:
    """Return the duration of a call, in seconds."""
    begun = time.perf_counter()
    act()
    return time.perf_counter() - begun


def run(command: Sequence[str]) -> None:
    subprocess.run(command, cwd=CHECKOUT, stdout=subprocess.DEVNULL, check=True)


def compare_listing() -> float:
    """Time `invoke --list` and a bare import in turns, and return the ratio of the medians."""
    contenders = {
        "invoke --list": [sys.executable, "-m", "invoke", "--list"],
        "import invoke": [sys.executable, "-c", "import invoke"],
    }
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(_ROUNDS):
        for name, command in contenders.items():
            times[name].append(seconds(partial(run, command)))
    listing, bare = (median(taken) * 1000 for taken in times.values())
    print(
        f"invoke --list {listing:.0f} ms, import invoke {bare:.0f} ms: "
        f"{listing / bare:.2f} times (at most {LIST_TARGET})"
    )
    return listing / bare


def time_verbs(engine: EngineName) -> dict[str, float]:
    """Run the verbs of a project's life, and return their durations in seconds."""
    with (
        throwaway_folder() as folder,
        throwaway_project(engine, folder, "bench") as project,
    ):
        verbs = {
            "up, the very first": ["up"],
            "up, already up": ["up"],
            "status": ["status"],
            "down": ["down"],
            "up, after down": ["up"],
            "test.setup from development": ["test.setup"],
            "test.setup again": ["test.setup"],
            "test.unit (two small tests)": ["test.unit"],
            "test.clean": ["test.clean"],
            "up, after test.clean": ["up"],
        }
        times = {name: seconds(partial(project.done, *words)) for name, words in verbs.items()}
        return times | measure_memory(project)


def measure_memory(project: ThrowawayProject) -> dict[str, float]:
    """Return the resident memory of each component's processes, in MiB; only for the embedded engine."""
    return {
        f"memory of {component['component']}, MiB": sum(
            process.memory_info().rss / _MEBIBYTE
            for root in [psutil.Process(int(component["process"]))]
            for process in [root, *root.children(recursive=True)]
        )
        for component in project.status()["components"]
        if str(component["process"]).isdigit()
    }


def main() -> int:
    """Print the measurements, and return 1 if a target is missed."""
    ratio = compare_listing()
    measured = {engine: time_verbs(engine) for engine in chosen_engines()}
    rows = list(dict.fromkeys(name for times in measured.values() for name in times))
    print(f"{'seconds':<30}" + "".join(f"{engine:>12}" for engine in measured))
    for row in rows:
        cells = (f"{times[row]:12.1f}" if row in times else f"{'-':>12}" for times in measured.values())
        print(f"{row:<30}" + "".join(cells))
    return int(ratio > LIST_TARGET)


if __name__ == "__main__":
    sys.exit(main())
