"""One thing happened after another."""

from typing import Annotated

import msgspec

from checker.conditions.base import Condition, Finding, Moment, Observer, Watch, at, union
from checker.world import Swarm


class Sequence(Condition, frozen=True, tag="sequence"):
    """Moments that came in this order, or together; anything may have happened in between.

    The first ones may be how the attempt found the swarm; the last one must have come about in it. What is `without`
    must not be so in between: when it is, the sequence has to begin again.
    """

    moments: Annotated[tuple[Moment, ...], msgspec.Meta(min_length=2)]
    without: Moment | None = None

    def observe(self) -> Observer:
        """See `Condition.observe`."""
        return _Observer(self)


class _Observer(Observer):
    """Takes each moment as early as it comes: if any choice of moments is in order, the earliest one is.

    What must not be in between makes every choice before it useless.
    """

    def __init__(self, condition: Sequence) -> None:
        self._moments = condition.moments
        last = len(condition.moments) - 1
        self._watches = [Watch(moment, fresh=i == last) for i, moment in enumerate(condition.moments)]
        self._next = 0
        self._without = Watch(condition.without, fresh=False) if condition.without else None
        #: How far it came before it was broken off, what was missing then, and when.
        self._best = (0, "", 0)
        self.interests = union((*self._watches, self._without))

    def begin(self, swarm: Swarm) -> None:
        self._watches[-1].begin(swarm)
        self.changed(swarm)

    def changed(self, swarm: Swarm) -> None:
        self._watches[-1].freshen(swarm)
        if self._without is not None and 0 < self._next < len(self._watches) and self._without.holds(swarm):
            self._best = max((self._next, self._lack(), swarm.at), self._best, key=lambda best: best[0])
            self._next = 0
            self._watches[:-1] = [Watch(moment, fresh=False) for moment in self._moments[:-1]]
        while self._next < len(self._watches) and self._watches[self._next].look(swarm):
            self._next += 1

    def finding(self, swarm: Swarm) -> Finding:
        expected = "the swarm has " + ", and later ".join(watch.phrase for watch in self._watches)
        if self._without is not None:
            expected += f", and never {self._without.phrase} in between"
        last = self._watches[-1]
        if self._next == len(self._watches):
            return Finding(True, at(last.held_at, f"it had happened in this order: {expected}"), expected, last.held_at)
        reached, lacked, broken_at = self._best
        if self._without is None or self._next >= reached:
            return Finding(False, self._lack(), expected, self._watches[self._next].nearest_at)
        broken = at(broken_at, f"the swarm had {self._without.phrase}, so it had to begin anew")
        return Finding(False, f"{lacked}; {broken}", expected, broken_at)

    def _lack(self) -> str:
        """What is missing for the next moment."""
        lack = self._watches[self._next].shortfall()
        if not self._next:
            return lack
        before = self._watches[self._next - 1]
        return f"after the swarm had {before.phrase}{_when(before)}, {lack}"


def _when(watch: Watch) -> str:
    return f" ({at(watch.held_at, '').strip()})" if watch.held_at else ""
