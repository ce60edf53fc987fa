"""What an engine tells of its place in a swarm (MB: daemon/cluster/{cluster,noderunner,swarm}.go, Status and Info)."""

from typing import Literal, NamedTuple

from swarmlab.engine.swarm import addresses, swarmtexts
from swarmlab.engine.swarm.swarmnode import SwarmNode
from swarmlab.manager import StatusError
from swarmlab.objects import Cluster
from swarmlab.objects.local import Membership
from swarmlab.objects.requests import JoinRequest

LocalNodeState = Literal["inactive", "pending", "active", "error", "locked"]


class SwarmInfo(NamedTuple):
    """The `Swarm` part of `docker info`; `remote_managers` are ids and addresses (`host:port`)."""

    node_id: str = ""
    node_addr: str = ""
    local_node_state: LocalNodeState = "inactive"
    control_available: bool = False
    error: str = ""
    remote_managers: tuple[tuple[str, str], ...] = ()
    nodes: int = 0
    managers: int = 0
    cluster: Cluster | None = None
    warnings: tuple[str, ...] = ()


class NodeState(NamedTuple):
    """An engine's place in a swarm: what it is a member of, the node at work, and the request to join that goes on.

    `address` is the engine's own.
    """

    address: str
    member: Membership | None
    node: SwarmNode | None
    pending: JoinRequest | None

    @property
    def state(self) -> LocalNodeState:
        """The node's state in Docker's word for it."""
        if self.member is None:
            return "inactive" if self.pending is None else "pending"
        if self.member.locked:
            return "locked"
        if self.member.expired:
            return "error"
        return "active" if self.node is not None and self.node.ready else "pending"

    def status(self) -> str:
        """The header `Swarm` of a ping: the state, with the node's role when it is active."""
        if self.node is None or self.state != "active":
            return self.state
        return "active/manager" if self.node.prepared else "active/worker"

    def info(self) -> SwarmInfo:
        """What `docker info` tells at the moment; `error` says so when the swarm has no leader."""
        member, node = self.member, self.node
        if member is None:
            if self.pending is None:
                return SwarmInfo()
            remotes = tuple(("", address) for address in self.pending.remote_addrs)
            return SwarmInfo(node_addr=self.address, local_node_state=self.state, remote_managers=remotes)
        known = SwarmInfo(node_addr=addresses.split(member.advertise_addr, "")[0], local_node_state=self.state)
        if member.locked:
            return known._replace(error=swarmtexts.LOCKED)
        if member.expired:
            return known._replace(error=swarmtexts.CERTIFICATES_EXPIRED)
        known = known._replace(node_id=member.node_id)
        return known if node is None else _of_node(node, known)


def _of_node(node: SwarmNode, known: SwarmInfo) -> SwarmInfo:
    """The same with what the node knows of its swarm."""
    members = node.swarm.raft.members()
    known = known._replace(
        control_available=node.prepared,
        remote_managers=tuple((m.id, m.manager_status.addr) for m in members if m.manager_status is not None),
    )
    if not node.prepared:
        return known
    try:
        control = node.control()
    except StatusError as error:
        return known._replace(error=str(error))
    return known._replace(
        nodes=len(control.nodes()),
        managers=len(members),
        cluster=control.cluster(),
        warnings=(swarmtexts.TWO_MANAGERS,) if len(members) == 2 else (),
    )


def leave_refusal(node: SwarmNode) -> str:
    """Why a manager should not leave, by what it knows of the quorum."""
    try:
        statuses = [found.manager_status for found in node.control().nodes() if found.manager_status is not None]
    except StatusError:
        statuses = []
    reachable = sum(1 for status in statuses if status.reachability == "reachable")
    return swarmtexts.leave_refusal(active=node.prepared, reachable=reachable, unreachable=len(statuses) - reachable)
