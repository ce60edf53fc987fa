"""Tasks on networks that each node makes for itself, and on those that it has anyway."""

from collections.abc import Callable

import pytest

from swarmlab.engine.network.tasknetworks import HOST, SHARED
from swarmlab.objects import (
    ContainerSpec,
    Driver,
    NetworkAttachmentConfig,
    NetworkSpec,
    Service,
    ServiceMode,
    ServiceSpec,
    Task,
    TaskSpec,
    TaskState,
)
from swarmlab.objects.network import ConfigFrom, EndpointSpec, PortConfig
from swarmlab.objects.requests import IPAM, IPAMPool, NetworkCreateRequest
from swarmlab.objects.service import GlobalService
from swarmlab.store import Actor
from tests.engine.conftest import LabOfEngines

Make = Callable[[int], LabOfEngines]
ACTOR = Actor(engine="node-1")
_PUBLISHED = PortConfig(protocol="tcp", target_port=80, published_port=8080, publish_mode="host")


@pytest.fixture
def lab(make: Make) -> LabOfEngines:
    found = make(2)
    found.swarm(1, workers=1)
    return found


def network(lab: LabOfEngines, name: str, driver: str, settings: str = "") -> None:
    spec = NetworkSpec(
        name=name,
        driver_configuration=Driver(name=driver),
        config_from=ConfigFrom(network=settings) if settings else None,
        scope="swarm",
    )
    lab.engine(1).cluster.control().create_network(spec, ACTOR)


def serve(lab: LabOfEngines, *names: str, ports: tuple[PortConfig, ...] = ()) -> Service:
    """A task on every node, on networks of these names."""
    control = lab.engine(1).cluster.control()
    ids = {found.spec.name: found.id for found in control.networks()}
    service = control.create_service(
        ServiceSpec(
            name="web",
            task_template=TaskSpec(
                container_spec=ContainerSpec(
                    image="busybox", command=("sleep", "1000"), stop_grace_period=1_000_000_000
                ),
                networks=tuple(NetworkAttachmentConfig(target=ids[name]) for name in names),
            ),
            mode=ServiceMode(global_=GlobalService()),
            endpoint_spec=EndpointSpec(mode="vip", ports=ports),
        ),
        ACTOR,
    )
    lab.advance(3)
    return service


def tasks(lab: LabOfEngines) -> list[Task]:
    return lab.engine(1).cluster.control().tasks()


def test_every_node_makes_a_bridge_of_the_swarm_when_it_needs_one(lab: LabOfEngines) -> None:
    network(lab, "front", "bridge")
    lab.advance(1)
    assert [lab.engine(n).networks.find("front") for n in (1, 2)] == [None, None]
    service = serve(lab, "front")
    for number in (1, 2):
        engine = lab.engine(number)
        here = engine.networks.find("front")
        assert here is not None
        assert (here.scope, here.driver, here.options) == ("swarm", "bridge", {})
        [container] = engine.containers.list(all=False)
        assert [(e.network_id, e.addresses) for e in container.endpoints] == [(here.id, ("172.19.0.2/16",))]
        assert list(container.attachments) == ["front"]
        # The bridges of two nodes have the same addresses, and nothing in common; services have no names there.
        sandbox = engine.fabric.sandbox(container.id)
        assert sandbox.query(container.name) == ["172.19.0.2"]
        assert sandbox.query("web") == []
    lab.engine(1).cluster.control().remove_service(service.id, ACTOR)
    lab.advance(6)
    assert [lab.engine(n).networks.find("front") for n in (1, 2)] == [None, None]


def test_what_hangs_on_an_interface_takes_its_settings_from_its_node(lab: LabOfEngines) -> None:
    for number, range_ in ((1, "10.9.0.0/28"), (2, "10.9.0.16/28")):
        settings = NetworkCreateRequest(
            name="settings",
            config_only=True,
            options={"parent": "eth0"},
            ipam=IPAM(config=(IPAMPool(subnet="10.9.0.0/24", ip_range=range_, gateway="10.9.0.1"),)),
        )
        lab.engine(number).networks.create(settings)
    network(lab, "wire", "macvlan", "settings")
    serve(lab, "wire")
    places = {}
    for number in (1, 2):
        [container] = lab.engine(number).containers.list(all=False)
        places[number] = lab.engine(number).fabric.sandbox(container.id)
    assert [places[n].places[0].addresses for n in (1, 2)] == [("10.9.0.2/24",), ("10.9.0.16/24",)]
    assert sorted(places[1].query("web")) == ["10.9.0.16", "10.9.0.2"], "the service has no address of its own"
    assert [peer for peer, _ in lab.engine(1).peers(tasks(lab)[0].networks[0].network_id)] == [
        lab.node_id(1), lab.node_id(2),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("driver", "settings", "text"),
    [
        ("macvlan", "settings", 'configuration network "settings" does not exist'),
        ("host", "", 'only one instance of "host" network is allowed'),
    ],
)
def test_a_network_that_a_node_cannot_make_rejects_its_tasks(
    lab: LabOfEngines, driver: str, settings: str, text: str
) -> None:
    network(lab, "own", driver, settings)
    serve(lab, "own")
    assert {(t.state, t.status.err) for t in tasks(lab)} >= {(TaskState.REJECTED, text)}


def test_a_task_may_have_the_network_of_its_node(lab: LabOfEngines) -> None:
    serve(lab, "host", ports=(_PUBLISHED,))
    for number in (1, 2):
        engine = lab.engine(number)
        host = engine.networks.find("host")
        assert host is not None
        [container] = engine.containers.list(all=False)
        assert (container.hostname, container.wanted.network_mode) == (f"node-{number}", "host")
        assert ([e.network_id for e in container.endpoints], container.ports) == ([host.id], ())
        assert container.attachments["host"].network_id == host.id
        assert [event.action for event in engine.events.past() if event.attributes.get("name") == "host"] == ["connect"]


def test_a_task_may_be_on_the_first_bridge_by_name(lab: LabOfEngines) -> None:
    serve(lab, "bridge", ports=(_PUBLISHED,))
    [container] = lab.engine(1).containers.list(all=False)
    assert (container.wanted.network_mode, container.endpoints[0].addresses) == ("bridge", ("172.17.0.2/16",))
    assert container.ports == (_PUBLISHED,)


@pytest.mark.parametrize(("names", "text"), [(("host", "bridge"), SHARED), (("bridge", "host"), HOST)])
def test_who_has_the_nodes_network_has_no_other(lab: LabOfEngines, names: tuple[str, ...], text: str) -> None:
    serve(lab, *names)
    assert {(t.state, t.status.err) for t in tasks(lab)} >= {(TaskState.REJECTED, text)}
