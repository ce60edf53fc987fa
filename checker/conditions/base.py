"""What every kind of condition offers, and the watching of facts that they share."""

from collections.abc import Sequence
from typing import Annotated, NamedTuple

import msgspec

from checker.facts import AnyFact
from checker.facts.base import Clause, Reading
from checker.reads import Read
from checker.world import Swarm

#: Facts that must hold at one and the same instant.
Moment = Annotated[tuple[AnyFact, ...], msgspec.Meta(min_length=1)]


class Finding(NamedTuple):
    """What a condition came to: whether it is met, what there was and what there should have been."""

    met: bool
    found: str
    expected: str


class Observer:
    """Watches one swarm for one condition, from its beginning on."""

    def changed(self, swarm: Swarm) -> None:
        """A transaction has taken place."""

    def asked(self, swarm: Swarm, read: Read) -> None:
        """Somebody asked something of this swarm."""

    def finding(self, swarm: Swarm) -> Finding:
        """The verdict when all has been seen."""
        raise NotImplementedError


class Condition(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="check"):
    """What a step needs evidence of. `weight` is its share of the step's points; `why` is for learners."""

    why: Annotated[str, msgspec.Meta(min_length=1)]
    weight: Annotated[int, msgspec.Meta(ge=1)] = 1

    def observe(self) -> Observer:
        """A fresh observer."""
        raise NotImplementedError


class Watch:
    """Looks at a swarm for a moment when some facts hold together, and remembers how near it came."""

    def __init__(self, moment: Sequence[AnyFact]) -> None:
        self.held = False
        self.phrase = " and ".join(fact.phrase() for fact in moment)
        self._facts: list[tuple[Clause, ...]] = [fact.clauses() for fact in moment]
        self._best: list[list[Reading]] = [[Reading(-1.0, None)] * len(clauses) for clauses in self._facts]
        self._nearest: list[list[Reading]] = self._best
        self._nearness = -1.0

    def look(self, swarm: Swarm) -> bool:
        """Whether the facts hold now."""
        readings = [[clause.read(swarm) for clause in clauses] for clauses in self._facts]
        self._best = [
            [max(new, old, key=_rank) for old, new in zip(before, now, strict=True)]
            for before, now in zip(self._best, readings, strict=True)
        ]
        flat = [reading for now in readings for reading in now]
        nearness = sum(reading.score for reading in flat)
        if nearness >= self._nearness:
            self._nearest, self._nearness = readings, nearness
        holds = all(reading.score >= 1.0 for reading in flat)
        self.held = self.held or holds
        return holds

    def shortfall(self) -> str:
        """What was missing whenever this looked, in words. Only when the facts never held together."""
        never = self._short(self._best)
        return never or f"not all at the same time; at the nearest moment {self._short(self._nearest)}"

    def _short(self, readings: list[list[Reading]]) -> str:
        texts = []
        for clauses, now in zip(self._facts, readings, strict=True):
            short = [i for i, reading in enumerate(now) if reading.score < 1.0]
            # Without its first clause a fact has nothing to say about the others.
            for i in short[:1] if short[:1] == [0] else short:
                texts.append(clauses[i].shortfall(now[i].value))  # noqa: PERF401  (two loops read better than a nest)
        return ", and ".join(texts)


def _rank(reading: Reading) -> tuple[float, bool]:
    """Nearer first; of two equally near ones the one with something to tell, else the later one."""
    return reading.score, bool(reading.value)
