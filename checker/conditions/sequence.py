"""One thing happened after another."""

from typing import Annotated

import msgspec

from checker.conditions.base import Condition, Finding, Moment, Observer, Watch, at, union
from checker.world import Swarm


class Sequence(Condition, frozen=True, tag="sequence"):
    """Moments that came in this order, or together; anything may have happened in between.

    The first ones may be how the attempt found the swarm; the last one must have come about in it.
    """

    moments: Annotated[tuple[Moment, ...], msgspec.Meta(min_length=2)]

    def observe(self) -> Observer:
        """See `Condition.observe`."""
        return _Observer(self)


class _Observer(Observer):
    """Takes each moment as early as it comes: if any choice of moments is in order, the earliest one is."""

    def __init__(self, condition: Sequence) -> None:
        last = len(condition.moments) - 1
        self._watches = [Watch(moment, fresh=i == last) for i, moment in enumerate(condition.moments)]
        self._next = 0
        self.interests = union(self._watches)

    def begin(self, swarm: Swarm) -> None:
        self._watches[-1].begin(swarm)
        self.changed(swarm)

    def changed(self, swarm: Swarm) -> None:
        self._watches[-1].freshen(swarm)
        while self._next < len(self._watches) and self._watches[self._next].look(swarm):
            self._next += 1

    def finding(self, swarm: Swarm) -> Finding:
        expected = "the swarm has " + ", and later ".join(watch.phrase for watch in self._watches)
        done, last = self._watches[: self._next], self._watches[-1]
        if self._next == len(self._watches):
            return Finding(True, at(last.held_at, f"it had happened in this order: {expected}"), expected, last.held_at)
        watch = self._watches[self._next]
        found = watch.shortfall()
        if done:
            found = f"after the swarm had {done[-1].phrase}{_when(done[-1])}, {found}"
        return Finding(False, found, expected, watch.nearest_at)


def _when(watch: Watch) -> str:
    return f" ({at(watch.held_at, '').strip()})" if watch.held_at else ""
