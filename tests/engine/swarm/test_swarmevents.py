"""What `docker events` tells of a swarm, as a real manager told it."""

from collections.abc import Callable

from swarmlab.store import Actor
from tests.engine.conftest import LabOfEngines
from tests.support.cluster import replace

from .test_managers import autolock

Make = Callable[[int], LabOfEngines]
ACTOR = Actor(engine="node-1", request="test")


def nodes(lab: LabOfEngines, number: int) -> list[tuple[str, str, str]]:
    """Action, name and new state of each event of a node."""
    return [
        (event.action, event.attributes["name"], event.attributes.get("state.new", ""))
        for event in lab.engine(number).events.past()
        if event.type == "node"
    ]


def test_a_manager_tells_of_the_swarm_from_the_moment_on_that_it_is_ready_itself(make: Make) -> None:
    lab = make(1)
    lab.swarm(1)
    assert nodes(lab, 1) == [("update", "node-1", "ready")]
    assert [event.type for event in lab.engine(1).events.past() if event.scope == "swarm"] == ["node"]


def test_a_node_that_joins_gets_its_certificate_and_its_address(make: Make) -> None:
    lab = make(2)
    lab.swarm(1)
    lab.join(2)
    assert nodes(lab, 1)[1:] == [
        ("create", "", ""),
        ("update", "", ""),
        ("update", "", ""),
        ("update", "node-2", "ready"),
    ]
    assert nodes(lab, 2) == [], "a worker knows nothing of it"


def test_a_manager_that_joins_disturbs_nobody_and_says_nothing_of_itself(make: Make) -> None:
    lab = make(3)
    lab.swarm(1)
    lab.join(2)
    lab.advance(2)
    before = len(nodes(lab, 1))
    lab.join(3, manager=True)
    lab.advance(2)
    assert {name for _, name, _ in nodes(lab, 1)[before:]} == {"", "node-3"}, "the leader has never lost its quorum"
    assert nodes(lab, 3) == []


def test_a_manager_that_comes_back_as_the_leader_tells_what_it_takes_over(make: Make) -> None:
    lab = make(1)
    lab.swarm(1)
    lab.advance(2)
    lab.power(1, "stop")
    before = len(lab.engine(1).events.past())
    lab.power(1, "start")
    lab.advance(2)
    told = [
        (event.type, event.attributes["name"], event.attributes.get("state.new", ""))
        for event in lab.engine(1).events.past()[before:]
        if event.scope == "swarm"
    ]
    assert told[0] == ("node", "node-1", "unknown")
    assert sorted(told[1:4]) == [("network", "bridge", ""), ("network", "host", ""), ("network", "ingress", "")]
    assert told[4:] == [("node", "node-1", ""), ("node", "node-1", "ready")]


def test_a_change_of_role_brings_new_certificates(make: Make) -> None:
    lab = make(2)
    lab.swarm(1)
    lab.join(2)
    lab.advance(2)

    def told(role: str) -> list[str]:
        before = len(lab.engine(1).events.past())
        control = lab.engine(1).cluster.control()
        node = control.node(lab.node_id(2))
        control.update_node(node.id, node.version, replace(node.spec, role=role), ACTOR)
        lab.advance(7)
        return [event.attributes.get("role.new", "") for event in lab.engine(1).events.past()[before:]]

    assert told("manager") == ["", "manager", "", ""]
    assert told("worker") == ["", "", "", "", "worker", "", ""]


def test_managers_get_new_certificates_when_the_swarm_is_locked(make: Make) -> None:
    lab = make(3)
    lab.swarm(2, workers=1)
    lab.advance(2)
    for on, certificates in ((True, 2), (False, 0), (True, 2)):
        before = len(nodes(lab, 1))
        autolock(lab, on)
        lab.advance(1)
        names = sorted(name for _, name, _ in nodes(lab, 1)[before:])
        assert names == ["node-1"] * certificates + ["node-2"] * certificates
