"""Tasks of a service were replaced in batches."""

from collections import deque
from typing import Annotated

import msgspec

from checker.conditions.base import Condition, Finding, Observer, at
from checker.facts.base import plural
from checker.values import duration, duration_text, same_image
from checker.world import Swarm, task_image

#: Two slots of one batch are changed one after the other; the next batch may be as much early by a slow commit.
_TOLERANCE = 500_000_000


class Pace(Condition, frozen=True, tag="pace"):
    """All `total` tasks of a service moved to `image` in one update, at most `at_most` of them in any time of `apart`.

    Time is the swarm's own. A service that begins with the image moved nowhere.
    """

    service: str
    image: str
    total: Annotated[int, msgspec.Meta(ge=1)]
    at_most: Annotated[int, msgspec.Meta(ge=1)]
    apart: str | int

    def __post_init__(self) -> None:
        duration(self.apart)

    @property
    def not_recorded(self) -> str:
        """See `Condition.not_recorded`."""
        return "every moment of an update"

    def observe(self) -> Observer:
        """See `Condition.observe`."""
        return _Observer(self)


class _Observer(Observer):
    def __init__(self, condition: Pace) -> None:
        self._condition = condition
        self._apart = duration(condition.apart)
        self.interests = frozenset({f"service:{condition.service}"})
        self._known: set[str] = set()
        self._old = False
        self._reset()
        self._met_at = 0
        self._most = (0, 0)

    def _reset(self) -> None:
        self._moved = 0
        self._recent: deque[int] = deque()
        self._worst = (0, 0)

    def begin(self, swarm: Swarm) -> None:
        self._look(swarm)

    def changed(self, swarm: Swarm) -> None:
        if not self._met_at:
            self._look(swarm)

    def _look(self, swarm: Swarm) -> None:
        service = swarm.service(self._condition.service)
        if service is None:
            self._old = False
            return
        wanted = self._condition.image
        spec = ((service["Spec"].get("TaskTemplate") or {}).get("ContainerSpec") or {}).get("Image") or ""
        if not same_image(spec, wanted):
            self._old = True
            self._reset()
            return
        for task_id, task in swarm.tasks(service["ID"]).all.items():
            if task_id not in self._known and same_image(task_image(task), wanted):
                self._known.add(task_id)
                if self._old:
                    self._note(swarm.at)

    def _note(self, now: int) -> None:
        self._moved += 1
        while self._recent and self._recent[0] < now - self._apart + _TOLERANCE:
            self._recent.popleft()
        self._recent.append(now)
        self._worst = max(self._worst, (len(self._recent), now), key=lambda worst: worst[0])
        if self._moved >= self._condition.total:
            if self._worst[0] <= self._condition.at_most:
                self._met_at = now
            self._most = self._worst
            self._reset()

    def finding(self, swarm: Swarm) -> Finding:
        condition = self._condition
        most, window = condition.at_most, duration_text(self._apart)
        expected = f"{condition.service} moves to {condition.image}, at most {plural(most, 'task')} every {window}"
        if self._met_at:
            return Finding(True, at(self._met_at, "all tasks had moved, in such batches"), expected, self._met_at)
        if self._most[0]:
            number, when = self._most
            return Finding(False, at(when, f"{plural(number, 'task')} had moved within {window}"), expected, when)
        if self._moved:
            return Finding(False, f"only {plural(self._moved, 'task')} moved to {condition.image} so far", expected)
        return Finding(False, f"{condition.service} was never updated to {condition.image}", expected)
