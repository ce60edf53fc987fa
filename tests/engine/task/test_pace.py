"""What engines need for the containers of tasks, in swarm time: as measured on real ones."""

import asyncio
import math
from collections.abc import Callable

import pytest

from swarmlab.clock import SECOND, VirtualClock
from swarmlab.engine.task.pace import REAL_PACE, Machine, Pace
from swarmlab.objects import ContainerSpec, EndpointSpec, PortConfig, ServiceMode, ServiceSpec, TaskSpec
from swarmlab.objects.container import HealthConfig
from swarmlab.objects.service import ReplicatedService, RestartPolicy
from swarmlab.store import Actor
from tests.engine.conftest import LabOfEngines

Make = Callable[[int], LabOfEngines]
#: Seconds between two looks, and so what the time of a state may be off.
_TICK = 0.01


def about(seconds: float) -> object:
    """What a step may take that needs so many seconds in general, as far as looks tell."""
    return pytest.approx(seconds, abs=REAL_PACE.spread * seconds + 3 * _TICK)


def entered(
    lab: LabOfEngines, replicas: int, *command: str, health: HealthConfig | None = None, ports: int = 0
) -> list[dict[str, float]]:
    """When (seconds since its container began to be set up) each task of a new service entered each state."""
    control = lab.engine(1).cluster.control()
    template = TaskSpec(
        container_spec=ContainerSpec(image="busybox", command=command, healthcheck=health),
        restart_policy=RestartPolicy(condition="none"),
    )
    endpoint = EndpointSpec(
        mode="vip",
        ports=tuple(
            PortConfig(protocol="tcp", target_port=80 + number, publish_mode="ingress") for number in range(ports)
        ),
    )
    mode = ServiceMode(replicated=ReplicatedService(replicas=replicas))
    control.create_service(
        ServiceSpec(name="s", task_template=template, mode=mode, endpoint_spec=endpoint), Actor(engine="node-1")
    )
    seen: dict[str, dict[str, float]] = {}
    for _ in range(400):
        lab.advance(_TICK, step=_TICK)
        for task in control.tasks():
            seen.setdefault(task.id, {}).setdefault(task.state.text, task.status.timestamp / 1e9)
    assert len(seen) == replicas
    return [{state: at - times["starting"] for state, at in times.items()} for times in seen.values()]


def test_a_container_alone_takes_its_time(make: Make) -> None:
    lab = make(1)
    lab.swarm(1)
    (times,) = entered(lab, 1, "sleep", "1000")
    assert times["running"] == about(REAL_PACE.start)


def test_a_container_on_the_ingress_network_takes_longer_to_start(make: Make) -> None:
    lab = make(1)
    lab.swarm(1)
    (times,) = entered(lab, 1, "sleep", "1000", ports=2)
    assert times["running"] == about(REAL_PACE.start + REAL_PACE.network)


def test_containers_that_start_together_slow_each_other_down_and_are_ready_one_after_the_other(make: Make) -> None:
    lab = make(1)
    lab.swarm(1)
    ready = sorted(times["running"] for times in entered(lab, 4, "sleep", "1000"))
    # On real engines: 0.36 to 0.65 s, 0.31 to 0.43 s, 0.43 to 0.72 s.
    assert 0.36 < ready[0] < ready[-1] < 0.72


def working(pace: Pace, *steps: tuple[float, float]) -> list[float]:
    """When steps end that are given as when they begin and how long each takes alone."""
    clock = VirtualClock()
    ends = [math.nan] * len(steps)

    async def work() -> None:
        machine = Machine(clock, pace)
        began = clock.now()

        async def step(number: int, at: float, seconds: float) -> None:
            await clock.sleep(at)
            await machine.work(seconds)
            ends[number] = (clock.now() - began) / SECOND

        tasks = [asyncio.ensure_future(step(number, *what)) for number, what in enumerate(steps)]
        while not all(task.done() for task in tasks):
            for _ in range(5):
                await asyncio.sleep(0)
            clock.advance(0.001)

    asyncio.run(work())
    return ends


FAIR = REAL_PACE._replace(sharing=1.0, turn=0.0, spread=0.0)


def test_two_equal_steps_end_together_after_twice_the_time() -> None:
    assert working(FAIR, (0, 1), (0, 1)) == pytest.approx([2, 2], abs=0.01)


def test_a_short_step_is_done_first_and_leaves_the_machine_to_the_long_one() -> None:
    assert working(FAIR, (0, 3), (1, 1)) == pytest.approx([4, 3], abs=0.01)


def test_each_step_under_way_makes_the_next_one_longer() -> None:
    pace = FAIR._replace(sharing=0.0, turn=0.5)
    assert working(pace, (0, 1), (0.1, 1), (0.2, 1)) == pytest.approx([1, 1.6, 2.2], abs=0.01)


def test_no_two_steps_take_exactly_as_long() -> None:
    pace = FAIR._replace(sharing=0.0, spread=0.2)
    ends = working(pace, *[(0, 1)] * 20)
    assert 0.8 <= min(ends) < 0.95
    assert 1.05 < max(ends) <= 1.21


def test_a_crowd_makes_no_step_slower_than_ten_do() -> None:
    assert max(working(FAIR, *[(0, 1)] * 30)) == pytest.approx(10, abs=0.05)


def test_a_step_that_is_given_up_leaves_the_machine_to_the_others() -> None:
    clock = VirtualClock()

    async def work() -> None:
        machine = Machine(clock, FAIR)
        began = clock.now()
        kept, dropped = (asyncio.ensure_future(machine.work(1)) for _ in range(2))
        await asyncio.sleep(0)
        clock.advance(1)
        dropped.cancel()
        while not kept.done():
            for _ in range(5):
                await asyncio.sleep(0)
            clock.advance(0.001)
        assert (clock.now() - began) / SECOND == pytest.approx(1.5, abs=0.01)

    asyncio.run(work())


def test_an_engine_notices_a_moment_later_that_a_program_ended(make: Make) -> None:
    lab = make(1)
    lab.swarm(1)
    (times,) = entered(lab, 1, "sleep", "1")
    assert times["complete"] - times["running"] - 1 == about(REAL_PACE.end)


def test_an_end_that_a_start_waited_for_is_not_noticed_twice(make: Make) -> None:
    """What ends before it was ever healthy, without a mistake, is complete as soon as it counts as started."""
    lab = make(1)
    lab.swarm(1)
    probe = HealthConfig(test=("CMD", "false"), interval=int(100e9))
    (times,) = entered(lab, 1, "sleep", "1", health=probe)
    assert times["complete"] - 1 == about(REAL_PACE.start)
