"""What engines need for the containers of tasks, in swarm time: as measured on real ones."""

from collections.abc import Callable

import pytest

from swarmlab.engine.executor import REAL_PACE
from swarmlab.objects import ContainerSpec, ServiceMode, ServiceSpec, TaskSpec
from swarmlab.objects.container import HealthConfig
from swarmlab.objects.service import ReplicatedService, RestartPolicy
from swarmlab.store import Actor

from .conftest import LabOfEngines

Make = Callable[[int], LabOfEngines]
#: Seconds between two looks, and so what the time of a state may be off.
_TICK = 0.01


def entered(
    lab: LabOfEngines, replicas: int, *command: str, health: HealthConfig | None = None
) -> list[dict[str, float]]:
    """When (seconds since its container began to be set up) each task of a new service entered each state."""
    control = lab.engine(1).cluster.control()
    template = TaskSpec(
        container_spec=ContainerSpec(image="busybox", command=command, healthcheck=health),
        restart_policy=RestartPolicy(condition="none"),
    )
    mode = ServiceMode(replicated=ReplicatedService(replicas=replicas))
    control.create_service(ServiceSpec(name="s", task_template=template, mode=mode), Actor(engine="node-1"))
    seen: dict[str, dict[str, float]] = {}
    for _ in range(400):
        lab.advance(_TICK, step=_TICK)
        for task in control.tasks():
            seen.setdefault(task.id, {}).setdefault(task.state.text, task.status.timestamp / 1e9)
    assert len(seen) == replicas
    return [{state: at - times["starting"] for state, at in times.items()} for times in seen.values()]


@pytest.mark.parametrize(("replicas", "others"), [(1, 0), (2, 1), (3, 2), (9, 2)])
def test_containers_that_start_together_take_longer_up_to_a_bound(make: Make, replicas: int, others: int) -> None:
    lab = make(1)
    lab.swarm(1)
    wanted = REAL_PACE.start + others * REAL_PACE.beside
    for times in entered(lab, replicas, "sleep", "1000"):
        assert times["running"] == pytest.approx(wanted, abs=3 * _TICK)


def test_an_engine_notices_a_moment_later_that_a_program_ended(make: Make) -> None:
    lab = make(1)
    lab.swarm(1)
    (times,) = entered(lab, 1, "sleep", "1")
    assert times["complete"] - times["running"] == pytest.approx(1 + REAL_PACE.end, abs=3 * _TICK)


def test_an_end_that_a_start_waited_for_is_not_noticed_twice(make: Make) -> None:
    """What ends before it was ever healthy, without a mistake, is complete as soon as it counts as started."""
    lab = make(1)
    lab.swarm(1)
    probe = HealthConfig(test=("CMD", "false"), interval=int(100e9))
    (times,) = entered(lab, 1, "sleep", "1", health=probe)
    assert times["complete"] == pytest.approx(REAL_PACE.start + 1, abs=3 * _TICK)
