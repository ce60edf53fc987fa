"""The swarm's networks on each node: when they come, when they go, and what is told of it."""

from collections.abc import Callable

from swarmlab.engine import DockerEngine
from swarmlab.engine.network.overlays import INGRESS_OF_JOINED, SANDBOX_OF_JOINED
from swarmlab.objects import (
    ContainerSpec,
    Driver,
    NetworkAttachmentConfig,
    NetworkSpec,
    ServiceMode,
    ServiceSpec,
    TaskSpec,
)
from swarmlab.objects.service import GlobalService
from swarmlab.store import Actor
from tests.engine.conftest import LabOfEngines

Make = Callable[[int], LabOfEngines]
ACTOR = Actor(engine="node-1")


def serve(lab: LabOfEngines, *networks: str) -> str:
    """A task on every node, on new networks of these names; returns the service's id once they run."""
    control = lab.engine(1).cluster.control()
    made = [
        control.create_network(NetworkSpec(name=name, driver_configuration=Driver(name="overlay")), ACTOR)
        for name in networks
    ]
    spec = ServiceSpec(
        name="web",
        task_template=TaskSpec(
            container_spec=ContainerSpec(image="busybox", command=("sleep", "100000"), stop_grace_period=1_000_000_000),
            networks=tuple(NetworkAttachmentConfig(target=network.id) for network in made),
        ),
        mode=ServiceMode(global_=GlobalService()),
    )
    service = control.create_service(spec, ACTOR)
    lab.advance(3)
    return service.id


def names(engine: DockerEngine) -> list[str]:
    return sorted(overlay.network.spec.name for overlay in engine.overlays.list())


def told(engine: DockerEngine, name: str, kind: str = "network") -> list[tuple[str, str]]:
    """What the engine has told of a network or of containers: scopes and actions."""
    return [
        (event.scope, event.action)
        for event in engine.events.past()
        if event.type == kind and event.attributes["name"].startswith(name)
    ]


def test_ingress_and_the_gateway_bridge_come_some_time_after_the_node(make: Make) -> None:
    lab = make(2)
    lab.swarm(1)
    assert lab.engine(1).networks.find("docker_gwbridge") is None
    lab.advance(1)
    lab.join(2)
    assert (names(lab.engine(2)), lab.engine(2).networks.find("docker_gwbridge")) == ([], None)
    lab.advance(INGRESS_OF_JOINED + 0.05)
    assert (names(lab.engine(2)), lab.engine(2).networks.find("docker_gwbridge")) == (["ingress"], None)
    assert lab.engine(2).overlays.list()[0].address == "", "it is not on it itself yet"
    lab.advance(SANDBOX_OF_JOINED)
    for number in (1, 2):
        engine = lab.engine(number)
        assert (names(engine), engine.networks.find("docker_gwbridge") is not None) == (["ingress"], True)
        assert told(engine, "ingress")[-1] == ("local", "create")
        assert engine.overlays.list()[0].address == lab.node(number).attachments[engine.overlays.list()[0].id]


def test_a_network_is_on_the_nodes_of_its_tasks_only(make: Make) -> None:
    lab = make(2)
    lab.swarm(1, workers=1)
    service = serve(lab, "back")
    control = lab.engine(1).cluster.control()
    assert [names(lab.engine(n)) for n in (1, 2)] == [["back", "ingress"]] * 2
    back = next(n.id for n in control.networks() if n.spec.name == "back")
    assert sorted(lab.engine(1).peers(back)) == sorted((lab.node_id(n), f"127.0.0.{n}") for n in (1, 2))
    control.remove_service(service, ACTOR)
    lab.advance(6)
    assert [names(lab.engine(n)) for n in (1, 2)] == [["ingress"]] * 2
    assert told(lab.engine(2), "back") == [
        ("local", action) for action in ("create", "connect", "disconnect", "destroy")
    ]


def test_a_removed_network_stays_on_the_node_until_its_tasks_have_left_it(make: Make) -> None:
    lab = make(1)
    lab.swarm(1)
    engine, control = lab.engine(1), lab.engine(1).cluster.control()
    service = serve(lab, "back")
    control.remove_service(service, ACTOR)
    lab.advance(0.1)
    control.remove_network(next(n.id for n in control.networks() if n.spec.name == "back"), ACTOR)
    lab.advance(3.5)
    assert names(engine) == ["back", "ingress"]
    assert [container.state.status for container in engine.containers.list(all=True)] == ["running"]
    # It was a second until the agent looked up, two more until the container was told to stop; in one it is killed.
    lab.advance(1)
    assert names(engine) == ["ingress"]
    # The container itself is removed after another 2 s.
    assert [container.state.status for container in engine.containers.list(all=True)] == ["exited"]
    lab.advance(2)
    assert engine.containers.list(all=True) == []
    assert told(engine, "back")[-2:] == [("local", "disconnect"), ("local", "destroy")]


def test_a_task_without_networks_is_on_the_engines_bridge_and_goes_at_once(make: Make) -> None:
    lab = make(1)
    lab.swarm(1)
    engine, control = lab.engine(1), lab.engine(1).cluster.control()
    service = serve(lab)
    [container] = engine.containers.list(all=False)
    bridge = engine.networks.find("bridge")
    assert bridge is not None
    assert [(e.network_id, e.addresses, e.gateways) for e in container.endpoints] == [
        (bridge.id, ("172.17.0.2/16",), ("172.17.0.1",))
    ]
    control.remove_service(service, ACTOR)
    lab.advance(2.9)
    assert engine.containers.list(all=True) == []
    assert told(engine, "bridge") == [("local", "connect"), ("local", "disconnect")]


def test_networks_outlive_the_process_and_end_with_the_membership(make: Make) -> None:
    lab = make(1)
    lab.swarm(1)
    serve(lab, "back")
    lab.crash()
    lab.advance(3)
    engine = lab.engine(1)
    assert names(engine) == ["back", "ingress"]
    assert ("local", "create") not in told(engine, "ingress"), "it was there all the time"
    lab.run(engine.cluster.leave(force=True))
    assert names(engine) == []
    assert engine.networks.find("docker_gwbridge") is not None
