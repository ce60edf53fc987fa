"""Facts about the swarm as a whole."""

from checker.facts.base import Clause, Fact, Reading
from checker.world import Swarm


class Manager(Fact, frozen=True, tag="manager"):
    """The swarm exists and has a manager."""

    def phrase(self) -> str:
        """See `Fact.phrase`."""
        return "a manager"

    def clauses(self) -> tuple[Clause, ...]:
        """See `Fact.clauses`."""
        return (Clause(_managed, lambda _: "no swarm was ever initialised"),)

    def interests(self) -> frozenset[str]:
        """See `Fact.interests`."""
        return frozenset({"cluster", "node"})


def _managed(swarm: Swarm) -> Reading:
    managers = sum(node.get("Role") == "manager" for node in swarm.nodes.values())
    return Reading(float(swarm.cluster is not None and managers > 0), managers)
