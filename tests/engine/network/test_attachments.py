"""Containers by hand on networks of the swarm: each has a task there, on managers and workers alike."""

from collections.abc import Callable

import pytest

from swarmlab.engine import EngineError
from swarmlab.manager import StatusError
from swarmlab.objects import Driver, NetworkSpec, Task
from swarmlab.objects.local import Container
from swarmlab.objects.network import IPAMConfig, IPAMOptions
from swarmlab.objects.run import EndpointSettings
from swarmlab.store import Actor
from tests.engine.byhand import sleeper
from tests.engine.conftest import LabOfEngines

Make = Callable[[int], LabOfEngines]
ACTOR = Actor(engine="node-1")
OVERLAY = Driver(name="overlay")


@pytest.fixture
def lab(make: Make) -> LabOfEngines:
    """A manager and a worker, with all that they need for containers."""
    made = make(2)
    made.swarm(1, workers=1)
    made.advance(1)
    return made


def network(lab: LabOfEngines, name: str, *, attachable: bool = True, subnet: str = "") -> str:
    options = IPAMOptions(configs=(IPAMConfig(subnet=subnet),)) if subnet else None
    spec = NetworkSpec(name=name, driver_configuration=OVERLAY, attachable=attachable, ipam_options=options)
    return lab.engine(1).cluster.control().create_network(spec, ACTOR).id


def start(lab: LabOfEngines, number: int, name: str, network: str, address: str = "", restart: str = "") -> Container:
    """A container on one node that runs, on a network by its name."""
    engine = lab.engine(number)
    made = engine.by_hand.create(sleeper(network, address, restart=restart), name)
    lab.run(engine.by_hand.start(made.id))
    return engine.containers.find(name)


def addresses(container: Container) -> list[str]:
    return [address for endpoint in container.endpoints for address in endpoint.addresses]


def places(lab: LabOfEngines) -> list[Task]:
    return [task for task in lab.engine(1).cluster.control().tasks() if task.is_attachment]


def refusal(lab: LabOfEngines, number: int, name: str, network: str, address: str = "") -> tuple[int, str]:
    with pytest.raises(EngineError) as refused:
        start(lab, number, name, network, address)
    return refused.value.status, str(refused.value)


def test_containers_on_all_nodes_get_addresses_one_after_the_other(lab: LabOfEngines) -> None:
    net = network(lab, "net")
    one, two = start(lab, 2, "one", "net"), start(lab, 1, "two", "net")
    # Each node has an address of its own as well.
    assert [addresses(one), addresses(two)] == [["10.0.1.2/24"], ["10.0.1.4/24"]]
    assert [lab.node(n).attachments[net] for n in (1, 2)] == ["10.0.1.5/24", "10.0.1.3/24"]
    assert [lab.engine(n).overlays.find(net) is not None for n in (1, 2)] == [True, True]
    first, second = places(lab)
    assert (first.node_id, second.node_id) == (lab.node_id(2), lab.node_id(1))
    assert (first.status.message, first.service_id, first.slot) == ("started", "", 0)
    assert first.spec.network_attachment_spec is not None
    assert first.spec.network_attachment_spec.container_id == one.id


def test_a_network_is_in_use_until_the_last_container_has_left(lab: LabOfEngines) -> None:
    net = network(lab, "net")
    start(lab, 2, "box", "net")
    control = lab.engine(1).cluster.control()
    with pytest.raises(StatusError, match=f"network {net} is in use by task {places(lab)[0].id}"):
        control.remove_network(net, ACTOR)
    lab.run(lab.engine(2).by_hand.stop("box", 0, ""))
    assert places(lab) == []
    control.remove_network(net, ACTOR)
    lab.advance(1)
    assert lab.engine(2).overlays.find(net) is None
    with pytest.raises(EngineError) as refused:
        lab.run(lab.engine(2).by_hand.start("box"))
    status, text = refused.value.status, str(refused.value)
    # It remembers which network it was on.
    assert (status, text) == (
        500,
        f"Could not attach to network {net}: rpc error: code = NotFound desc = network {net} not found",
    )


def test_what_cannot_be_had_is_refused_by_the_leader_in_its_words(lab: LabOfEngines) -> None:
    network(lab, "closed", attachable=False)
    network(lab, "net", subnet="10.9.0.0/24")
    assert refusal(lab, 2, "aa", "nosuch") == (
        500,
        "Could not attach to network nosuch: rpc error: code = NotFound desc = network nosuch not found",
    )
    assert refusal(lab, 2, "bb", "closed") == (
        500,
        "Could not attach to network closed: rpc error: code = PermissionDenied "
        "desc = network closed not manually attachable",
    )
    assert addresses(start(lab, 2, "cc", "net", "10.9.0.77")) == ["10.9.0.77/24"]
    late = (
        500,
        "attaching to network failed, make sure your network options are correct and check manager logs: "
        "context deadline exceeded",
    )
    for name, address in (("dd", "10.9.0.77"), ("ee", "10.10.0.1")):
        before = lab.clock.now()
        assert refusal(lab, 1, name, "net", address) == late
        assert (lab.clock.now() - before) // 10**9 == 20
    assert len(places(lab)) == 1, "nothing is left of what was given up"
    lab.run(lab.engine(2).by_hand.remove("cc", force=True))
    assert addresses(start(lab, 1, "ff", "net", "10.9.0.77")) == ["10.9.0.77/24"], "it was given back"
    assert refusal(lab, 1, "gg", "bridge2")[0] == 500


def test_without_a_swarm_there_is_no_such_network(make: Make) -> None:
    lab = make(1)
    assert refusal(lab, 1, "aa", "nosuch") == (404, "network nosuch not found")


def test_containers_are_connected_and_disconnected_while_they_run(lab: LabOfEngines) -> None:
    net = network(lab, "net")
    engine = lab.engine(2)
    start(lab, 2, "box", "bridge")
    lab.run(engine.connections.connect("net", "box", EndpointSettings()))
    box = engine.containers.find("box")
    assert addresses(box)[1:] == ["10.0.1.2/24"]
    with pytest.raises(EngineError, match="box is already attached to network net") as refused:
        lab.run(engine.connections.connect("net", "box", EndpointSettings()))
    assert refused.value.status == 409
    with pytest.raises(EngineError, match="No such container: nosuch"):
        lab.run(engine.connections.connect("nosuch", "nosuch", EndpointSettings()))
    engine.connections.disconnect("net", "box", force=False)
    assert (places(lab), len(engine.containers.find("box").endpoints)) == ([], 1)
    lab.advance(1)
    assert engine.overlays.find(net) is None
    # A container that does not run may be put on a network that does not exist yet.
    lab.run(engine.by_hand.stop("box", 0, ""))
    lab.run(engine.connections.connect("later", "box", EndpointSettings()))
    network(lab, "later")
    lab.run(engine.by_hand.start("box"))
    assert len(places(lab)) == 1
    with pytest.raises(EngineError, match=r"container \w+ is not connected to the network nosuch"):
        engine.connections.disconnect("nosuch", "box", force=True)


def test_places_end_with_the_power_of_their_node_and_are_taken_again_by_policy(lab: LabOfEngines) -> None:
    network(lab, "net")
    start(lab, 2, "gone", "net")
    start(lab, 2, "back", "net", restart="always")
    old = {task.id for task in places(lab)}
    lab.power(2, "kill")
    lab.advance(30)
    assert {task.id for task in places(lab)} == old, "nobody could tell"
    lab.power(2, "start")
    lab.advance(10)
    (place,) = places(lab)
    assert place.id not in old
    assert lab.engine(2).containers.find("back").state.runs
    lab.crash()
    lab.advance(10)
    (again,) = places(lab)
    assert again.id != place.id
    assert addresses(lab.engine(2).containers.find("back")) == list(again.networks[0].addresses)


def test_a_place_is_given_back_when_there_is_a_leader_again(lab: LabOfEngines) -> None:
    network(lab, "net")
    start(lab, 2, "box", "net")
    lab.lab.partition(["node-2"])
    lab.advance(1)
    lab.run(lab.engine(2).by_hand.stop("box", 0, ""))
    assert len(places(lab)) == 1
    assert refusal(lab, 2, "other", "net")[1].startswith("Could not attach to network net: rpc error: code = Unknown")
    lab.lab.heal()
    lab.advance(10)
    assert places(lab) == []


def test_containers_leave_the_swarms_networks_with_their_node(lab: LabOfEngines) -> None:
    network(lab, "net")
    start(lab, 2, "box", "net")
    lab.run(lab.engine(2).cluster.leave(force=False))
    box = lab.engine(2).containers.find("box")
    assert (box.state.runs, box.endpoints, box.attachments) == (True, (), {})
    assert len(places(lab)) == 1, "the manager knows only that the node is down"
    lab.advance(30)
    lab.engine(1).cluster.control().remove_node(
        next(node.id for node in lab.engine(1).cluster.control().nodes() if node.spec.role == "worker"),
        force=False,
        actor=ACTOR,
    )
    lab.advance(1)
    assert places(lab) == []
