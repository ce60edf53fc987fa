"""Interfaces of containers, and their lines in hosts files, as networks come and go."""

from collections.abc import Callable

import msgspec
import pytest

from swarmlab.objects import Driver, NetworkSpec
from swarmlab.objects.requests import NetworkCreateRequest
from swarmlab.objects.run import EndpointSettings
from swarmlab.store import Actor
from tests.engine.byhand import sleeper
from tests.engine.conftest import LabOfEngines
from tests.engine.net import output

Make = Callable[[int], LabOfEngines]


@pytest.fixture
def lab(make: Make) -> LabOfEngines:
    found = make(1)
    for name in ("first", "second"):
        found.engine(1).networks.create(NetworkCreateRequest(name=name))
    return found


def start(lab: LabOfEngines, network: str, name: str = "box") -> str:
    engine = lab.engine(1)
    made = engine.by_hand.create(sleeper(network), name)
    lab.run(engine.by_hand.start(made.id))
    return made.id


def connect(lab: LabOfEngines, *networks: str) -> None:
    for network in networks:
        lab.run(lab.engine(1).connections.connect(network, "box", EndpointSettings()))


def disconnect(lab: LabOfEngines, network: str) -> None:
    lab.engine(1).connections.disconnect(network, "box", force=False)


def interfaces(lab: LabOfEngines, container_id: str) -> dict[str, tuple[str, int]]:
    places = lab.engine(1).fabric.sandbox(container_id).places
    return {place.network_name: (place.interface, place.link) for place in places}


def lines(lab: LabOfEngines) -> list[str]:
    """The container's own lines of its hosts file: the addresses."""
    engine = lab.engine(1)
    runs = engine.containers.runtime_container(engine.containers.find("box").id)
    assert runs is not None
    text = lab.run(output(runs, "cat", "/etc/hosts"), limit=1e7)
    return [line.split()[0] for line in text.splitlines()[6:]]


def test_no_name_and_no_number_is_given_twice(lab: LabOfEngines) -> None:
    box = start(lab, "bridge")
    # The bridges of the two networks were 4 and 5.
    assert interfaces(lab, box) == {"bridge": ("eth0", 6)}
    connect(lab, "first", "second")
    disconnect(lab, "first")
    assert interfaces(lab, box) == {"bridge": ("eth0", 6), "second": ("eth2", 10)}
    connect(lab, "first")
    assert interfaces(lab, box)["first"] == ("eth3", 12)
    lab.run(lab.engine(1).by_hand.restart("box", 0, ""))
    # When it starts, they are named in the order of the networks' names.
    assert {name: each[0] for name, each in interfaces(lab, box).items()} == {
        "bridge": "eth0", "first": "eth1", "second": "eth2",
    }  # fmt: skip


def test_a_machine_that_was_switched_off_counts_anew(lab: LabOfEngines) -> None:
    start(lab, "bridge")
    for action in ("kill", "start"):
        lab.power(1, action)
    assert interfaces(lab, start(lab, "bridge", "next")) == {"bridge": ("eth0", 6)}


def test_the_way_out_of_an_overlay_network_goes_when_there_is_another(lab: LabOfEngines) -> None:
    lab.swarm(1)
    lab.advance(1)
    control = lab.engine(1).cluster.control()
    for name, internal in (("over", False), ("inner", True)):
        spec = NetworkSpec(name=name, attachable=True, internal=internal, driver_configuration=Driver(name="overlay"))
        control.create_network(spec, Actor(engine="node-1"))
    box = start(lab, "over")
    # Joining the swarm took seven, the network of the swarm three.
    assert interfaces(lab, box) == {"over": ("eth0", 16), "docker_gwbridge": ("eth1", 18)}
    connect(lab, "inner")
    assert interfaces(lab, box)["inner"] == ("eth2", 23)
    connect(lab, "first")
    assert interfaces(lab, box) == {"over": ("eth0", 16), "inner": ("eth2", 23), "first": ("eth3", 25)}
    disconnect(lab, "first")
    assert interfaces(lab, box)["docker_gwbridge"] == ("eth4", 27)
    connect(lab, "first")
    disconnect(lab, "inner")
    assert lines(lab) == ["172.18.0.2"]
    disconnect(lab, "over")
    connect(lab, "over")
    assert lines(lab) == ["172.18.0.2", "10.0.1.4"]
    disconnect(lab, "over")
    assert lines(lab) == ["172.18.0.2", "10.0.1.4"], "those of networks of the swarm stay"


def test_lines_with_a_domain_stay(lab: LabOfEngines) -> None:
    engine = lab.engine(1)
    request = msgspec.structs.replace(sleeper("bridge"), hostname="www.example.com")
    lab.run(engine.by_hand.start(engine.by_hand.create(request, "box").id))
    connect(lab, "first")
    disconnect(lab, "first")
    assert lines(lab) == ["172.17.0.2", "172.18.0.2"]


def test_who_leaves_a_network_with_names_loses_the_lines_with_these(lab: LabOfEngines) -> None:
    start(lab, "bridge")
    connect(lab, "first", "second")
    assert lines(lab) == ["172.17.0.2", "172.18.0.2", "172.19.0.2"]
    disconnect(lab, "first")
    assert lines(lab) == []
    connect(lab, "first")
    disconnect(lab, "bridge")
    assert lines(lab) == ["172.18.0.2"]
    connect(lab, "bridge")
    assert lines(lab) == ["172.18.0.2", "172.17.0.2"]
    disconnect(lab, "bridge")
    assert lines(lab) == ["172.18.0.2", "172.17.0.2"], "nobody has a name on the first bridge"
