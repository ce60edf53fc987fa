"""A store on virtual time with the loops a test chooses; the test plays everybody else."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

import msgspec

from swarmlab.clock import VirtualClock
from swarmlab.objects import (
    Cluster,
    ClusterSpec,
    Endpoint,
    EndpointSpec,
    Network,
    Node,
    NodeDescription,
    NodeSpec,
    NodeStatus,
    Object,
    Platform,
    Resources,
    Service,
    ServiceSpec,
    Task,
    TaskState,
    TaskStatus,
    new_id,
)
from swarmlab.objects.cluster import OrchestrationConfig
from swarmlab.store import Commit, Kind, Store, Transaction

replace = msgspec.structs.replace
S = TaskState


class Loop(Protocol):
    def start(self) -> None: ...

    def stop(self) -> None: ...


class World:
    """Everything that was committed is in `commits`, oldest first."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.store = Store(self.clock, "test")
        self.tables = self.store.tables
        self.commits: list[Commit] = []
        self.store.watch(self.commits.append)

    def run(self, loop: Callable[[Store, VirtualClock], Loop]) -> Loop:
        """Make a loop, start it, and let it come to rest."""
        made = loop(self.store, self.clock)
        made.start()
        self.rest()
        return made

    def rest(self) -> None:
        """Let everything happen that needs no time."""
        self.clock.run_ready()

    def advance(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @contextmanager
    def change(self) -> Iterator[Transaction]:
        """One transaction by the test; afterwards the loops come to rest."""
        with self.store.transaction("test") as tx:
            yield tx
        self.rest()

    # --- objects ---------------------------------------------------------------------------------------------------

    def put(self, kind: Kind, obj: Object) -> None:
        with self.change() as tx:
            known = self.tables.of(kind).get(obj.id)
            if known is None:
                tx.create(kind, obj)
            else:
                tx.update(kind, replace(obj, version=known.version))

    def delete(self, kind: Kind, object_id: str) -> None:
        with self.change() as tx:
            tx.delete(kind, object_id)

    def cluster(self, history: int | None = 5) -> None:
        spec = ClusterSpec(name="default", orchestration=OrchestrationConfig(task_history_retention_limit=history))
        known = next(iter(self.tables.clusters), None)
        self.put(Kind.CLUSTER, Cluster(id="cluster", spec=spec) if known is None else replace(known, spec=spec))

    def node(
        self,
        name: str,
        *,
        state: str = "ready",
        availability: str = "active",
        labels: dict[str, str] | None = None,
        cpus: float = 4,
        memory: int = 8 << 30,
        arch: str = "x86_64",
        role: str = "worker",
        addr: str = "",
    ) -> Node:
        """Make or change a node whose id is its name."""
        node = Node(
            id=name,
            spec=NodeSpec(role=role, availability=availability, labels=labels or {}),
            role=role,
            status=NodeStatus(state=state, addr=addr),
            description=NodeDescription(
                hostname=name,
                platform=Platform(architecture=arch, os="linux"),
                resources=Resources(nano_cpus=int(cpus * 1e9), memory_bytes=memory),
            ),
        )
        self.put(Kind.NODE, node)
        return self.tables.nodes.get(name) or node

    def service(self, spec: ServiceSpec) -> Service:
        """A new service, or a client's change of the one with that name."""
        known = next(iter(self.tables.services.by("name", spec.name)), None)
        if known is None:
            service = Service(id=f"id-{spec.name}", spec=spec)
        else:
            service = replace(
                known,
                spec=spec,
                previous_spec=known.spec,
                previous_spec_version=known.spec_version,
                spec_version=known.version,
                update_status=None,
            )
        self.put(Kind.SERVICE, service)
        return self.of(spec.name)

    def of(self, name: str = "web") -> Service:
        """The service with that name as it is now."""
        return self.tables.services.by("name", name)[0]

    def network(self, network: Network) -> None:
        self.put(Kind.NETWORK, network)

    # --- tasks -----------------------------------------------------------------------------------------------------

    def task(
        self,
        service: Service | None = None,
        *,
        slot: int = 1,
        node: str = "",
        state: TaskState = S.PENDING,
        desired: TaskState = S.RUNNING,
        task_id: str = "",
        version: int | None = None,
        applied_at: int = 0,
    ) -> Task:
        """A task made by hand, of the service's present spec."""
        spec = service.spec if service is not None else ServiceSpec()
        endpoint_spec = spec.endpoint_spec or EndpointSpec()
        task = Task(
            id=task_id or new_id(),
            spec=spec.task_template,
            service_id=service.id if service is not None else "",
            service_name=spec.name,
            slot=slot,
            node_id=node,
            status=TaskStatus(state=state, timestamp=self.clock.now(), applied_at=applied_at),
            desired_state=desired,
            spec_version=version if version is not None else (service.spec_version if service is not None else None),
            endpoint=Endpoint(spec=endpoint_spec, ports=endpoint_spec.ports),
        )
        self.put(Kind.TASK, task)
        return self.get(task)

    def get(self, task: Task | str) -> Task:
        """A task as it is now."""
        found = self.tables.tasks.get(task if isinstance(task, str) else task.id)
        assert found is not None
        return found

    def report(self, task: Task | str, state: TaskState, *, node: str = "", err: str = "") -> Task:
        """What allocator, scheduler or agent would write: the task is in this state (and on this node) now."""
        known = self.get(task)
        now = self.clock.now()
        status = replace(known.status, state=state, err=err, timestamp=now, applied_at=now)
        self.put(Kind.TASK, replace(known, status=status, node_id=node or known.node_id))
        return self.get(known)

    def tasks(self, name: str = "web", *, slot: int | None = None) -> list[Task]:
        """The tasks of a service (or of one of its slots), oldest first."""
        service = self.tables.services.by("name", name)
        found = self.tables.tasks.by("service", service[0].id if service else f"id-{name}")
        return [task for task in found if slot is None or task.slot == slot]

    def wanted(self, name: str = "web") -> list[Task]:
        """Those that shall run, or be ready to."""
        return [task for task in self.tasks(name) if task.desired_state <= S.RUNNING]

    def run_all(self, name: str = "web", *, nodes: tuple[str, ...] = ("n1",)) -> list[Task]:
        """Bring every wanted task that is not on its way yet to RUNNING, on the nodes in turn."""
        for i, task in enumerate(self.wanted(name)):
            if task.state < S.RUNNING and task.desired_state == S.RUNNING:
                self.report(task, S.RUNNING, node=task.node_id or nodes[i % len(nodes)])
        return self.wanted(name)
