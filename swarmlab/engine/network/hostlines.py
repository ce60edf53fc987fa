"""A container's own lines in its hosts file (libnetwork: sandbox_dns_unix.go, etchosts)."""

from collections.abc import Sequence

from swarmlab.network import Place
from swarmlab.objects.local import Container

_KINDS = frozenset({"overlay", "macvlan", "bridge"})


class HostLines:
    """They come with the networks of one engine's containers, and some of them stay when those are left.

    Who leaves a network of the engine where containers have names loses all lines with nothing but a name that is known
    there: its own, of other networks too. Those with a domain stay, as do those of a network of the swarm, and of the
    first bridge.
    """

    def __init__(self) -> None:
        self._lines: dict[str, list[str]] = {}
        self._places: dict[str, dict[str, Place]] = {}

    def update(self, container: Container, places: Sequence[Place]) -> None:
        """A container is on these networks now."""
        lines = self._lines.setdefault(container.id, [])
        before, now = self._places.get(container.id, {}), {place.network: place for place in places}
        for network, place in before.items():
            if network not in now and place.kind == "bridge" and place.named:
                gone = set(place.names) - {container.name}
                lines[:] = [line for line in lines if line.partition("\t")[2].rstrip() not in gone]
        for network, place in now.items():
            if network not in before and place.kind in _KINDS:
                lines += [f"{host}\t{_own_names(container)}\n" for host in place.hosts]
        self._places[container.id] = now

    def of(self, container_id: str) -> str:
        """A container's lines."""
        return "".join(self._lines.get(container_id, ()))

    def forget(self, container_id: str) -> None:
        """A container has ended."""
        self._lines.pop(container_id, None)
        self._places.pop(container_id, None)


def _own_names(container: Container) -> str:
    """The host name with its domain and, if it has one, without."""
    name = f"{container.hostname}.{container.domainname}" if container.domainname else container.hostname
    return f"{name} {name.partition('.')[0]}" if "." in name else name
