"""Something came about, and who did it."""

from typing import Literal

from checker.conditions.base import Condition, Finding, Moment, Observer, Watch, at
from checker.world import Swarm

_WHO = {"swarm": "the swarm itself", "client": "somebody's command"}


class Cause(Condition, frozen=True, tag="cause"):
    """All of `facts` came to hold by a transaction of the swarm's own loops (`by: swarm`) or of a client's request.

    It counts if that happened once, whatever else made the facts hold at other times.
    """

    facts: Moment
    by: Literal["swarm", "client"]

    @property
    def not_recorded(self) -> str:
        """See `Condition.not_recorded`."""
        return "who asked for a change"

    def observe(self) -> Observer:
        """See `Condition.observe`."""
        return _Observer(self)


class _Observer(Observer):
    def __init__(self, condition: Cause) -> None:
        self._by = condition.by
        self._watch = Watch(condition.facts)
        self.interests = self._watch.interests
        self._was = False
        self._met_at = 0
        self._other_at = 0

    def begin(self, swarm: Swarm) -> None:
        self._watch.begin(swarm)
        self._was = self._watch.holds(swarm)

    def changed(self, swarm: Swarm) -> None:
        if self._met_at:
            return
        holds = self._watch.look(swarm)
        if holds and not self._was:
            if swarm.by_client == (self._by == "client"):
                self._met_at = swarm.at
            else:
                self._other_at = swarm.at
        self._was = holds

    def finding(self, swarm: Swarm) -> Finding:
        phrase = self._watch.phrase
        expected = f"{_WHO[self._by]} brings about {phrase}"
        if self._met_at:
            return Finding(True, at(self._met_at, f"{_WHO[self._by]} brought about {phrase}"), expected, self._met_at)
        if self._other_at:
            other = _WHO["client" if self._by == "swarm" else "swarm"]
            found = at(self._other_at, f"{other} brought about {phrase}")
            return Finding(False, found, expected, self._other_at)
        return Finding(False, self._watch.shortfall(), expected, self._watch.nearest_at)
