"""Numbers and names of network interfaces, as a machine's kernel and libnetwork give them.

Source: libnetwork: osl/interface_linux.go, sandbox.go (epHeap). How many interfaces an engine makes for a network, and
for a place on one, was counted on a real one.
"""

from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from swarmlab.network import Place

#: The loopback interface, the one to the outside and docker0 are there from the beginning.
_FIRST = 4
_OUTSIDE = 2


class Links:
    """The numbers of one machine's interfaces, which are never given again until it is switched off."""

    #: How many are made for a bridge, for the bridge of tasks, and for an overlay network that comes to the node.
    BRIDGE, GATEWAY_BRIDGE, OVERLAY = 1, 2, 3
    #: And for a container's place: a pair of interfaces, of which the first is inside.
    PAIR = 2

    def __init__(self) -> None:
        self._next = _FIRST

    def take(self, count: int) -> int:
        """The first of so many new numbers."""
        first = self._next
        self._next += count
        return first

    def restart(self, bridges: int) -> None:
        """The machine has been switched on again, and has made so many bridges."""
        self._next = _FIRST + bridges


class _Interface(NamedTuple):
    name: str
    link: int
    peer: int


class Interfaces:
    """The interfaces of one engine's containers: they keep their names and numbers, and no name is given twice."""

    def __init__(self, links: Links) -> None:
        self._links = links
        #: By container: its interfaces by network, and how many it has ever had.
        self._known: dict[str, dict[str, _Interface]] = {}
        self._count: dict[str, int] = {}

    def named(self, container_id: str, places: Iterable[Place]) -> tuple[Place, ...]:
        """A container's places with their interfaces: as they were, the new ones after those that it has had before.

        Together new ones are named in the order of their networks' names, internal ones and the way out last.
        """
        there = list(places)
        before = self._known.get(container_id, {})
        new = [place for place in there if place.network not in before]
        count = self._count.get(container_id, 0)
        names = {place.network: f"eth{count + number}" for number, place in enumerate(sorted(new, key=_naming))}
        made = {place.network: self._made(place, names[place.network]) for place in new}
        known = {place.network: before.get(place.network) or made[place.network] for place in there}
        self._known[container_id], self._count[container_id] = known, count + len(new)
        return tuple(_with(place, known[place.network]) for place in there)

    def forget(self, container_id: str) -> None:
        """A container has ended."""
        self._known.pop(container_id, None)
        self._count.pop(container_id, None)

    def _made(self, place: Place, name: str) -> _Interface:
        alone = place.kind == "macvlan"
        link = self._links.take(1 if alone else Links.PAIR)
        return _Interface(name, link, _OUTSIDE if alone else link + 1)


def _with(place: Place, interface: _Interface) -> Place:
    return msgspec.structs.replace(place, interface=interface.name, link=interface.link, peer=interface.peer)


def _naming(place: Place) -> tuple[bool, bool, str]:
    return place.kind == "gateway", place.internal, place.network_name
