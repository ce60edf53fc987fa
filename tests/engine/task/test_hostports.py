from collections.abc import Callable

import msgspec

from swarmlab.objects import (
    ContainerSpec,
    EndpointSpec,
    PortConfig,
    ServiceMode,
    ServiceSpec,
    Task,
    TaskSpec,
)
from swarmlab.objects.run import ContainerRequest, HostConfig, HostPort
from swarmlab.objects.service import Placement, ReplicatedService, RestartPolicy
from swarmlab.store import Actor
from tests.engine.conftest import LabOfEngines

PORT = PortConfig(protocol="tcp", target_port=80, published_port=8090, publish_mode="host")
ANY = PortConfig(protocol="tcp", target_port=80, publish_mode="host")


def tasks_with(lab: LabOfEngines, port: PortConfig, replicas: int = 1, name: str = "web", node: int = 1) -> list[Task]:
    """The tasks of a new service, five seconds later."""
    control = lab.engine(1).cluster.control()
    spec = ServiceSpec(
        name=name,
        task_template=TaskSpec(
            container_spec=ContainerSpec(image="traefik/whoami"),
            restart_policy=RestartPolicy(condition="none"),
            placement=Placement(constraints=(f"node.hostname==node-{node}",)),
        ),
        mode=ServiceMode(replicated=ReplicatedService(replicas=replicas)),
        endpoint_spec=EndpointSpec(mode="vip", ports=(port,)),
    )
    service = control.create_service(spec, Actor(engine="node-1"))
    lab.advance(5)
    return list(control.tasks_of([service.id]))


def test_a_host_port_is_reported_for_each_of_the_two_families_of_addresses(
    make: Callable[[int], LabOfEngines],
) -> None:
    """So a real engine does; `docker service ps` shows the port twice."""
    lab = make(1)
    lab.swarm(1)
    (task,) = tasks_with(lab, PORT)
    assert task.state.text == "running"
    assert task.status.ports == (PORT, PORT)


def test_a_host_port_without_a_number_is_given_one_by_the_engine(make: Callable[[int], LabOfEngines]) -> None:
    """MB: container/container.go, portBindings: the binding has no port, so the engine's own allocator chooses."""
    lab = make(1)
    lab.swarm(1)
    tasks = tasks_with(lab, ANY, replicas=2)
    assert sorted(port.published_port for task in tasks for port in task.status.ports) == [32768, 32768, 32769, 32769]


def test_a_host_port_that_a_container_by_hand_has_fails_the_task(make: Callable[[int], LabOfEngines]) -> None:
    """Only services' ports keep tasks apart (SK: scheduler/filter.go); the engine refuses when the container starts."""
    lab = make(1)
    lab.swarm(1)
    host = HostConfig(port_bindings={"80/tcp": (HostPort(host_port="8090"),)})
    engine = lab.engine(1)
    made = engine.by_hand.create(ContainerRequest(image="nginx:alpine", host_config=host), "hand")
    lab.run(engine.by_hand.start(made.id))
    (task,) = tasks_with(lab, PORT)
    assert task.state.text == "failed"
    assert task.status.err.startswith("starting container failed: driver failed programming external connectivity on")
    assert task.status.err.endswith("Bind for 0.0.0.0:8090 failed: port is already allocated")


def test_numbers_of_host_ports_go_on_where_they_were_and_wrap(make: Callable[[int], LabOfEngines]) -> None:
    """MB: libnetwork/portallocator, findPort: a number that is free again comes again only after the last one."""
    lab = make(1)
    lab.swarm(1)
    control = lab.engine(1).cluster.control()
    (task,) = tasks_with(lab, ANY)
    control.remove_service(task.service_id, Actor(engine="node-1"))
    lab.advance(5)
    (task,) = tasks_with(lab, ANY)
    assert {port.published_port for port in task.status.ports} == {32769}


def test_what_a_task_publishes_on_its_host_is_exposed(make: Callable[[int], LabOfEngines]) -> None:
    """MB: daemon/cluster/executor/container/container.go, exposedPorts."""
    lab = make(1)
    lab.swarm(1)
    (task,) = tasks_with(lab, msgspec.structs.replace(PORT, target_port=81))
    container = lab.engine(1).containers.of_task(task.id)
    assert container is not None
    assert container.exposed_ports == ("80/tcp", "81/tcp")
    assert container.wanted.port_bindings == {"81/tcp": (HostPort(host_port="8090"),)}


def test_a_task_that_ended_with_its_machine_keeps_its_ports(make: Callable[[int], LabOfEngines]) -> None:
    """The engine clears them at a container's end, and a power cut gives it no time for that."""
    lab = make(2)
    lab.swarm(1, workers=1)
    (task,) = tasks_with(lab, PORT, node=2)
    lab.power(2, "kill")
    lab.power(2, "start")
    lab.advance(10)
    control = lab.engine(1).cluster.control()
    ended = control.task(task.id)
    assert (ended.state.text, ended.status.ports) == ("failed", (PORT, PORT))
    (task,) = tasks_with(lab, ANY, name="other", node=2)
    container = lab.engine(2).containers.of_task(task.id)
    assert container is not None
    lab.run(lab.engine(2).containers.stop(container.id, 1))
    lab.advance(3)
    assert control.task(task.id).status.ports == ()
