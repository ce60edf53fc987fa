"""An engine without loops or containers' programs: a real store and control API, and everything else held in lists."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from swarmlab.clock import VirtualClock
from swarmlab.engine import EngineError, Execs
from swarmlab.engine.container.volumes import Volumes
from swarmlab.engine.events import Event
from swarmlab.engine.image.imageremoval import ImageRemoval
from swarmlab.engine.image.images import LocalImages
from swarmlab.engine.network.localnetworks import LocalNetworks
from swarmlab.engine.network.overlays import Overlays
from swarmlab.engine.settings import engine_settings
from swarmlab.images import Catalogue, ImageStore
from swarmlab.journal import Request
from swarmlab.manager.controlapi import ControlAPI
from swarmlab.objects import (
    Cluster,
    ClusterSpec,
    ManagerStatus,
    Network,
    NetworkSpec,
    Node,
    NodeDescription,
    NodeSpec,
    NodeStatus,
    Object,
)
from swarmlab.objects.local import Container, LocalNetwork, LocalPool
from swarmlab.objects.requests import InitRequest, JoinRequest
from swarmlab.runtime.base import LogLine, ProbeResult
from swarmlab.store import Actor, Commit, Kind, Store

NOT_A_MANAGER = "This node is not a swarm manager."
NODE_ID = "n" * 25
TEST = Actor(loop="test")


class Members:
    """Every node whose observed role is manager is a reachable member; the first one leads."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def manager_status(self, node_id: str) -> ManagerStatus | None:
        node = self.store.tables.nodes.get(node_id)
        if node is None or node.role != "manager":
            return None
        return ManagerStatus(leader=node_id == NODE_ID, reachability="reachable", addr="10.0.0.1:2377")

    def can_remove(self, node_id: str) -> bool:
        return True


class FakeCluster:
    """In a swarm as its only manager once `init` was called."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.joined: list[JoinRequest] = []
        self.inits: list[InitRequest] = []
        self.worker = False

    @property
    def _active(self) -> bool:
        return len(self.store.tables.clusters) > 0

    def info(self) -> Any:
        manager = self._active and not self.worker
        return SimpleNamespace(
            node_id=NODE_ID if self._active else "",
            node_addr="127.0.0.1" if self._active else "",
            local_node_state="active" if self._active else "inactive",
            control_available=manager,
            error="",
            remote_managers=[(NODE_ID, "127.0.0.1:2377")] if self._active else [],
            nodes=len(self.store.tables.nodes) if manager else 0,
            managers=1 if manager else 0,
            cluster=next(iter(self.store.tables.clusters)) if manager else None,
            warnings=[],
        )

    def status(self) -> str:
        if not self._active:
            return "inactive"
        return "active/worker" if self.worker else "active/manager"

    async def info_in_time(self) -> Any:
        return self.info()

    async def init(self, request: InitRequest) -> str:
        if self._active:
            raise EngineError(503, "This node is already part of a swarm.")
        self.inits.append(request)
        with self.store.transaction(TEST) as tx:
            tx.create(Kind.CLUSTER, Cluster(id="c" * 25, spec=ClusterSpec(name="default")))
            tx.create(Kind.NODE, make_node(NODE_ID, "node-1", role="manager"))
            tx.create(Kind.NETWORK, Network(id="i" * 25, spec=NetworkSpec(name="ingress", ingress=True)))
        return NODE_ID

    async def join(self, request: JoinRequest) -> None:
        self.joined.append(request)

    async def leave(self, force: bool) -> None:
        raise EngineError(503, f"leave, force={force}")

    async def unlock(self, key: str) -> None:
        raise EngineError(409, f"swarm is not locked: {key}")

    def unlock_key(self) -> str:
        return ""

    def control(self) -> ControlAPI:
        if not self._active or self.worker:
            raise EngineError(503, NOT_A_MANAGER)
        return ControlAPI(self.store, Members(self.store))


def make_node(node_id: str, hostname: str, role: str = "worker", **labels: str) -> Node:
    return Node(
        id=node_id,
        spec=NodeSpec(role=role, availability="active", labels=labels),
        role=role,
        description=NodeDescription(hostname=hostname),
        status=NodeStatus(state="ready", addr="127.0.0.1"),
    )


@dataclass
class FakeProgram:
    """A container's program as the API sees it."""

    lines: list[LogLine] = field(default_factory=list)
    health: str = ""
    failing_streak: int = 0
    probes: Sequence[ProbeResult] = ()
    asked: dict[str, Any] = field(default_factory=dict)

    def health_log(self) -> Sequence[ProbeResult]:
        return self.probes

    async def logs(self, **asked: Any) -> AsyncIterator[LogLine]:
        self.asked = asked
        for line in self.lines:
            yield line


class FakeContainers:
    """Containers by id, and their programs."""

    def __init__(self) -> None:
        self.every: list[Container] = []
        self.programs: dict[str, FakeProgram] = {}

    def list(self, all: bool) -> list[Container]:
        return [c for c in self.every if all or c.state.status == "running"]

    def find(self, ref: str) -> Container:
        for container in self.every:
            if container.name == ref or container.id.startswith(ref):
                return container
        raise EngineError(404, f"No such container: {ref}")

    def runtime_container(self, container_id: str) -> FakeProgram | None:
        return self.programs.get(container_id)


class FakeEvents:
    """A fixed past and no future."""

    def __init__(self) -> None:
        self.past: list[Event] = []
        self.asked: list[tuple[int, int]] = []

    def publish(self, kind: str, action: str, actor_id: str, attributes: Mapping[str, str]) -> None:
        self.past.append(Event(kind, action, actor_id, attributes, "local", 1))

    async def subscribe(self, since: int, until: int) -> AsyncIterator[Event]:
        self.asked.append((since, until))
        for event in self.past:
            yield event


_MINE = LocalPool(subnet="172.19.0.0/16", gateway="172.19.0.1", router="172.19.0.1", chosen=True)
_BRIDGE = LocalPool(subnet="172.17.0.0/16", gateway="172.17.0.1", router="172.17.0.1", chosen=True)
#: The networks of every engine.
NETWORKS = [
    LocalNetwork(id=digit * 64, name=name, driver=driver, created_at=1, pools=pools)
    for name, digit, driver, pools in (
        ("bridge", "b", "bridge", (_BRIDGE,)),
        ("host", "a", "host", ()),
        ("none", "9", "null", ()),
    )
]


class FakeEngine:
    """Everything the API needs of an engine."""

    def __init__(self, catalogue: Catalogue, folder: Path) -> None:
        self.name = "node-1"
        self.scratch = folder / "scratch"
        self.scratch.mkdir()
        self.id = "AAAA:BBBB"
        self.settings = engine_settings(["zone=a"], ["gpu=a", "ssd=2"])
        self.address = "127.0.0.1"
        self.clock = VirtualClock()
        self.commits: list[Commit] = []
        self.store = Store(self.clock, "test", self.commits.append)
        self.cluster = FakeCluster(self.store)
        self.containers = FakeContainers()
        self.execs = Execs(cast(Any, self.containers))
        self.events = FakeEvents()
        self.volumes = Volumes(self.name, self.store, folder / "volumes", cast(Any, self.events))
        self.images = LocalImages(
            ImageStore("node-1", catalogue, self.store, folder / "images"), self.clock, cast(Any, self.events)
        )
        self.removal = ImageRemoval(self.images, lambda: self.containers.list(all=True), cast(Any, self.events))
        self.networks = local_networks(self)
        self.overlays = overlays(self)
        # One that somebody has made; put there without a transaction, so that versions begin with the tests' own.
        self.store.tables.local_networks.put(LocalNetwork(id="8" * 64, name="mine", pools=(_MINE,)), None)

    def peers(self, network_id: str) -> list[tuple[str, str]]:
        return [(NODE_ID, "127.0.0.1")]

    def put(self, kind: Kind, *objects: Object) -> None:
        """Store objects as some loop would."""
        with self.store.transaction(TEST) as tx:
            for obj in objects:
                tx.create(kind, obj)


def local_networks(engine: Any) -> LocalNetworks:
    """The networks of an engine that is in no swarm."""
    running = lambda: engine.containers.list(all=False)  # noqa: E731
    return LocalNetworks(engine.name, engine.store, engine.events, lambda: NETWORKS, running, lambda: False)


def overlays(engine: Any) -> Overlays:
    """The networks of the swarm on an engine."""
    every = lambda: engine.containers.list(all=True)  # noqa: E731
    return Overlays(engine.name, engine.store, engine.clock, engine.events, every, engine.networks)


class FakeJournal:
    """Remembers the calls."""

    def __init__(self) -> None:
        self.requests: list[Request] = []

    def request(self, at: int, request: Request) -> None:
        self.requests.append(request)


Headers = Mapping[str, str]
