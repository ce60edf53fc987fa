"""What every kind of condition offers, and the watching of facts that they share."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, NamedTuple

import msgspec

from checker.facts import AnyFact
from checker.facts.base import Clause, Reading
from checker.reads import Read
from checker.values import moment
from checker.world import Swarm

#: Facts that must hold at one and the same instant.
Moment = Annotated[tuple[AnyFact, ...], msgspec.Meta(min_length=1)]


class Finding(NamedTuple):
    """What a condition came to: whether it is met, what there was and what there should have been.

    `at` is the instant that `found` is about in Unix nanoseconds, 0 when it is about none. `unknown` says why the
    condition could not be judged, empty otherwise. `spare` is whether it is then left out, and its step's other
    conditions decide.
    """

    met: bool
    found: str
    expected: str
    at: int = 0
    unknown: str = ""
    spare: bool = False


class Observer:
    """Watches one swarm for one condition, from the beginning of the attempt on."""

    #: Which changes it wants to hear of, in the words of `Swarm.apply`.
    interests: frozenset[str] = frozenset()

    def begin(self, swarm: Swarm) -> None:
        """The attempt begins; what is so already was not done in it."""

    def changed(self, swarm: Swarm) -> None:
        """A transaction has taken place that touched one of the interests."""

    def asked(self, swarm: Swarm, read: Read) -> None:
        """Somebody asked something of this swarm."""

    def finding(self, swarm: Swarm) -> Finding:
        """The verdict when all has been seen."""
        raise NotImplementedError


class Condition(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="check", rename="kebab"
):
    """What a step needs evidence of. `weight` is its share of the step's points; `why` is for learners."""

    why: Annotated[str, msgspec.Meta(min_length=1)]
    weight: Annotated[int, msgspec.Meta(ge=1)] = 1

    @property
    def not_recorded(self) -> str:
        """What it needs that is not in the recording of a real engine, if anything."""
        return ""

    def observe(self) -> Observer:
        """A fresh observer."""
        raise NotImplementedError


class Watch:
    """Looks at a swarm for a moment when some facts hold together, and remembers how near it came.

    What was so when the attempt began counts only once it has not been so.
    """

    def __init__(self, facts: Sequence[AnyFact], *, fresh: bool = True) -> None:
        self.held = False
        self.held_at = 0
        self.nearest_at = 0
        self.phrase = " and ".join(fact.phrase() for fact in facts)
        self.interests = frozenset[str]().union(*(fact.interests() for fact in facts))
        self.stale = False
        self._fresh = fresh
        self._facts: list[tuple[Clause, ...]] = [fact.known_clauses() for fact in facts]
        self._best: list[list[Reading]] = [[Reading(-1.0, None)] * len(clauses) for clauses in self._facts]
        self._nearest: list[list[Reading]] = self._best
        self._nearness = -1.0
        #: What there was when the attempt began, which is told when nothing has changed since.
        self._first = self._best

    def begin(self, swarm: Swarm) -> None:
        """The attempt begins."""
        self.stale = self._fresh and self.holds(swarm)
        self._first = [[clause.read(swarm) for clause in clauses] for clauses in self._facts]

    def holds(self, swarm: Swarm) -> bool:
        """Whether the facts hold now, whatever was before."""
        return all(clause.read(swarm).score >= 1.0 for clauses in self._facts for clause in clauses)

    def freshen(self, swarm: Swarm) -> None:
        """Notice that what was so from the beginning is so no more."""
        if self.stale and not self.holds(swarm):
            self.stale = False

    def look(self, swarm: Swarm) -> bool:
        """Whether the facts hold now, and came about in the attempt."""
        readings = [[clause.read(swarm) for clause in clauses] for clauses in self._facts]
        self._best = [
            [max(new, old, key=_rank) for old, new in zip(before, now, strict=True)]
            for before, now in zip(self._best, readings, strict=True)
        ]
        flat = [reading for now in readings for reading in now]
        nearness = sum(reading.score for reading in flat)
        if nearness >= self._nearness:
            if nearness > self._nearness:
                self.nearest_at = swarm.at
            self._nearest, self._nearness = readings, nearness
        holds = all(reading.score >= 1.0 for reading in flat)
        if self.stale:
            self.stale = holds
            return False
        if holds and not self.held:
            self.held, self.held_at = True, swarm.at
        return holds

    def shortfall(self) -> str:
        """What was missing whenever this looked, in words. Only when the facts never held together."""
        if self.stale:
            return f"the swarm had {self.phrase} already when you began, which does not count"
        never = self._short(self._best if self._nearness >= 0 else self._first)
        if never:
            return never
        when = f" ({moment(self.nearest_at)})" if self.nearest_at else ""
        return f"not all at the same time; at the nearest moment{when} {self._short(self._nearest)}"

    def _short(self, readings: list[list[Reading]]) -> str:
        texts = []
        for clauses, now in zip(self._facts, readings, strict=True):
            short = [i for i, reading in enumerate(now) if reading.score < 1.0]
            # Without its first clause a fact has nothing to say about the others.
            for i in short[:1] if short[:1] == [0] else short:
                texts.append(clauses[i].shortfall(now[i].value))  # noqa: PERF401  (two loops read better than a nest)
        return ", and ".join(texts)


def at(instant: int, text: str) -> str:
    """`text` with the time of day in front, if there is one."""
    return f"at {moment(instant)} {text}" if instant else text


def union(watches: Iterable[Watch | None]) -> frozenset[str]:
    """The interests of several."""
    return frozenset[str]().union(*(watch.interests for watch in watches if watch is not None))


#: The answers that a learner gave, by step.
Answers = Mapping[str, Sequence[str]]


def _rank(reading: Reading) -> tuple[float, bool, bool]:
    """Nearer first; of two equally near ones the one with something to tell, else the later one."""
    return reading.score, reading.value is not None, bool(reading.value)
