"""Somebody asked a question while something was so."""

from typing import Annotated, Literal

import msgspec

from checker.conditions.base import Condition, Finding, Moment, Observer, Watch, at, union
from checker.facts.base import plural
from checker.reads import Read
from checker.world import Swarm, name_of

Command = Literal[
    "info",
    "node ls",
    "node inspect",
    "service ls",
    "service ps",
    "service logs",
    "config ls",
    "config inspect",
    "config rm",
    "secret ls",
    "secret inspect",
    "secret rm",
    "ps",
    "exec",
    "run",
    "swarm join-token",
    "stack ls",
    "stack ps",
    "stack services",
    "connect",
]


class Asked(Condition, frozen=True, tag="asked"):
    """A client gave `command` at least `times` times while all of `facts` held.

    `command` is without `docker`; the docker SDK's call for the same counts too. `of` is the service that the question
    must be about (`service ps`) or whose container it is asked in (`exec`), or the published port that was opened
    (`connect`). With `after`, only what was asked later than a moment when these facts held counts; with `before`, only
    what was asked earlier. `refused` asks for a question that the engine refused, `engines` for so many engines that
    were asked.
    """

    command: Command
    facts: Moment
    of: str | int = ""
    times: Annotated[int, msgspec.Meta(ge=1)] = 1
    after: Moment | None = None
    before: Moment | None = None
    refused: bool = False
    engines: Annotated[int, msgspec.Meta(ge=1)] = 1

    @property
    def not_recorded(self) -> str:
        """See `Condition.not_recorded`."""
        return "what was asked"

    def observe(self) -> Observer:
        """See `Condition.observe`."""
        return _Observer(self)


class _Observer(Observer):
    def __init__(self, condition: Asked) -> None:
        self._condition = condition
        self._watch = Watch(condition.facts, fresh=False)
        self._after = Watch(condition.after) if condition.after else None
        self._before = Watch(condition.before) if condition.before else None
        self.interests = union((self._after, self._before))
        self._engines: set[str] = set()
        self._first_at = 0
        self._last_at = 0
        self._outside = 0
        self._asked = 0
        self._counted = 0

    def begin(self, swarm: Swarm) -> None:
        for bound in (self._after, self._before):
            if bound is not None:
                bound.begin(swarm)

    def changed(self, swarm: Swarm) -> None:
        for bound in (self._after, self._before):
            if bound is not None and not bound.held:
                bound.look(swarm)

    def asked(self, swarm: Swarm, read: Read) -> None:
        if read.command != self._condition.command or not self._about(swarm, read):
            return
        if read.refused != self._condition.refused:
            return
        early = self._after is not None and not self._after.held
        late = self._before is not None and self._before.held
        if early or late:
            self._outside += read.times
            return
        self._asked += read.times
        self._last_at = read.at
        if self._watch.look(swarm):
            self._counted += read.times
            self._engines.add(read.engine)
            self._first_at = self._first_at or read.at

    def finding(self, swarm: Swarm) -> Finding:
        wanted, (what, done) = self._condition.times, _what(self._condition)
        bounds = self._bounds()
        refused = " and refused" if self._condition.refused else ""
        where = f" at {self._condition.engines} nodes" if self._condition.engines > 1 else ""
        expected = ", ".join(
            (f"{what} {done}{refused}{_often(wanted)}{where} while the swarm has {self._watch.phrase}", *bounds)
        )
        if self._counted:
            found = (
                f"{what} was {done}{refused} {plural(self._counted, 'time')} while the swarm had {self._watch.phrase}"
            )
            if where:
                found += f", at {plural(len(self._engines), 'node')}"
            found = at(self._first_at, found)
        elif self._asked:
            found = at(self._last_at, f"{what} was {done}{_often(self._asked)}, but {self._watch.shortfall()}")
        elif self._outside:
            found = f"{what} was {done}{_often(self._outside)}, but never {' and '.join(bounds)}"
        else:
            found = f"{what} was never {done}{refused}"
        met = self._counted >= wanted and len(self._engines) >= self._condition.engines
        return Finding(met, found, expected, self._first_at or self._last_at)

    def _bounds(self) -> list[str]:
        bounds = (("after", self._after), ("before", self._before))
        return [f"{word} the swarm had {bound.phrase}" for word, bound in bounds if bound is not None]

    def _about(self, swarm: Swarm, read: Read) -> bool:
        of = str(self._condition.of)
        if not of or of in read.subjects:
            return True
        if read.command == "exec":
            return any((found := swarm.in_container(one)) is not None and name_of(found) == of for one in read.subjects)
        named = [swarm.service(of), *(swarm.named(kind, of) for kind in ("config", "secret"))]
        return any(found is not None and found["ID"] in read.subjects for found in named)


def _what(condition: Asked) -> tuple[str, str]:
    """What has to be done, and the word for having done it."""
    if condition.command == "connect":
        return f"published port {condition.of}", "opened"
    if condition.command == "exec" and condition.of:
        return f"`docker exec` in a container of {condition.of}", "asked"
    return f"`docker {condition.command}{f' {condition.of}' if condition.of else ''}`", "asked"


def _often(times: int) -> str:
    return f" {times} times" if times > 1 else ""
