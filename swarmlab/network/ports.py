"""Which ports of a container listen, and who wants to know."""

from collections.abc import Callable, Iterator, MutableMapping

#: What an address on this machine looks like to the sockets module.
SocketName = tuple[str, int]


class Ports(MutableMapping[int, SocketName]):
    """Where the TCP ports that listen really are on this machine, by their numbers in the container."""

    def __init__(self) -> None:
        self._known: dict[int, SocketName] = {}
        self._watchers: set[Callable[[], None]] = set()

    def watch(self, changed: Callable[[], None]) -> Callable[[], None]:
        """Call `changed` whenever a port listens, or no longer does; what is returned ends that."""
        self._watchers.add(changed)
        return lambda: self._watchers.discard(changed)

    def __getitem__(self, port: int) -> SocketName:
        return self._known[port]

    def __setitem__(self, port: int, address: SocketName) -> None:
        self._known[port] = address
        self._tell()

    def __delitem__(self, port: int) -> None:
        del self._known[port]
        self._tell()

    def __iter__(self) -> Iterator[int]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)

    def _tell(self) -> None:
        for changed in tuple(self._watchers):
            changed()
