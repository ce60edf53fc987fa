"""A whole swarm on virtual time: every control loop, agents on hollow nodes, and what clients do to it."""

from collections.abc import Callable
from pathlib import Path

import msgspec

from swarmlab.agent import Agent
from swarmlab.clock import VirtualClock
from swarmlab.journal import Journal, Seal
from swarmlab.manager import ControlAPI, FirstNode, Swarm, create_swarm
from swarmlab.objects import ClusterSpec, Node, Resources, Service, ServiceSpec, Task, TaskState, new_id
from swarmlab.objects.service import ReplicatedService
from swarmlab.runtime.hollow import HollowExecutor
from swarmlab.store import Actor, Commit, Store

replace = msgspec.structs.replace
ACTOR = Actor(engine="n1", request="test")


class Cluster:
    """Nodes are called n1, n2, …; n1 is the manager. `plan` makes steps of tasks fail, as in `HollowExecutor`."""

    def __init__(self, nodes: int = 1, *, folder: Path | None = None, resources: Resources | None = None) -> None:
        self.clock = VirtualClock()
        self.cluster_id = new_id()
        self.commits: list[Commit] = []
        self.rejected: list[str] = []
        self.ids: dict[str, str] = {}
        self.executors: dict[str, HollowExecutor] = {}
        self.agents: dict[str, Agent] = {}
        self.silent: set[str] = set()
        self._resources = resources
        self._folder = folder
        self._journal = self._open_journal()
        self.store = Store(self.clock, self.cluster_id, sink=self._record)
        self.ids["n1"] = new_id()
        create_swarm(
            self.store,
            FirstNode(self.ids["n1"], "10.77.0.1", "2377", ""),
            ClusterSpec(),
            pools=("10.0.0.0/8",),
            subnet_size=24,
            data_path_port=0,
            cluster_id=self.cluster_id,
            actor=ACTOR,
        )
        self.swarm = self._begin()
        self._attach("n1")
        for number in range(2, nodes + 1):
            self.join(f"n{number}")
        self.settle()

    def _open_journal(self) -> Journal | None:
        if self._folder is None:
            return None
        return Journal(self._folder / "journal.sqlite", Seal(self._folder / "key"))

    def _record(self, commit: Commit) -> None:
        if self._journal is not None:
            self._journal.append(commit)
        self.commits.append(commit)

    def _begin(self) -> Swarm:
        swarm = Swarm(self.store, self.clock)
        for node in self.store.tables.nodes:
            if node.manager_status is not None:
                swarm.raft.online(node.id)
        return swarm

    def _attach(self, name: str) -> None:
        """Give a node an agent; its containers, if it has any, are still there."""
        if name not in self.executors:
            self.executors[name] = HollowExecutor(name, resources=self._resources)
        address = f"10.77.0.{name.removeprefix('n')}"
        agent = Agent(
            self.clock,
            self.ids[name],
            lambda: address,
            self.swarm,
            self.executors[name],
            on_rejected=self.rejected.append,
        )
        self.swarm.on_leader(agent.managers_changed)
        self.agents[name] = agent
        agent.set_connected(name not in self.silent)
        agent.start()

    @property
    def api(self) -> ControlAPI:
        return self.swarm.control()

    # --- time ------------------------------------------------------------------------------------------------------

    def settle(self, quiet: float = 1.0) -> None:
        """Until nothing more happens within a second."""
        self.clock.settle(quiet=quiet)

    def advance(self, seconds: float) -> None:
        self.clock.advance(seconds)

    def crash(self, before_it_lives: Callable[[], None] = lambda: None) -> None:
        """The process that holds the whole control plane dies and begins again from its journal; containers run on.

        `before_it_lives` is called when the store is restored and nobody has written to it yet.
        """
        assert self._journal is not None
        self.clock = VirtualClock(self.clock.now())
        self._journal.close()
        self._journal = self._open_journal()
        assert self._journal is not None
        self.store = Store(self.clock, self.cluster_id, sink=self._record)
        self._journal.restore(self.store)
        before_it_lives()
        self.swarm = self._begin()
        names, self.agents = list(self.agents), {}
        for name in names:
            if self.ids[name] in self.store.tables.nodes:
                self._attach(name)

    def close(self) -> None:
        """Let go of the files."""
        if self._journal is not None:
            self._journal.close()

    # --- nodes -----------------------------------------------------------------------------------------------------

    def join(self, name: str, *, manager: bool = False) -> None:
        tokens = self.swarm.cluster.root_ca.join_tokens
        token = tokens.manager if manager else tokens.worker
        address = f"10.77.0.{name.removeprefix('n')}"
        self.ids[name] = self.swarm.admit(token, address, "", ACTOR).id
        if manager:
            self.swarm.raft.online(self.ids[name])
        self._attach(name)

    def node(self, name: str) -> Node:
        return self.api.node(self.ids[name])

    def availability(self, name: str, value: str) -> None:
        """`active`, `pause` or `drain`."""
        node = self.node(name)
        self.api.update_node(node.id, node.version, replace(node.spec, availability=value), ACTOR)

    def label(self, name: str, **labels: str) -> None:
        node = self.node(name)
        self.api.update_node(node.id, node.version, replace(node.spec, labels=labels), ACTOR)

    def silence(self, name: str) -> None:
        """Cut a node off."""
        self.silent.add(name)
        self.agents[name].set_connected(False)

    def back(self, name: str) -> None:
        self.silent.discard(name)
        self.agents[name].set_connected(True)

    # --- services --------------------------------------------------------------------------------------------------

    def create(self, spec: ServiceSpec) -> Service:
        return self.api.create_service(spec, ACTOR)

    def service(self, name: str = "web") -> Service:
        return self.store.tables.services.by("name", name)[0]

    def update(self, spec: ServiceSpec) -> Service:
        """Replace the spec of the service with that name."""
        service = self.service(spec.name)
        return self.api.update_service(service.id, service.version, spec, rollback=False, actor=ACTOR)

    def image(self, image: str, name: str = "web") -> Service:
        spec = self.service(name).spec
        assert spec.task_template.container_spec is not None
        container = replace(spec.task_template.container_spec, image=image)
        return self.update(replace(spec, task_template=replace(spec.task_template, container_spec=container)))

    def force(self, name: str = "web") -> Service:
        spec = self.service(name).spec
        template = replace(spec.task_template, force_update=spec.task_template.force_update + 1)
        return self.update(replace(spec, task_template=template))

    def scale(self, replicas: int, name: str = "web") -> Service:
        spec = self.service(name).spec
        mode = replace(spec.mode, replicated=ReplicatedService(replicas=replicas))
        return self.update(replace(spec, mode=mode))

    def rollback(self, name: str = "web") -> Service:
        service = self.service(name)
        return self.api.update_service(service.id, service.version, service.spec, rollback=True, actor=ACTOR)

    def remove(self, name: str = "web") -> None:
        self.api.remove_service(self.service(name).id, ACTOR)

    # --- tasks -----------------------------------------------------------------------------------------------------

    def tasks(self, name: str = "web") -> list[Task]:
        """The tasks of a service by slot, newest first."""
        found = self.store.tables.tasks.by("service", self.service(name).id)
        return sorted(found, key=lambda t: (t.slot, t.node_id if not t.slot else "", -t.created_at))

    def running(self, name: str = "web") -> list[Task]:
        """Those that run and shall."""
        return [t for t in self.tasks(name) if t.state == t.desired_state == TaskState.RUNNING]

    def rows(self, name: str = "web") -> list[tuple[int, str, str]]:
        """Slot, observed and desired state, as `docker service ps` lists them."""
        return [(t.slot, t.state.text, t.desired_state.text) for t in self.tasks(name)]

    def on(self, name: str, service: str = "web") -> list[Task]:
        """What runs on a node."""
        return [task for task in self.running(service) if task.node_id == self.ids[name]]

    def name_of(self, task: Task) -> str:
        """The node of a task by name."""
        return next(name for name, node_id in self.ids.items() if node_id == task.node_id)

    def exit(self, task: Task, code: int = 0) -> None:
        """A container ends by itself."""
        self.executors[self.name_of(task)].exit(task.id, code)

    def fail(self, step: str, error: str = "boom", *, image: str = "") -> None:
        """Let a step of every task (of one image) fail on every node; an empty error ends that."""

        def plan(task: Task, at: str) -> str:
            container = task.spec.container_spec
            mine = not image or (container is not None and container.image == image)
            return error if at == step and mine else ""

        for executor in self.executors.values():
            executor.plan = plan
