"""Try mutants of everything that destroys or decides about it: `python -m tests.mutation [--all] [FILE ...]`."""

import argparse
import multiprocessing
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.queues import Queue
from pathlib import Path
from typing import Final

from dashtam.devenv.embedded.account import ensure_account
from tests.mutation import fence
from tests.mutation.equivalents import find_stale, read_equivalents
from tests.mutation.mutants import Mutant, python_mutants
from tests.mutation.sql import sql_mutants
from tests.mutation.targets import TARGETS, Target
from tests.mutation.workshop import Outcome, Workshop, passed_on
from tests.support.clusters import CHECKOUT, programs

NO_FENCE: Final = 4
_FEWEST_SECONDS: Final = 20.0
_TIMES_AS_LONG: Final = 8


@dataclass(frozen=True)
class Try:
    """A mutant and what became of it; or the original, which must pass."""

    target: Target
    mutant: Mutant | None
    outcome: Outcome
    seconds: float
    words: str


def main() -> int:
    """Run mutants behind the fence; 0 when none survives, 1 when one does, 4 where no fence can be made."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("files", nargs="*", metavar="FILE")
    parser.add_argument("--all", action="store_true", help="every mistake, not only guards that are gone")
    options = parser.parse_args()
    unknown = set(options.files) - {target.file for target in TARGETS}
    if unknown:
        parser.error(
            f"{', '.join(sorted(unknown))}: expected one of {', '.join(sorted({t.file for t in TARGETS}))}"
        )
    if fence.INSIDE not in os.environ:
        return _run_behind_fence()
    targets = [target for target in TARGETS if not options.files or target.file in options.files]
    folder = Path(os.environ[fence.INSIDE])
    fence.close(folder)
    return _judge(targets, _try_all(targets, folder, thorough=options.all))


def _run_behind_fence() -> int:
    """Run this again behind the fence, in a folder that goes away with it."""
    ensure_account()  # behind the fence nobody can be added
    folder = Path(tempfile.mkdtemp(prefix="dashtam-mutants-"))
    folder.chmod(0o711)
    try:
        command = fence.command_behind([sys.executable, "-m", "tests.mutation", *sys.argv[1:]])
        environment = passed_on(os.environ) | {
            fence.INSIDE: str(folder),
            "TMPDIR": str(folder),
            "HOME": str(folder),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        return subprocess.run(command, env=environment, preexec_fn=fence.end_with_parent).returncode
    except fence.NoFence as missing:
        print(f"no mutant was run: this machine cannot fence them in ({missing})", file=sys.stderr)
        return NO_FENCE
    finally:
        shutil.rmtree(folder)


def _try_all(targets: Sequence[Target], folder: Path, *, thorough: bool) -> Iterator[Try]:
    """Try the mutants of all targets, as many at a time as there are processors."""
    context = multiprocessing.get_context("fork")
    tasks: Queue[tuple[Target, Mutant | None] | None] = context.Queue()
    results: Queue[Try | str | None] = context.Queue()
    count = 0
    for target in targets:
        text = (CHECKOUT / target.file).read_text(encoding="utf-8")
        for mutant in _mutants(target, text, thorough=thorough):
            tasks.put((target, mutant))
            count += 1
    workers = max(1, min(os.cpu_count() or 1, 8, count))
    for _ in range(workers):
        tasks.put(None)
    with programs() as found:
        processes = []
        for number in range(workers):
            workshop = Workshop(
                folder / f"workshop-{number}", found, takes_servers_apart=any(one.servers for one in targets)
            )
            process = context.Process(target=_work, args=(workshop, tasks, results))
            process.start()
            processes.append(process)
        running = workers
        while running:
            result = results.get()
            if isinstance(result, Try):
                yield result
            else:
                running -= 1
                if result is not None:
                    tasks.cancel_join_thread()
                    for process in processes:
                        process.terminate()
                    raise SystemExit(result)
        for process in processes:
            process.join()


def _mutants(target: Target, text: str, *, thorough: bool) -> Iterator[Mutant]:
    if target.file.endswith(".py"):
        return python_mutants(target.file, text, target.only, thorough=thorough)
    return sql_mutants(target.file, text)


def _work(
    workshop: Workshop,
    tasks: "Queue[tuple[Target, Mutant | None] | None]",
    results: "Queue[Try | str | None]",
) -> None:
    allowed: dict[Target, float] = {}
    try:
        with workshop.opened():
            while (task := tasks.get()) is not None:
                target, mutant = task
                if target not in allowed:
                    allowed[target] = _measure(workshop, target)
                began = time.monotonic()
                assert mutant is not None
                outcome = workshop.try_mutant(
                    mutant.file, mutant.text, target.tests, seconds=allowed[target], mend=target.servers
                )
                words = workshop.last_words if outcome is not Outcome.KILLED else ""
                results.put(Try(target, mutant, outcome, time.monotonic() - began, words))
        results.put(None)
    except BaseException as error:
        results.put(f"a workshop broke down: {error!r}")
        raise


def _measure(workshop: Workshop, target: Target) -> float:
    """Run the tests without a mutant: they must pass, and show how long a mutant may take."""
    began = time.monotonic()
    if workshop.test(target.tests, seconds=300) is not Outcome.SURVIVED:
        raise RuntimeError(f"{' '.join(target.tests)} fails without any mutant:\n{workshop.last_words}")
    return max(_FEWEST_SECONDS, _TIMES_AS_LONG * (time.monotonic() - began))


def _judge(targets: Sequence[Target], tries: Iterator[Try]) -> int:
    equivalents = read_equivalents()
    counts: dict[str, Counter[Outcome]] = {}
    seconds: defaultdict[str, float] = defaultdict(float)
    survivors: list[Mutant] = []
    unexplained = 0
    for one in tries:
        assert one.mutant is not None
        counts.setdefault(one.target.file, Counter())[one.outcome] += 1
        seconds[one.target.file] += one.seconds
        if one.outcome is Outcome.KILLED:
            continue
        if one.outcome is Outcome.SURVIVED:
            survivors.append(one.mutant)
            if one.mutant.name in equivalents:
                continue
            unexplained += 1
        print(f"{one.outcome}: {one.mutant.file}:{one.mutant.line}", flush=True)
        print(f"  - {one.mutant.before}\n  + {one.mutant.after}", flush=True)
    print(f"{'file':<44}{'mutants':>8}{'killed':>8}{'hung':>6}{'survived':>10}{'seconds':>9}")
    for file, count in counts.items():
        print(
            f"{file:<44}{count.total():>8}{count[Outcome.KILLED]:>8}{count[Outcome.HUNG]:>6}"
            f"{count[Outcome.SURVIVED]:>10}{seconds[file]:>9.1f}"
        )
    stale = find_stale(equivalents, survivors, {target.file for target in targets})
    for name in stale:
        print(f"listed in equivalents.toml, but no survivor: {name}")
    print(f"{unexplained} of {len(survivors)} survivors are not explained in tests/mutation/equivalents.toml")
    return 1 if unexplained else 0


if __name__ == "__main__":
    sys.exit(main())
