"""What `docker events` tells of a swarm, as a real manager told it."""

from collections.abc import Callable

from .conftest import LabOfEngines

Make = Callable[[int], LabOfEngines]


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
