"""Distributes mutants over workshops: the first one at a target runs its tests without a mutant; others help later."""

from collections.abc import Callable, Sequence
from functools import cache
from multiprocessing.context import BaseContext
from typing import Final

from tests.mutation.mutants import Mutant
from tests.mutation.targets import Target

_WORTH_HELP: Final = 4


class Shares:
    """The mutants of all targets, for several processes; each process generates the mutants of its targets itself."""

    def __init__(
        self, context: BaseContext, targets: Sequence[Target], make: Callable[[Target], Sequence[Mutant]]
    ) -> None:
        self._targets = targets
        self._make = cache(make)
        self._taken = context.Array("i", len(targets))
        self._counts = context.Array("i", [-1] * len(targets))

    def take(self, last: Target | None) -> tuple[Target, Mutant] | None:
        """Return the next mutant, if possible of the same target as last; None if all have been taken."""
        while (place := self._choose(last)) is not None:
            last = self._targets[place]
            mutants = self._make(last)
            with self._taken.get_lock():
                self._counts[place] = len(mutants)
                taken = self._taken[place]
                self._taken[place] = min(taken + 1, len(mutants))
            if taken < len(mutants):
                return last, mutants[taken]
        return None

    def _choose(self, last: Target | None) -> int | None:
        with self._taken.get_lock():
            for place, target in enumerate(self._targets):
                if target is last and self._left(place):
                    return place
            untouched = [place for place in range(len(self._targets)) if self._counts[place] < 0]
            if untouched:
                place = min(untouched, key=lambda one: self._strangeness(one, last))
                self._counts[place] = 0  # a workshop has begun this target, and will soon know its count
                return place
            most = max(range(len(self._targets)), key=self._left)
            return most if self._left(most) >= _WORTH_HELP else None

    def _strangeness(self, place: int, last: Target | None) -> int:
        """Return 0 for the tests of the last target, 1 for tests that no workshop runs, 2 for those of another."""
        tests = self._targets[place].tests
        if last is not None and tests == last.tests:
            return 0
        known = {target.tests for one, target in enumerate(self._targets) if self._counts[one] >= 0}
        return 2 if tests in known else 1

    def _left(self, place: int) -> int:
        return int(self._counts[place] - self._taken[place])
