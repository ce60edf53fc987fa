"""Ways out of the container to what nginx passes requests on to."""

from collections.abc import Iterable

from swarmlab.network import Egress
from swarmlab.runtime.virtual.machine import Machine
from swarmlab.runtime.virtual.nginx.config import ConfigError
from swarmlab.runtime.virtual.nginx.upstreams import Target

#: Real servers of each target, by host, port and whether it is looked up late.
Servers = dict[tuple[str, int, bool], list[tuple[str, int]]]


class Ways:
    """Those of one nginx, by address and port."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._open: dict[tuple[str, int], Egress] = {}

    async def to(self, targets: Iterable[Target]) -> Servers:
        """Ways to all targets, as their names are known now. Raises ConfigError as nginx does."""
        found: Servers = {}
        for target in targets:
            addresses = [target.host] if target.late else await self._machine.resolve(target.host.strip("[]"))
            if not addresses:
                raise ConfigError(f'host not found in upstream "{target.shown}" in {target.file}:{target.line}')
            ways = []
            for address in sorted(addresses):
                key = (address, target.port)
                if key not in self._open:
                    self._open[key] = self._machine.egress(*key)
                ways.append(self._open[key].address)
            found[target.host, target.port, target.late] = ways
        return found

    def keep(self, servers: Servers) -> None:
        """Take no more connections to any but these; open ones go on."""
        used = {address for ways in servers.values() for address in ways}
        for key in [key for key, way in self._open.items() if way.address not in used]:
            self._open.pop(key).close()

    async def end(self) -> None:
        """Cut all connections."""
        for way in self._open.values():
            await way.end()

    def restore(self, text: str) -> tuple[str, OSError | None]:
        """A text with the addresses that lie behind the ways, and why the last of these led nowhere, if it did."""
        failure = None
        for (host, port), way in self._open.items():
            here = f"127.0.0.1:{way.address[1]}"
            if here in text:
                failure = way.failure or failure
                text = text.replace(here, f"{host}:{port}")
        return text, failure
