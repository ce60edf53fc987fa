"""One thing happened after another."""

from typing import Annotated

import msgspec

from checker.conditions.base import Condition, Finding, Moment, Observer, Watch
from checker.world import Swarm


class Sequence(Condition, frozen=True, tag="sequence"):
    """Moments that came in this order, or together; anything may have happened in between."""

    moments: Annotated[tuple[Moment, ...], msgspec.Meta(min_length=2)]

    def observe(self) -> Observer:
        """See `Condition.observe`."""
        return _Observer(self)


class _Observer(Observer):
    """Takes each moment as early as it comes: if any choice of moments is in order, the earliest one is."""

    def __init__(self, condition: Sequence) -> None:
        self._watches = [Watch(moment) for moment in condition.moments]
        self._next = 0

    def changed(self, swarm: Swarm) -> None:
        while self._next < len(self._watches) and self._watches[self._next].look(swarm):
            self._next += 1

    def finding(self, swarm: Swarm) -> Finding:
        expected = "the swarm has " + ", and later ".join(watch.phrase for watch in self._watches)
        if self._next == len(self._watches):
            return Finding(True, "it happened in this order", expected)
        found = self._watches[self._next].shortfall()
        if self._next:
            found = f"after the swarm had {self._watches[self._next - 1].phrase}, {found}"
        return Finding(False, found, expected)
