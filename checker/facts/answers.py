"""Facts about published ports: whether somebody who came would have been answered."""

from typing import Annotated, Literal

import msgspec

from checker.facts.base import Clause, Fact, NotRecordedError, Reading, exactly
from checker.world import Fields, Swarm

_NOBODY = "no task was behind it"
_PHRASES = {
    "every": "every connection on every node",
    "some": "connections on every node",
    "only-some": "some connections and not others",
}


class Answers(Fact, frozen=True, tag="answers"):
    """A published port answers, on every node where it is published.

    `connections` says how many: `every` one (all tasks behind the port listen), `some` (one of them does), or
    `only-some` (one does and another does not, on one node), which recognises a mistake. A lab notes this at every
    change; a recording of an engine has what its recorder met when it opened the port.
    """

    port: Annotated[int, msgspec.Meta(ge=1, le=65535)]
    connections: Literal["every", "some", "only-some"] = "every"

    def phrase(self) -> str:
        """See `Fact.phrase`."""
        return f"published port {self.port} answering {_PHRASES[self.connections]}"

    def clauses(self) -> tuple[Clause, ...]:
        """See `Fact.clauses`."""
        return (Clause(self._read, lambda told: f"published port {self.port} {told or 'answered all or none'}"),)

    def interests(self) -> frozenset[str]:
        """See `Fact.interests`."""
        return frozenset({f"port:{self.port}", "node"})

    def _read(self, swarm: Swarm) -> Reading:
        if not swarm.services:
            return Reading(0.0, "was not there")
        if swarm.ports_unknown:
            raise NotRecordedError(swarm.ports_unknown)
        known = {node: port for (node, number), port in swarm.ports.items() if number == self.port}
        for port in known.values():
            if port["Answers"] == "unknown":
                raise NotRecordedError(str(port["Why"]))
        if not known:
            return Reading(0.0, f"answered on no node ({_NOBODY})")
        if self.connections == "only-some":
            return exactly(any(port["Answers"] == "some" for port in known.values()), wanted=True)
        enough = ("all",) if self.connections == "every" else ("all", "some")
        bad = {node: port for node, port in known.items() if port["Answers"] not in enough}
        bad |= {node: {"Answers": "none", "Why": _NOBODY} for node in self._expected(swarm) - set(known)}
        return Reading(1.0 - len(bad) / (len(known) + len(bad)), _told(bad))

    def _expected(self, swarm: Swarm) -> set[str]:
        """The nodes on which the routing mesh has the port; in host mode nobody can say beforehand."""
        for service in swarm.services.values():
            for port in (service["Spec"].get("EndpointSpec") or {}).get("Ports") or ():
                if port.get("PublishedPort") == self.port and (port.get("PublishMode") or "ingress") == "ingress":
                    return swarm.ready()
        return set()


def _told(bad: dict[str, Fields]) -> str:
    ways = {"some": "did not answer every connection", "none": "did not answer"}
    told: dict[str, list[str]] = {}
    for node, port in sorted(bad.items()):
        told.setdefault(f"{ways[port['Answers']]} on {{}} ({port['Why']})", []).append(node)
    return ", and ".join(text.format(" and ".join(nodes)) for text, nodes in told.items())
