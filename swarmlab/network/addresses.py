"""The addresses of a lab's nodes: one loopback address each where the system has more than one, else offset ports."""

import socket

from swarmlab.network.base import NodeAddress

#: Ports between two nodes, and between two labs, that share 127.0.0.1.
_NODE_OFFSET = 10_000
_LAB_OFFSET = 500

_LAST = 254


def node_addresses(count: int, lab_index: int = 0) -> list[NodeAddress]:
    """Addresses of `count` nodes of the lab with this index on the machine (0 for the first).

    The first lab has 127.0.0.1, 127.0.0.2, …, the next 127.0.1.1, 127.0.1.2, …. Raises ValueError when there are not
    that many.
    """
    if not (0 < count <= _LAST and 0 <= lab_index <= _LAST):
        raise ValueError(f"a machine has addresses for {_LAST} nodes of {_LAST + 1} labs")
    if can_bind("127.0.0.2"):
        return [NodeAddress(f"127.0.{lab_index}.{number}") for number in range(1, count + 1)]
    return [NodeAddress("127.0.0.1", _NODE_OFFSET * number + _LAB_OFFSET * lab_index) for number in range(count)]


def can_bind(host: str) -> bool:
    """Whether this machine lets us listen at an address."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        try:
            probe.bind((host, 0))
        except OSError:
            return False
        return True
