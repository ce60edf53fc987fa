"""Updates that can never come to an end, with a whole swarm behind (SK: manager/orchestrator/update/updater.go)."""

import pytest

from swarmlab.objects import ServiceSpec, TaskState
from tests.support.cluster import Cluster
from tests.support.specs import host, service_spec, update

S = TaskState
START_FIRST = update(1, order="start-first")


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        (
            service_spec(replicas=2, ports=(host(80, 8080),), update_config=START_FIRST),
            "no suitable node (host-mode port already in use on 2 nodes)",
        ),
        (
            service_spec(replicas=2, max_replicas=1, update_config=START_FIRST),
            "no suitable node (max replicas per node limit exceed)",
        ),
    ],
)
def test_start_first_on_a_full_cluster_hangs(spec: ServiceSpec, reason: str) -> None:
    """The new task finds no node while the old one is there, and the old one stays until the new one runs."""
    swarm = Cluster(2)
    swarm.create(spec)
    swarm.settle()
    before = {task.id for task in swarm.running()}
    swarm.image("nginx:2")
    swarm.advance(24 * 3600)
    [waiting] = [task for task in swarm.tasks() if task.state == S.PENDING]
    assert waiting.status.err == reason
    assert {task.id for task in swarm.running()} == before
    status = swarm.service().update_status
    assert status is not None
    assert (status.state, status.message) == ("updating", "update in progress")


def test_one_free_node_is_enough_for_start_first() -> None:
    swarm = Cluster(3)
    swarm.create(service_spec(replicas=2, max_replicas=1, update_config=START_FIRST))
    swarm.settle()
    swarm.image("nginx:2")
    swarm.advance(60)
    status = swarm.service().update_status
    assert status is not None
    assert status.state == "completed"
