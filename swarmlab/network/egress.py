"""Ways out of a container for real processes: sockets on the loopback interface that stand for virtual addresses."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from swarmlab.network.base import NodeAddress
from swarmlab.network.listener import Listener, bind
from swarmlab.network.relay import Door, Relay
from swarmlab.network.sandbox import Route, Sandbox, Sleeper

_LOOPBACK = NodeAddress("127.0.0.1")


class Egress:
    """Listens on 127.0.0.1 and joins each connection to the first of the `doors` that opens; else it is reset.

    `failure` is why the last one could not be joined, None if it was: who is reset cannot tell.
    """

    def __init__(self, doors: Callable[[], AsyncIterator[Door]]) -> None:
        self.failure: OSError | None = None
        self._relays: set[Relay] = set()
        self._listener = Listener(
            bind(_LOOPBACK, 0), lambda taken: Relay(taken, lambda _: doors(), self._relays.add, self._relays.discard)
        )
        self._listener.open()

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        return self._listener.address, self._listener.port

    def close(self) -> None:
        """Take no more connections; open ones go on."""
        self._listener.close()

    async def end(self) -> None:
        """Take no more connections, and cut the open ones."""
        self.close()
        for relay in tuple(self._relays):
            relay.reset()


def egress(sandbox: Sandbox, clock: Sleeper, host: str, port: int) -> Egress:
    """A way to where the container's network leads at the moment of each connection.

    `host` is an address, or a name that is looked up each time.
    """

    async def doors() -> AsyncIterator[Door]:
        way.failure = None
        for address in await sandbox.resolve(host):
            try:
                route = await sandbox.reach(address, port, clock)
            except OSError as error:
                way.failure = error
            else:
                way.failure = None
                yield route.door()

    way = Egress(doors)
    return way


@asynccontextmanager
async def passage(route: Route) -> AsyncIterator[tuple[str, int]]:
    """Where on this machine a route begins, as long as the block lasts."""
    if route.outside and route.real is not None:
        # Who connects there learns from the kernel why it fails.
        yield route.real
        return

    door = route.door()

    async def doors() -> AsyncIterator[Door]:
        yield door

    way = Egress(doors)
    try:
        yield way.address
    finally:
        await way.end()
