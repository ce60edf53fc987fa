"""What an engine's cluster component needs of the lab around it."""

from collections.abc import Callable
from typing import Protocol

from swarmlab.manager import FirstNode, Swarm
from swarmlab.objects import TLSInfo
from swarmlab.objects.requests import InitRequest
from swarmlab.runtime.controller import Executor
from swarmlab.store import Actor


class Swarms(Protocol):
    """The swarms that engines of the lab can reach."""

    def create(self, first: FirstNode, request: InitRequest, actor: Actor) -> Swarm:
        """A new swarm with one manager."""

    def get(self, swarm_id: str) -> Swarm | None:
        """A swarm of the lab by cluster id."""

    def at(self, address: str, engine: str) -> Swarm | None:
        """The swarm whose manager listens on `host:port`, if that engine reaches it and it may have a leader.

        Raises StatusError when it has had none for too long.
        """

    def refuses(self, address: str, engine: str) -> bool:
        """Whether an engine reaches the machine at `host:port`, and no manager listens there."""

    def unreached(self, address: str, engine: str) -> str:
        """Why nobody is reached at the `host:port` that an engine calls its own, in the kernel's words; or nothing."""

    def connect(self, swarm: Swarm) -> None:
        """Tell a swarm which of its nodes reach each other."""

    def executor(self, swarm: Swarm, engine: str, tls: Callable[[], TLSInfo]) -> Executor:
        """What runs a swarm's tasks on an engine; `tls` is what the node reports of its certificate."""

    def peers(self, network_id: str, engine: str) -> list[tuple[str, str]]:
        """The nodes on which a network of the swarm exists and that an engine reaches: their ids and addresses."""

    async def joined(self, swarm: Swarm, node_id: str, engine: str) -> None:
        """An engine became a node: the routing mesh reaches it."""

    async def left(self, swarm: Swarm, node_id: str, engine: str) -> None:
        """An engine is no node any more: its task containers and mesh entries go."""
