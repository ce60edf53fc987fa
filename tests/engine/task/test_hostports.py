from collections.abc import Callable

from swarmlab.objects import ContainerSpec, EndpointSpec, PortConfig, ServiceMode, ServiceSpec, TaskSpec
from swarmlab.objects.service import ReplicatedService
from swarmlab.store import Actor
from tests.engine.conftest import LabOfEngines

PORT = PortConfig(protocol="tcp", target_port=80, published_port=8090, publish_mode="host")


def test_a_host_port_is_reported_for_each_of_the_two_families_of_addresses(
    make: Callable[[int], LabOfEngines],
) -> None:
    """So a real engine does; `docker service ps` shows the port twice."""
    lab = make(1)
    lab.swarm(1)
    control = lab.engine(1).cluster.control()
    spec = ServiceSpec(
        name="web",
        task_template=TaskSpec(container_spec=ContainerSpec(image="nginx:alpine")),
        mode=ServiceMode(replicated=ReplicatedService(replicas=1)),
        endpoint_spec=EndpointSpec(mode="vip", ports=(PORT,)),
    )
    service = control.create_service(spec, Actor(engine="node-1"))
    lab.advance(5)
    (task,) = control.tasks_of([service.id])
    assert task.state.text == "running"
    assert task.status.ports == (PORT, PORT)
