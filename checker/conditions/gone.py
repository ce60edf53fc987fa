"""Something was there, and then no more."""

from checker.conditions.base import Condition, Finding, Moment, Observer, Watch, at
from checker.world import Swarm


class Gone(Condition, frozen=True, tag="gone"):
    """All of `facts` held in the attempt or when it began, and later they did not.

    What was never there cannot be gone.
    """

    facts: Moment

    def observe(self) -> Observer:
        """See `Condition.observe`."""
        return _Observer(self)


class _Observer(Observer):
    def __init__(self, condition: Gone) -> None:
        self._watch = Watch(condition.facts, fresh=False)
        self.interests = self._watch.interests
        self._seen = False
        self._gone_at = 0

    def begin(self, swarm: Swarm) -> None:
        self._seen = self._watch.look(swarm)

    def changed(self, swarm: Swarm) -> None:
        if self._gone_at:
            return
        if self._watch.look(swarm):
            self._seen = True
        elif self._seen:
            self._gone_at = swarm.at

    def finding(self, swarm: Swarm) -> Finding:
        phrase = self._watch.phrase
        expected = f"the swarm has {phrase}, and later no more"
        if self._gone_at:
            return Finding(True, at(self._gone_at, f"the swarm no longer had {phrase}"), expected, self._gone_at)
        if self._seen:
            return Finding(False, f"the swarm still has {phrase}", expected, self._watch.held_at)
        return Finding(False, f"it was never there: {self._watch.shortfall()}", expected, self._watch.nearest_at)
