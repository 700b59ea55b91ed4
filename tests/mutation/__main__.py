"""Try mutants of all code that destroys data or decides about it: `python -m tests.mutation [--all] [FILE ...]`."""

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

from dashtam.devenv.engines.embedded.account import ensure_account
from tests.mutation import fence
from tests.mutation.equivalents import find_stale, read_equivalents
from tests.mutation.mutants import Mutant
from tests.mutation.python import python_mutants
from tests.mutation.shares import Shares
from tests.mutation.shell import shell_mutants
from tests.mutation.sql import sql_mutants
from tests.mutation.targets import TARGETS, Target
from tests.mutation.workshop import Outcome, Workshop, passed_on
from tests.support.checkout import CHECKOUT
from tests.support.servers.clusters import programs

NO_FENCE: Final = 4


@dataclass(frozen=True)
class Try:
    """A mutant, and the outcome of its tests."""

    target: Target
    mutant: Mutant
    outcome: Outcome
    seconds: float


def main() -> int:
    """Run mutants behind the fence, and return 0 if none survives, 1 if one does, 4 if there can be no fence."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("files", nargs="*", metavar="FILE")
    parser.add_argument("--all", action="store_true", help="try every mutant, not only removed guards")
    parser.add_argument(
        "--ci",
        action="store_true",
        help="try only the targets of CI: code that destroys, and the last decision before it",
    )
    options = parser.parse_args()
    unknown = set(options.files) - {target.file for target in TARGETS}
    if unknown:
        parser.error(
            f"{', '.join(sorted(unknown))}: expected one of {', '.join(sorted({t.file for t in TARGETS}))}"
        )
    if fence.INSIDE not in os.environ:
        return _run_behind_fence()
    targets = [
        target
        for target in TARGETS
        if (target.file in options.files or not options.files) and (target.ci or not options.ci)
    ]
    folder = Path(os.environ[fence.INSIDE])
    fence.close(folder)
    return _judge(targets, _try_all(targets, folder, thorough=options.all))


def _run_behind_fence() -> int:
    """Run this module again behind the fence, in a temporary folder."""
    ensure_account()  # behind the fence, no account can be created
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
    """Try the mutants of all targets, in at most one workshop per processor."""
    context = multiprocessing.get_context("fork")
    results: Queue[Try | str | None] = context.Queue()
    shares = Shares(context, targets, lambda target: [*_mutants(target, thorough=thorough)])
    workers = min(os.cpu_count() or 1, 8, len(targets))
    with programs() as found:
        processes = []
        for number in range(workers):
            workshop = Workshop(
                folder / f"workshop-{number}", found, takes_servers_apart=any(one.servers for one in targets)
            )
            process = context.Process(target=_work, args=(workshop, shares, results))
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
                    for process in processes:
                        process.terminate()
                    raise SystemExit(result)
        for process in processes:
            process.join()


def _mutants(target: Target, *, thorough: bool) -> Iterator[Mutant]:
    text = (CHECKOUT / target.file).read_text(encoding="utf-8")
    if target.file.endswith(".py"):
        return python_mutants(target.file, text, target.only, thorough=thorough)
    return (shell_mutants if target.file.endswith(".sh") else sql_mutants)(target.file, text)


def _work(workshop: Workshop, shares: Shares, results: "Queue[Try | str | None]") -> None:
    last = None
    try:
        with workshop.opened():
            while share := shares.take(last):
                target, mutant = share
                if last is not None and last is not target:
                    workshop.look_again(last)
                last = target
                began = time.monotonic()
                outcome = workshop.try_mutant(target, mutant)
                results.put(Try(target, mutant, outcome, time.monotonic() - began))
            if last is not None:
                workshop.look_again(last)
        results.put(None)
    except BaseException as error:
        results.put(f"a workshop broke down: {error!r}")
        raise


def _judge(targets: Sequence[Target], tries: Iterator[Try]) -> int:
    equivalents = read_equivalents()
    counts: dict[str, Counter[Outcome]] = {}
    seconds: defaultdict[str, float] = defaultdict(float)
    survivors: list[Mutant] = []
    unexplained = 0
    for one in tries:
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
        print(f"listed in equivalents.toml, but not a survivor: {name}")
    print(f"{unexplained} of {len(survivors)} survivors are not explained in tests/mutation/equivalents.toml")
    return 1 if unexplained else 0


if __name__ == "__main__":
    sys.exit(main())
