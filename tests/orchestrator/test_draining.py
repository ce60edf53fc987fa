"""Draining in a whole swarm, step by step as a real engine was seen to do it (recording `s03-drain`)."""

from collections import Counter

from tests.support.cluster import Cluster
from tests.support.specs import GLOBAL, service_spec

NOBODY = "no suitable node (1 node not available for new tasks)"


def spread(swarm: Cluster, name: str = "web") -> dict[str, int]:
    """How many tasks run on each node."""
    return dict(Counter(swarm.name_of(task) for task in swarm.running(name)))


def test_draining_the_only_node_leaves_tasks_pending_over_what_was_shut_down() -> None:
    swarm = Cluster()
    swarm.create(service_spec(replicas=3))
    swarm.settle()
    swarm.availability("n1", "drain")
    swarm.advance(3)
    assert swarm.rows() == [
        row for slot in (1, 2, 3) for row in ((slot, "pending", "running"), (slot, "shutdown", "shutdown"))
    ]
    waiting = [t for t in swarm.tasks() if t.state.text == "pending"]
    assert {t.status.err for t in waiting} == {NOBODY}
    assert {t.node_id for t in waiting} == {""}
    [status] = swarm.api.service_statuses([swarm.service().id]).values()
    assert status[:2] == (0, 3)
    swarm.availability("n1", "active")
    swarm.settle()
    assert {t.id for t in swarm.running()} == {t.id for t in waiting}, "the tasks that waited are those that run"
    assert {t.status.err for t in swarm.running()} == {""}


def test_a_paused_node_keeps_its_tasks_and_gets_no_others() -> None:
    swarm = Cluster()
    swarm.create(service_spec(replicas=3))
    swarm.settle()
    swarm.availability("n1", "pause")
    swarm.scale(5)
    swarm.advance(1)
    assert swarm.rows() == [(n, "running", "running") for n in (1, 2, 3)] + [(n, "pending", "running") for n in (4, 5)]
    assert {t.status.err for t in swarm.tasks() if t.slot > 3} == {NOBODY}
    swarm.availability("n1", "active")
    swarm.settle()
    assert len(swarm.running()) == 5


def test_pending_tasks_are_forgotten_when_the_service_changes_meanwhile_until_it_is_updated_by_force() -> None:
    swarm = Cluster()
    swarm.create(service_spec(replicas=5))
    swarm.settle()
    swarm.availability("n1", "drain")
    swarm.advance(3)
    swarm.scale(6)
    swarm.advance(1)
    assert {t.status.err for t in swarm.tasks() if t.state.text == "pending"} == {NOBODY}
    swarm.availability("n1", "active")
    swarm.advance(300)
    assert [t.slot for t in swarm.running()] == [6]
    forgotten = [t for t in swarm.tasks() if t.state.text == "pending"]
    assert [(t.slot, t.status.err) for t in forgotten] == [(n, NOBODY) for n in range(1, 6)]
    swarm.force()
    swarm.advance(60)
    assert sorted(t.slot for t in swarm.running()) == [1, 2, 3, 4, 5, 6]
    assert {swarm.api.task(t.id).state.text for t in forgotten} == {"shutdown"}
    status = swarm.service().update_status
    assert status is not None
    assert status.state == "completed"


def test_three_nodes() -> None:
    swarm = Cluster(3)
    swarm.create(service_spec(replicas=6))
    swarm.create(service_spec("glob", GLOBAL))
    swarm.settle()
    assert spread(swarm) == {"n1": 2, "n2": 2, "n3": 2}
    assert spread(swarm, "glob") == {"n1": 1, "n2": 1, "n3": 1}

    swarm.availability("n2", "drain")
    swarm.advance(4)
    assert spread(swarm) == {"n1": 3, "n3": 3}
    assert spread(swarm, "glob") == {"n1": 1, "n3": 1}

    swarm.availability("n2", "active")
    swarm.advance(3)
    assert spread(swarm) == {"n1": 3, "n3": 3}, "replicated tasks do not return"
    assert spread(swarm, "glob") == {"n1": 1, "n2": 1, "n3": 1}

    swarm.scale(8)
    swarm.advance(3)
    assert spread(swarm) == {"n1": 3, "n2": 2, "n3": 3}

    swarm.force()
    swarm.advance(60)
    assert sum(spread(swarm).values()) == 8
    assert max(spread(swarm).values()) == 3

    swarm.scale(2)
    swarm.advance(3)
    assert len({t.node_id for t in swarm.running()}) == 2, "the survivors are on different nodes"
    assert len(swarm.tasks()) > 2, "what was forced out stays as history until the next reconciliation"

    swarm.availability("n2", "pause")
    swarm.availability("n3", "drain")
    swarm.advance(3)
    assert "n3" not in spread(swarm)
    assert sum(spread(swarm).values()) == 2


def test_draining_does_not_wait_for_the_restart_delay_but_for_the_old_task() -> None:
    swarm = Cluster(2)
    swarm.create(service_spec(replicas=4))
    swarm.settle()
    swarm.availability("n2", "drain")
    swarm.advance(2)
    assert spread(swarm) == {"n1": 4}


def test_a_lost_node_is_replaced_after_its_grace_and_the_restart_delay() -> None:
    """About fifteen seconds and five; until it is back its tasks are shown as running."""
    swarm = Cluster(2)
    swarm.create(service_spec(replicas=4))
    swarm.settle()
    swarm.silence("n2")
    swarm.advance(8)
    assert spread(swarm) == {"n1": 2, "n2": 2}
    swarm.advance(15)
    assert spread(swarm) == {"n1": 4}
    assert Counter(row[1:] for row in swarm.rows()) == {("running", "running"): 4, ("running", "shutdown"): 2}
    swarm.back("n2")
    swarm.advance(10)
    assert Counter(row[1:] for row in swarm.rows()) == {("running", "running"): 4, ("shutdown", "shutdown"): 2}
    assert spread(swarm) == {"n1": 4}
