"""Writing journals as a learner's session would: each method is a command, with the calls that docker makes for it."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from urllib.parse import urlencode

import msgspec

from swarmlab.clock import VirtualClock
from swarmlab.engine.task.answers import AnswerLog
from swarmlab.journal import Entry, Journal, JournalReader, Request, Seal
from swarmlab.network import Answers
from swarmlab.objects import (
    Cluster,
    ClusterSpec,
    ContainerSpec,
    EndpointSpec,
    ManagerStatus,
    Node,
    NodeDescription,
    NodeSpec,
    NodeStatus,
    PortConfig,
    Service,
    ServiceMode,
    ServiceSpec,
    Task,
    TaskSpec,
    TaskState,
    TaskStatus,
    new_id,
)
from swarmlab.objects.local import Engine, Membership
from swarmlab.objects.service import ReplicatedService
from swarmlab.store import Actor, Kind, Store

CLI = "Docker-Client/28.2.2 (linux)"
SDK = "docker-sdk-python/7.1.0"
NO_NODE = "no suitable node (1 node not available for new tasks)"
_replace = msgspec.structs.replace


class Story:
    """A lab of one engine, whose tasks do at once what the orchestrator would make them do."""

    def __init__(self, folder: Path, client: str = CLI) -> None:
        self.path = folder / "journal.sqlite"
        self.client = client
        self.clock = VirtualClock()
        self.journal = Journal(self.path, Seal(folder / "journal.key"))
        self.engine = self._store("engine:node-1")
        with self.engine.transaction("lab") as tx:
            self._engine = tx.create(Kind.ENGINE, Engine(id="ENGINE", name="node-1"))
        self._answers = AnswerLog(self.clock, self.engine)

    def __enter__(self) -> "Story":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.journal.close()

    # What a learner does.

    def init(self) -> None:
        """`docker swarm init`, in a new swarm."""
        cluster, node = new_id(), new_id()
        self.swarm = self._store(cluster)
        self.node_id = node
        with self.swarm.transaction(self._actor("POST /swarm/init")) as tx:
            tx.create(Kind.CLUSTER, Cluster(id=cluster, spec=ClusterSpec(name="default")))
            tx.create(
                Kind.NODE,
                Node(
                    id=node,
                    spec=NodeSpec(role="manager", availability="active"),
                    description=NodeDescription(hostname="node-1"),
                    status=NodeStatus(state="ready", addr="127.0.0.1"),
                    role="manager",
                    manager_status=ManagerStatus(addr="127.0.0.1:2377"),
                ),
            )
        self._join(Membership(swarm=cluster, node_id=node))
        self.call("POST", "/swarm/init")
        self.call("GET", f"/nodes/{node}")
        self.call("GET", "/swarm")

    def leave(self) -> None:
        """`docker swarm leave --force`."""
        self._join(None)
        self.call("POST", "/swarm/leave", "force=1")

    def node_ls(self) -> None:
        """`docker node ls`."""
        self.call("GET", "/nodes")
        if self.client == CLI:
            self.call("GET", "/info")

    def info(self) -> None:
        """`docker info`."""
        self.call("GET", "/info")

    def inspect(self, reference: str = "node-1") -> None:
        """`docker node inspect`."""
        self.call("GET", f"/nodes/{reference}")

    def create(
        self,
        replicas: int = 2,
        image: str = "nginx:latest",
        published: int = 80,
        name: str = "web",
        *,
        runs: bool = True,
    ) -> None:
        """`docker service create`, with its progress bars."""
        port = PortConfig(protocol="tcp", target_port=80, published_port=published, publish_mode="ingress")
        spec = ServiceSpec(
            name=name,
            task_template=TaskSpec(container_spec=ContainerSpec(image=image)),
            mode=ServiceMode(replicated=ReplicatedService(replicas=replicas)),
            endpoint_spec=EndpointSpec(mode="vip", ports=(port,)),
        )
        with self.swarm.transaction(self._actor("POST /services/create")) as tx:
            service = tx.create(Kind.SERVICE, Service(id=new_id(), spec=spec))
        self.call("POST", "/services/create")
        self._start(service, range(1, replicas + 1), runs=runs)
        self._progress(service)

    def update(self, name: str = "web", *, image: str | None = None, replicas: int | None = None) -> None:
        """`docker service update` or `scale`. A new image changes the tasks in place."""
        service = self.service(name)
        spec = service.spec
        if image is not None:
            spec = _replace(spec, task_template=TaskSpec(container_spec=ContainerSpec(image=image)))
        if replicas is not None:
            spec = _replace(spec, mode=ServiceMode(replicated=ReplicatedService(replicas=replicas)))
        before = service.replicas
        self.call("GET", f"/services/{name}", "insertDefaults=false")
        with self.swarm.transaction(self._actor("POST /services/{id}/update")) as tx:
            service = tx.update(Kind.SERVICE, _replace(service, spec=spec))
        self.call("POST", f"/services/{service.id}/update", "version=1")
        if image is not None:
            template = service.spec.task_template
            self._each(service, lambda t: t.state == TaskState.RUNNING, lambda t: _replace(t, spec=template))
        self._start(service, range(before + 1, service.replicas + 1))
        self._progress(service)

    def label(self, key: str, value: str, name: str = "web") -> None:
        """`docker service update --label-add`."""
        service = self.service(name)
        with self.swarm.transaction(self._actor("POST /services/{id}/update")) as tx:
            tx.update(Kind.SERVICE, _replace(service, spec=_replace(service.spec, labels={key: value})))

    def entries(self) -> list[Entry]:
        """What is in the journal so far."""
        with JournalReader(self.path) as reader:
            return list(reader.entries())

    def scale(self, replicas: int) -> None:
        """`docker service scale web=N`, upwards."""
        self.update(replicas=replicas)

    def service_ls(self) -> None:
        """`docker service ls`."""
        self.call("GET", "/services", "status=true" if self.client == CLI else "")

    def service_ps(self, name: str = "web") -> None:
        """`docker service ps`."""
        service = self.service(name)
        if self.client == CLI:
            for key in ("id", "name"):
                self.call("GET", "/services", _filters({key: {name: True}}))
        self.call("GET", "/tasks", _filters({"service": {service.id: True}}))
        if self.client == CLI:
            self.call("GET", f"/services/{service.id}", "insertDefaults=false")
            self.call("GET", f"/nodes/{self.node_id}")

    def connect(self, port: int = 80) -> None:
        """Opening the page."""
        self.call("CONNECT", f"/published/{port}", client="routing-mesh")

    def answers(self, port: int, tasks: int, listening: int) -> None:
        """So many tasks are behind a published port from now on, and so many of them listen."""
        self.clock.advance(1)
        self._answers.note(port, Answers(tasks, listening) if tasks else None)
        self.clock.run_ready()

    def availability(self, value: str, reference: str = "node-1") -> None:
        """`docker node update --availability`; draining shuts the tasks down, and their successors find no node."""
        self.call("GET", f"/nodes/{reference}")
        node = self.swarm.tables.nodes.get(self.node_id)
        assert node is not None
        with self.swarm.transaction(self._actor("POST /nodes/{id}/update")) as tx:
            tx.update(Kind.NODE, _replace(node, spec=_replace(node.spec, availability=value)))
        self.call("POST", f"/nodes/{self.node_id}/update", "version=1")
        for service in self.swarm.tables.services:
            if value == "drain":
                self._displace(service)
            else:
                self._each(service, lambda t: t.state == TaskState.PENDING, lambda t: _state(t, TaskState.RUNNING))

    def drain(self) -> None:
        """`docker node update --availability drain`."""
        self.availability("drain")

    def activate(self) -> None:
        """`docker node update --availability active`."""
        self.availability("active")

    def rm(self, name: str = "web") -> None:
        """`docker service rm`."""
        service = self.service(name)
        with self.swarm.transaction(self._actor("DELETE /services/{id}")) as tx:
            tx.delete(Kind.SERVICE, service.id)
        self.call("DELETE", f"/services/{name}")
        with self.swarm.transaction("task reaper") as tx:
            for task in self.swarm.tables.tasks.by("service", service.id):
                tx.delete(Kind.TASK, task.id)

    # What that is made of.

    def service(self, name: str) -> Service:
        """The service with that name."""
        return self.swarm.tables.services.by("name", name)[0]

    def call(self, method: str, path: str, query: str = "", status: int = 200, client: str | None = None) -> None:
        """One call to node-1."""
        self.clock.advance(0.01)
        request = Request("node-1", method, path, query, status, client if client is not None else self.client)
        self.journal.request(self.clock.now(), request)

    def quiet(self, seconds: float = 60) -> None:
        """Let time pass."""
        self.clock.advance(seconds)

    def _store(self, scope: str) -> Store:
        return Store(self.clock, scope, sink=self.journal.append)

    def _actor(self, request: str) -> Actor:
        return Actor(engine="node-1", request=request, client=self.client)

    def _join(self, membership: Membership | None) -> None:
        with self.engine.transaction("lab") as tx:
            self._engine = tx.update(Kind.ENGINE, _replace(self._engine, membership=membership))

    def _start(self, service: Service, slots: range, *, runs: bool = True) -> None:
        self._add(service, slots)
        states = (TaskState.PENDING, TaskState.ASSIGNED, *((TaskState.RUNNING,) if runs else (TaskState.REJECTED,)))
        for state in states:
            self._each(service, lambda t: t.slot in slots, lambda t, s=state: _state(t, s))  # type: ignore[misc]

    def _displace(self, service: Service) -> None:
        running = [t.slot for t in self.swarm.tables.tasks.by("service", service.id) if t.state == TaskState.RUNNING]
        self._each(service, lambda _: True, lambda t: _replace(t, desired_state=TaskState.SHUTDOWN))
        self._add(service, running, TaskState.READY)
        self._each(service, _is_replacement, lambda t: _state(t, TaskState.PENDING, NO_NODE))
        self._each(
            service,
            lambda t: t.desired_state == TaskState.SHUTDOWN,
            lambda t: _state(t, TaskState.SHUTDOWN),
        )
        self._each(service, _is_replacement, lambda t: _replace(t, desired_state=TaskState.RUNNING))

    def _add(self, service: Service, slots: Iterable[int], desired: TaskState = TaskState.RUNNING) -> None:
        with self.swarm.transaction("replicated orchestrator") as tx:
            for slot in slots:
                template = service.spec.task_template
                task = Task(id=new_id(), spec=template, service_id=service.id, slot=slot, desired_state=desired)
                tx.create(Kind.TASK, task)

    def _each(self, service: Service, which: Callable[[Task], bool], change: Callable[[Task], Task]) -> None:
        for task in self.swarm.tables.tasks.by("service", service.id):
            if which(task):
                self.clock.advance(0.05)
                with self.swarm.transaction("dispatcher") as tx:
                    tx.update(Kind.TASK, change(task))

    def _progress(self, service: Service) -> None:
        """The calls behind the progress bars of the docker command."""
        for _ in range(3 if self.client == CLI else 0):
            self.clock.advance(0.2)
            self.call("GET", f"/services/{service.id}", "insertDefaults=false")
            self.call("GET", "/tasks", _filters({"_up-to-date": {"true": True}, "service": {service.id: True}}))
            self.call("GET", "/nodes")


def _is_replacement(task: Task) -> bool:
    return task.desired_state == TaskState.READY


def _state(task: Task, state: TaskState, err: str = "") -> Task:
    return _replace(task, status=TaskStatus(state=state, err=err))


def _filters(filters: object) -> str:
    return urlencode({"filters": json.dumps(filters)})


#: The exercise as the book has it: a name for each step, and what is done in it.
A1_STEPS: dict[str, Callable[[Story], None]] = {
    "init": Story.init,
    "node-ls": Story.node_ls,
    "info": Story.info,
    "create": Story.create,
    "service-ls": Story.service_ls,
    "service-ps": Story.service_ps,
    "open": Story.connect,
    "scale": lambda story: story.scale(3),
    "service-ls-scaled": Story.service_ls,
    "drain": Story.drain,
    "service-ps-drained": Story.service_ps,
    "node-ls-drained": Story.node_ls,
    "rm": Story.rm,
    "active": Story.activate,
    "node-ls-active": Story.node_ls,
    "reachability": Story.inspect,
    "ready": Story.inspect,
}
