"""Connections that an engine itself makes, from its node's own network: to registries, and for downloads."""

import errno
import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from swarmlab.network import Fabric, Member, UnreachableError, passage

#: Where on this machine an address and port of the lab are, as long as the block lasts. Raises OSError as connect().
Connect = Callable[[str, int], AbstractAsyncContextManager[tuple[str, int]]]


class Outgoing:
    """The node's ways to whatever is published in the lab."""

    def __init__(self, node: str, fabric: Fabric) -> None:
        self._node = node
        self._fabric = fabric
        self._numbers = itertools.count()

    @asynccontextmanager
    async def connection(self, address: str, port: int) -> AsyncIterator[tuple[str, int]]:
        """See `Connect`. It stays in the lab, also where containers may go further."""
        async with self._connection(address, port, beyond=False) as real:
            yield real

    @asynccontextmanager
    async def further(self, address: str, port: int) -> AsyncIterator[tuple[str, int]]:
        """See `Connect`. It goes wherever containers may go."""
        async with self._connection(address, port, beyond=True) as real:
            yield real

    @asynccontextmanager
    async def _connection(self, address: str, port: int, *, beyond: bool) -> AsyncIterator[tuple[str, int]]:
        name = f"{self._node}/engine/{next(self._numbers)}"
        self._fabric.join(Member(name, self._node, "", (), announced=False, on_host=True))
        try:
            # An engine gives up long before the kernel does.
            route = self._fabric.sandbox(name).route(address, port)
            if route.outside and not beyond:
                raise UnreachableError(errno.ENETUNREACH)
            async with passage(route) as real:
                yield real
        finally:
            self._fabric.forget(name)
