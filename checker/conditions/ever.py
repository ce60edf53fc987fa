"""Something came to be so at some moment."""

from checker.conditions.base import Condition, Finding, Moment, Observer, Watch, at
from checker.world import Swarm


class Ever(Condition, frozen=True, tag="ever"):
    """All of `facts` held at one moment since the attempt began."""

    facts: Moment

    def observe(self) -> Observer:
        """See `Condition.observe`."""
        return _Observer(self)


class _Observer(Observer):
    def __init__(self, condition: Ever) -> None:
        self._watch = Watch(condition.facts)
        self.interests = self._watch.interests

    def begin(self, swarm: Swarm) -> None:
        self._watch.begin(swarm)

    def changed(self, swarm: Swarm) -> None:
        if not self._watch.held:
            self._watch.look(swarm)

    def finding(self, swarm: Swarm) -> Finding:
        watch = self._watch
        found = at(watch.held_at, f"the swarm had {watch.phrase}") if watch.held else watch.shortfall()
        instant = watch.held_at if watch.held else watch.nearest_at
        return Finding(watch.held, found, f"at some moment the swarm has {watch.phrase}", instant)
