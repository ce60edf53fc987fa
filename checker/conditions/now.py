"""Something is so in the end.

Only for what a lab must be left like: work that comes after the exercise may undo it, and the mark with it.
"""

from checker.conditions.base import Condition, Finding, Moment, Observer, Watch
from checker.world import Swarm


class Now(Condition, frozen=True, tag="now"):
    """All of `facts` hold when the exercise is checked."""

    facts: Moment

    def observe(self) -> Observer:
        """See `Condition.observe`."""
        return _Observer(self)


class _Observer(Observer):
    def __init__(self, condition: Now) -> None:
        self._facts = condition.facts

    def finding(self, swarm: Swarm) -> Finding:
        watch = Watch(self._facts)
        met = watch.look(swarm)
        found = f"the swarm has {watch.phrase}" if met else f"at the end {watch.shortfall()}"
        return Finding(met, found, f"the swarm has {watch.phrase} at the end")
