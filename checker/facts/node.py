"""Facts about nodes."""

from typing import Annotated, Literal

import msgspec

from checker.facts.base import Clause, Fact, Reading, at_least, exactly, plural
from checker.world import Fields, Swarm

_SECTIONS = {"availability": "Spec", "state": "Status"}


class Node(Fact, frozen=True, tag="node"):
    """Nodes are so. What is not given does not matter.

    `which` says how many: `any` (one is enough), `every`, or `none`. `count` asks for at least so many and `exactly`
    for so many, instead of `which`. `name` is the host's, `role` is `manager` or `worker`, `availability` is `active`,
    `pause` or `drain`, `state` is `ready`, `down` or `unknown`; `label` is `name=value`.
    """

    which: Literal["any", "every", "none"] = "any"
    count: Annotated[int, msgspec.Meta(ge=1)] | None = None
    exactly: Annotated[int, msgspec.Meta(ge=0)] | None = None
    name: str | None = None
    role: Literal["manager", "worker"] | None = None
    availability: Literal["active", "pause", "drain"] | None = None
    state: Literal["ready", "down", "unknown"] | None = None
    label: str | None = None

    @property
    def _wanted(self) -> dict[str, str]:
        names = ("name", "role", "availability", "state", "label")
        return {name: value for name in names if (value := getattr(self, name)) is not None}

    def phrase(self) -> str:
        """See `Fact.phrase`."""
        wanted = f" with {_words(self._wanted)}" if self._wanted else ""
        if self.exactly is not None:
            return f"{plural(self.exactly, 'node')}{wanted}, no more and no fewer"
        if self.count is not None:
            return f"{plural(self.count, 'node')}{wanted}"
        return {"any": "a node", "every": "only nodes", "none": "no node"}[self.which] + wanted

    def clauses(self) -> tuple[Clause, ...]:
        """See `Fact.clauses`."""
        return (Clause(self._read, self._shortfall),)

    def interests(self) -> frozenset[str]:
        """See `Fact.interests`."""
        return frozenset({"node"})

    def _read(self, swarm: Swarm) -> Reading:
        wanted = self._wanted
        shown = wanted or {"role": "", "state": ""}
        nodes = list(swarm.nodes.values())
        # An empty swarm has nothing to say, and "no node is so" of it is no news.
        found = tuple((_hostname(node), tuple((key, _property(node, key, wanted)) for key in shown)) for node in nodes)
        holds = [all(_property(node, key, wanted) == value for key, value in wanted.items()) for node in nodes]
        number = sum(holds)
        if self.exactly is not None:
            return Reading(exactly(number, self.exactly).score if nodes else 0.0, found)
        if self.count is not None:
            return Reading(at_least(number, self.count).score, found)
        if self.which == "any":
            return Reading(float(number > 0), found)
        if not nodes:
            return Reading(0.0, found)
        return Reading(number / len(nodes) if self.which == "every" else float(number == 0), found)

    def _shortfall(self, found: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] | None) -> str:
        if not found:
            return "the swarm had no node"
        nodes = ", ".join(f"{name} had {_words(dict(properties))}" for name, properties in found)
        wanted = _words(self._wanted)
        if self.exactly is not None or self.count is not None:
            number = self.exactly if self.exactly is not None else self.count
            lack = f"there were not {number} nodes" + (f" with {wanted}" if wanted else "")
        else:
            lacks = {"any": "no node had", "every": "not every node had", "none": "there was still a node with"}
            lack = f"{lacks[self.which]} {wanted}"
        return f"{lack} ({nodes})"


def _words(properties: dict[str, str]) -> str:
    return " and ".join(f"{name} {value}" for name, value in properties.items())


def _hostname(node: Fields) -> str:
    return str((node.get("Description") or {}).get("Hostname") or node["ID"])


def _property(node: Fields, name: str, wanted: dict[str, str]) -> str:
    if name == "name":
        return _hostname(node)
    if name == "role":
        return str(node.get("Role") or "worker")
    if name == "label":
        key = wanted["label"].partition("=")[0]
        labels = (node.get("Spec") or {}).get("Labels") or {}
        return f"{key}={labels[key]}" if key in labels else "none"
    return str((node.get(_SECTIONS[name]) or {}).get(name.capitalize()) or "unknown")
