"""Facts about nodes."""

from typing import Literal

from checker.facts.base import Clause, Fact, Reading
from checker.world import Fields, Swarm


class Node(Fact, frozen=True, tag="node"):
    """A node, or every node, is so. What is not given does not matter.

    `availability` is `active`, `pause` or `drain`, `state` is `ready` or `down`.
    """

    which: Literal["any", "every"] = "any"
    availability: Literal["active", "pause", "drain"] | None = None
    state: Literal["ready", "down"] | None = None

    @property
    def _wanted(self) -> dict[str, str]:
        wanted = {"availability": self.availability, "state": self.state}
        return {name: value for name, value in wanted.items() if value is not None}

    def phrase(self) -> str:
        """See `Fact.phrase`."""
        return f"{'a node' if self.which == 'any' else 'only nodes'} with {_words(self._wanted)}"

    def clauses(self) -> tuple[Clause, ...]:
        """See `Fact.clauses`."""
        return (Clause(self._read, self._shortfall),)

    def _read(self, swarm: Swarm) -> Reading:
        wanted = self._wanted
        found = {_hostname(node): {name: _property(node, name) for name in wanted} for node in swarm.nodes.values()}
        holds = [properties == wanted for properties in found.values()]
        score = float(any(holds)) if self.which == "any" else sum(holds) / len(holds) if holds else 0.0
        return Reading(score, found)

    def _shortfall(self, found: dict[str, dict[str, str]] | None) -> str:
        if not found:
            return "the swarm had no node"
        nodes = ", ".join(f"{name} had {_words(properties)}" for name, properties in found.items())
        lack = "no node had" if self.which == "any" else "not every node had"
        return f"{lack} {_words(self._wanted)} ({nodes})"


def _words(properties: dict[str, str]) -> str:
    return " and ".join(f"{name} {value}" for name, value in properties.items())


def _hostname(node: Fields) -> str:
    return str((node.get("Description") or {}).get("Hostname") or node["ID"])


def _property(node: Fields, name: str) -> str:
    section = {"availability": "Spec", "state": "Status"}[name]
    return str((node.get(section) or {}).get(name.capitalize()) or "unknown")
