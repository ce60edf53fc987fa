"""Something was so all the time while something else went on."""

import msgspec

from checker.conditions.base import Condition, Finding, Moment, Observer, Watch, at
from checker.facts.answers import Answers
from checker.values import duration_text
from checker.world import Swarm

#: What one cause leads to on several nodes is told together; nanoseconds of swarm time.
_ONE_MOMENT = 100_000_000


class Always(Condition, frozen=True, tag="always"):
    """From a moment when `from` came about until one when `until` held, `facts` held without a break.

    One such stretch of time is enough: a learner may try again.
    """

    from_: Moment = msgspec.field(name="from")
    until: Moment
    facts: Moment

    @property
    def not_recorded(self) -> str:
        """See `Condition.not_recorded`. How ports answer is what recorders look at all the time."""
        return "" if all(isinstance(fact, Answers) for fact in self.facts) else "every moment"

    def observe(self) -> Observer:
        """See `Condition.observe`."""
        return _Observer(self)


class _Observer(Observer):
    def __init__(self, condition: Always) -> None:
        self._begin = Watch(condition.from_)
        self._end = Watch(condition.until, fresh=False)
        self._facts = condition.facts
        self._kept = Watch(condition.facts, fresh=False)
        self.interests = self._begin.interests | self._end.interests | self._kept.interests
        self._open = False
        self._was = False
        self._broken = ""
        self._broken_at = 0
        self._mended_at = 0
        self._failure: tuple[str, int] | None = None
        self._done_at = 0

    def begin(self, swarm: Swarm) -> None:
        self._begin.begin(swarm)
        self._was = self._begin.holds(swarm)

    def changed(self, swarm: Swarm) -> None:
        if self._done_at:
            return
        now = self._begin.look(swarm)
        if now and not self._was:
            # Also when an earlier try has not come to its end: this one may.
            self._open, self._broken, self._broken_at, self._mended_at = True, "", 0, 0
        self._was = now
        if not self._open:
            return
        if not self._kept.holds(swarm):
            if not self._broken or (not self._mended_at and swarm.at < self._broken_at + _ONE_MOMENT):
                watch = Watch(self._facts, fresh=False)
                watch.look(swarm)
                self._broken, self._broken_at = watch.shortfall(), self._broken_at if self._broken else swarm.at
        elif self._broken and not self._mended_at:
            self._mended_at = swarm.at
        if self._end.look(swarm):
            self._open = False
            if self._broken:
                self._failure = (self._told(), self._broken_at)
            else:
                self._done_at = swarm.at

    def _told(self) -> str:
        lasted = f", for {duration_text(round(self._mended_at - self._broken_at, -8))}" if self._mended_at else ""
        return f"meanwhile {self._broken}{lasted}"

    def finding(self, swarm: Swarm) -> Finding:
        kept, begin, end = self._kept.phrase, self._begin.phrase, self._end.phrase
        expected = f"the swarm has {kept} all the time from {begin} until {end}"
        if self._done_at:
            return Finding(True, at(self._done_at, f"it was over, and the swarm had {kept} all along"), expected)
        if self._failure is not None:
            text, when = self._failure
            return Finding(False, at(when, text), expected, when)
        if self._open:
            found = at(self._broken_at, self._told()) if self._broken else self._end.shortfall()
            return Finding(False, f"it began, but is not over yet: {found}", expected)
        return Finding(False, f"it never began: {self._begin.shortfall()}", expected, self._begin.nearest_at)
