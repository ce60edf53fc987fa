"""Something is so in the end.

Only for what a lab must be left like: work that comes after the exercise may undo it, and the mark with it.
"""

from checker.conditions.base import Condition, Finding, Moment, Observer, Watch
from checker.world import Swarm


class Now(Condition, frozen=True, tag="now"):
    """All of `facts` hold when the exercise is checked, and have not held ever since before the attempt."""

    facts: Moment

    def observe(self) -> Observer:
        """See `Condition.observe`."""
        return _Observer(self)


class _Observer(Observer):
    def __init__(self, condition: Now) -> None:
        self._facts = condition.facts
        self._watch = Watch(condition.facts)
        self.interests = self._watch.interests

    def begin(self, swarm: Swarm) -> None:
        self._watch.begin(swarm)

    def changed(self, swarm: Swarm) -> None:
        self._watch.freshen(swarm)

    def finding(self, swarm: Swarm) -> Finding:
        expected = f"the swarm has {self._watch.phrase} at the end"
        if self._watch.stale:
            return Finding(False, self._watch.shortfall(), expected)
        watch = Watch(self._facts)
        met = watch.look(swarm)
        found = f"the swarm has {watch.phrase}" if met else f"at the end {watch.shortfall()}"
        return Finding(met, found, expected, swarm.at)
