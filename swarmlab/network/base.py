"""The vocabulary of published ports."""

from collections.abc import Callable
from typing import NamedTuple

import msgspec

from swarmlab.network.relay import Door


class NodeAddress(NamedTuple):
    """Where a node's ports are: at `host`, each `offset` above its number (0 where every node has its own host)."""

    host: str
    offset: int = 0


class PortBinding(msgspec.Struct, frozen=True):
    """A port that a task publishes: `mode` is `ingress` (on every node) or `host` (on its own)."""

    protocol: str
    published: int
    target: int
    mode: str = "ingress"


class Endpoint(msgspec.Struct, frozen=True):
    """A running task behind its published ports.

    `connect` says where the task's target port really listens; it raises LookupError or OSError when it does not.
    `door` says so for connections that come in at a node, if the task's program can be told where they come from.
    `watch` is given what to call whenever the answers of `connect` change, and returns what ends that.
    """

    task_id: str
    node_id: str
    service_id: str
    ports: tuple[PortBinding, ...]
    connect: Callable[[int], tuple[str, int]]
    door: Callable[[int, str], Door] | None = None
    watch: Callable[[Callable[[], None]], Callable[[], object]] = lambda changed: lambda: None

    def listens(self, target: int) -> bool:
        """Whether anything listens at a target port."""
        try:
            self.connect(target)
        except (LookupError, OSError):
            return False
        return True


class Answers(NamedTuple):
    """What connections to a published port of a node find: they take turns over `tasks`, some of them `listening`."""

    tasks: int
    listening: int


class Published(msgspec.Struct, frozen=True):
    """Where a published port of a node can really be reached.

    `address` and `port` are what the node promises, `bound_address` and `bound_port` where the mesh listens, and
    `reason` says why the two differ. A port that cannot be served at all has a `bound_port` of 0.
    """

    node_id: str
    address: str
    port: int
    protocol: str
    service_id: str
    bound_address: str
    bound_port: int
    reason: str = ""
