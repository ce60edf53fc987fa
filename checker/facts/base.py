"""What every fact offers."""

from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from checker.world import Swarm


class NotRecordedError(Exception):
    """Raised by what looks for something that the journal cannot tell. The message is for learners."""


class Reading(NamedTuple):
    """How nearly a clause holds at an instant: 1.0 when it does, less the further from it.

    `value` is what there was instead; None when there was nothing to look at.
    """

    score: float
    value: Any


class Clause(NamedTuple):
    """One part of a fact. `shortfall` says in the past tense what there was, given the value of a reading below 1.0."""

    read: Callable[[Swarm], Reading]
    shortfall: Callable[[Any], str]


class Fact(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="fact", rename="kebab", dict=True
):
    """Something that is or is not so in a swarm at an instant."""

    def phrase(self) -> str:
        """The fact as what comes after "the swarm has"."""
        raise NotImplementedError

    def clauses(self) -> tuple[Clause, ...]:
        """The parts that must all hold. Without the first there is nothing to say about the others."""
        raise NotImplementedError

    def known_clauses(self) -> tuple[Clause, ...]:
        """The same, made once: they hold nothing of a swarm, and many swarms are looked at."""
        found: tuple[Clause, ...] | None = self.__dict__.get("known")
        if found is None:
            found = self.__dict__["known"] = self.clauses()
        return found

    def interests(self) -> frozenset[str]:
        """Which changes can make it hold or not, in the words of `Swarm.apply`."""
        raise NotImplementedError


def exactly(value: object, wanted: object) -> Reading:
    """Whether something is what it should be."""
    return Reading(float(value == wanted), value)


def at_least(count: int, wanted: int) -> Reading:
    """Whether there are enough; the more the nearer."""
    return Reading(1.0 if count >= wanted else count / wanted * 0.9, count)


def plural(count: int, noun: str) -> str:
    """`1 task`, `2 tasks`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
