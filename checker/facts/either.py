"""Facts of which one is enough."""

from collections.abc import Sequence
from typing import Annotated

import msgspec

from checker.facts.base import Clause, Fact, Reading
from checker.facts.local import Container
from checker.facts.named import Config, Network, NoConfig, NoNetwork, NoSecret, NoStack, Secret, Stack
from checker.facts.node import Node
from checker.facts.service import NoService, Service
from checker.world import Swarm

#: Those of which one may be enough.
Single = (
    Service | NoService | Node | Container | Config | NoConfig | Secret | NoSecret | Network | NoNetwork | Stack
    | NoStack
)  # fmt: skip


class Either(Fact, frozen=True, tag="either"):
    """One of several facts holds: where an exercise leaves it to the learner which way to go."""

    of: Annotated[tuple[Single, ...], msgspec.Meta(min_length=2)]

    def phrase(self) -> str:
        """See `Fact.phrase`."""
        return "either " + " or ".join(fact.phrase() for fact in self.of)

    def clauses(self) -> tuple[Clause, ...]:
        """See `Fact.clauses`."""
        return (Clause(self._read, lambda told: told or f"there was neither of: {self.phrase()}"),)

    def interests(self) -> frozenset[str]:
        """See `Fact.interests`."""
        return frozenset[str]().union(*(fact.interests() for fact in self.of))

    def _read(self, swarm: Swarm) -> Reading:
        """What the nearest of them lacks."""
        best = Reading(-1.0, "")
        for fact in self.of:
            clauses = fact.known_clauses()
            readings = [clause.read(swarm) for clause in clauses]
            score = sum(reading.score for reading in readings) / len(readings)
            if score > best.score:
                best = Reading(score, _lack(clauses, readings))
        return best


def _lack(clauses: Sequence[Clause], readings: Sequence[Reading]) -> str:
    short = [i for i, reading in enumerate(readings) if reading.score < 1.0]
    short = short[:1] if short[:1] == [0] else short
    return ", and ".join(clauses[i].shortfall(readings[i].value) for i in short)
