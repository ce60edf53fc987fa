"""The agent's state machine (SK: agent/exec/controller_test.go, agent/task_test.go)."""

import asyncio
from collections.abc import Callable

import pytest

from swarmlab.agent.task import TaskManager
from swarmlab.clock import VirtualClock
from swarmlab.objects import ContainerStatus, PortConfig, Task, TaskSpec, TaskState, TaskStatus
from swarmlab.runtime.controller import Step, StepInterruptedError, TaskError
from tests.support.world import replace

S = TaskState


class FakeController:
    """Notes what it is asked; a step listed in `errors` fails, one in `held` waits until its event is set.

    Of the steps that wait, those in `stubborn` cannot be interrupted.
    """

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.errors: dict[str, TaskError] = {}
        self.held: dict[str, asyncio.Event] = {}
        self.stubborn = {"shutdown"}
        self.interrupted = asyncio.Event()
        self.ended: Callable[[TaskError | None], None] | None = None
        self.exit_code = 0

    def update(self, task: Task) -> None:
        self.calls.append(f"update {task.desired_state.text}")

    def prepare(self) -> Step:
        return self._step("prepare")

    def start(self) -> Step:
        return self._step("start")

    def wait(self, ended: Callable[[TaskError | None], None]) -> None:
        self.calls.append("wait")
        self.ended = ended

    def interrupt(self) -> None:
        self.interrupted.set()

    def shutdown(self) -> Step:
        return self._step("shutdown")

    def remove(self) -> Step:
        return self._step("remove")

    def container_status(self) -> ContainerStatus | None:
        return ContainerStatus(container_id="c", exit_code=self.exit_code)

    def ports(self) -> tuple[PortConfig, ...]:
        return ()

    def _step(self, name: str) -> Step:
        self.calls.append(name)
        if name in self.held:
            return self._wait(name)
        if name in self.errors:
            raise self.errors[name]
        return None

    async def _wait(self, name: str) -> None:
        self.interrupted.clear()
        released = asyncio.ensure_future(self.held[name].wait())
        waiters = {released} if name in self.stubborn else {released, asyncio.ensure_future(self.interrupted.wait())}
        await asyncio.wait(waiters, return_when=asyncio.FIRST_COMPLETED)
        if not released.done():
            self.calls.append(f"{name} interrupted")
            raise StepInterruptedError
        if name in self.errors:
            raise self.errors[name]


class Bench:
    """One task on its node."""

    def __init__(self, state: TaskState = S.ASSIGNED, desired: TaskState = S.RUNNING) -> None:
        self.controller = FakeController()
        self.reports: list[TaskStatus] = []
        status = TaskStatus(state=state, message="before")
        self.task = Task(id="t", spec=TaskSpec(), status=status, desired_state=desired)
        self.clock = VirtualClock()
        self.manager = TaskManager(self.clock, self.task, self.controller, lambda _, s: self.reports.append(s))

    def run(self) -> "Bench":
        self.manager.run()
        return self

    def want(self, desired: TaskState) -> None:
        self.manager.update(replace(self.task, desired_state=desired))

    @property
    def states(self) -> list[str]:
        return [status.state.text for status in self.reports]


def test_a_task_goes_step_by_step_and_says_so() -> None:
    bench = Bench().run()
    assert [(s.state, s.message) for s in bench.reports] == [
        (S.ACCEPTED, "accepted"),
        (S.PREPARING, "preparing"),
        (S.READY, "prepared"),
        (S.STARTING, "starting"),
        (S.RUNNING, "started"),
    ]
    assert bench.controller.calls == ["prepare", "start", "wait"]


def test_the_container_is_told_of_from_starting_on_and_one_that_never_was_as_zeros(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told = [status.container_status for status in Bench().run().reports]
    assert told == [None] * 3 + [ContainerStatus(container_id="c")] * 2
    monkeypatch.setattr(FakeController, "container_status", lambda _: None)
    rejected = Bench()
    rejected.controller.errors["prepare"] = TaskError("No such image: nothing")
    rejected.run()
    stopped = Bench(S.PREPARING, S.SHUTDOWN).run()
    for bench, state in ((rejected, S.REJECTED), (stopped, S.SHUTDOWN)):
        assert (bench.reports[-1].state, bench.reports[-1].container_status) == (state, ContainerStatus())


def test_desired_ready_parks_a_task_until_it_is_released() -> None:
    bench = Bench(desired=S.READY).run()
    assert bench.states == ["accepted", "preparing", "ready"]
    bench.want(S.RUNNING)
    assert bench.states[3:] == ["starting", "running"]


def test_a_task_that_runs_ends_complete_or_failed() -> None:
    for error, state, err in (
        (None, S.COMPLETE, ""),
        (TaskError("task: non-zero exit (3)", 3), S.FAILED, "task: non-zero exit (3)"),
    ):
        bench = Bench().run()
        assert bench.controller.ended is not None
        bench.controller.ended(error)
        assert (bench.reports[-1].state, bench.reports[-1].err) == (state, err)
        bench.controller.ended(None)
        assert bench.states.count(state.text) == 1


def test_a_container_lost_with_its_machine_failed_whatever_its_task_was_told_meanwhile() -> None:
    bench = Bench(S.RUNNING, S.SHUTDOWN)
    bench.controller.exit_code = 255
    bench.run()
    assert [(s.state, s.err) for s in bench.reports] == [(S.FAILED, "task: non-zero exit (255)")]
    assert bench.controller.calls == []


def test_a_container_that_still_runs_when_its_agent_begins_again_is_shut_down() -> None:
    bench = Bench(S.RUNNING, S.SHUTDOWN).run()
    assert bench.states == ["shutdown"]
    assert bench.controller.calls == ["shutdown"]


def test_an_end_says_finished_but_a_failure_keeps_the_last_steps_message() -> None:
    bench = Bench().run()
    assert bench.controller.ended is not None
    bench.controller.ended(TaskError("boom"))
    assert bench.reports[-1].message == "started"
    other = Bench().run()
    assert other.controller.ended is not None
    other.controller.ended(None)
    assert other.reports[-1].message == "finished"


@pytest.mark.parametrize(
    ("step", "state", "message"), [("prepare", S.REJECTED, "preparing"), ("start", S.FAILED, "starting")]
)
def test_an_error_before_starting_rejects_later_it_fails(step: str, state: TaskState, message: str) -> None:
    bench = Bench()
    bench.controller.errors[step] = TaskError("No such image: x:latest")
    bench.run()
    last = bench.reports[-1]
    assert (last.state, last.err, last.message) == (state, "No such image: x:latest", message)
    bench.want(S.SHUTDOWN)
    assert bench.reports[-1] is last, "what has ended is not shut down"


@pytest.mark.parametrize("desired", [S.SHUTDOWN, S.REMOVE])
@pytest.mark.parametrize("state", [S.ASSIGNED, S.ACCEPTED, S.PREPARING, S.READY, S.STARTING, S.RUNNING])
def test_a_task_that_shall_stop_is_shut_down_from_any_live_state(state: TaskState, desired: TaskState) -> None:
    bench = Bench(state, desired).run()
    assert [(s.state, s.message) for s in bench.reports] == [(S.SHUTDOWN, "shutdown")]
    assert "prepare" not in bench.controller.calls
    assert "start" not in bench.controller.calls


@pytest.mark.parametrize("state", [S.COMPLETE, S.SHUTDOWN, S.FAILED, S.REJECTED])
@pytest.mark.parametrize("desired", [S.READY, S.RUNNING, S.SHUTDOWN, S.REMOVE])
def test_a_task_that_has_ended_is_left_alone(state: TaskState, desired: TaskState) -> None:
    bench = Bench(state, desired).run()
    assert (bench.reports, bench.controller.calls) == ([], [])


@pytest.mark.parametrize(
    ("state", "calls"),
    [
        (S.PREPARING, ["prepare", "start", "wait"]),
        (S.READY, ["start", "wait"]),
        (S.STARTING, ["start", "wait"]),
        (S.RUNNING, ["wait"]),
    ],
)
def test_an_agent_that_begins_again_goes_on_where_the_task_is(state: TaskState, calls: list[str]) -> None:
    assert Bench(state).run().controller.calls == calls


@pytest.mark.parametrize(("state", "calls"), [(S.PREPARING, ["prepare"]), (S.STARTING, []), (S.RUNNING, [])])
def test_states_above_the_desired_one_are_left_alone(state: TaskState, calls: list[str]) -> None:
    """Only PREPARING lies below READY; a task further than it should be is not touched."""
    assert Bench(state, S.READY).run().controller.calls == calls


def test_a_task_that_is_told_to_stop_runs_on_for_a_second_and_says_that_nobody_waits_for_its_end() -> None:
    bench = Bench().run()
    bench.clock.advance(5)
    bench.want(S.SHUTDOWN)
    last = bench.reports[-1]
    assert (last.state, last.message, last.timestamp) == (S.RUNNING, "started", bench.clock.now())
    assert last.container_status == ContainerStatus(container_id="c", exit_code=-1)
    bench.clock.advance(0.99)
    assert "shutdown" not in bench.controller.calls
    bench.clock.advance(0.02)
    assert bench.states[-1] == "shutdown"
    assert bench.reports[-1].container_status == ContainerStatus(container_id="c", exit_code=0)


def test_another_change_within_that_second_ends_it() -> None:
    bench = Bench().run()
    bench.want(S.SHUTDOWN)
    bench.want(S.REMOVE)
    assert bench.states[-1] == "shutdown"
    bench.clock.advance(5)
    assert bench.controller.calls.count("shutdown") == 1


def test_a_task_that_waits_to_be_released_stops_at_once() -> None:
    bench = Bench(desired=S.READY).run()
    bench.want(S.SHUTDOWN)
    assert bench.states[-1] == "shutdown"


def test_the_same_orders_again_interrupt_nothing() -> None:
    bench = Bench().run()
    bench.manager.update(replace(bench.task, version=9, status=TaskStatus(state=S.RUNNING)))
    assert bench.controller.calls == ["prepare", "start", "wait"]
    assert bench.states[-1] == "running"


@pytest.mark.parametrize("state", [S.READY, S.COMPLETE, S.FAILED])
def test_a_change_that_asks_for_nothing_is_answered_with_the_status_again(state: TaskState) -> None:
    bench = Bench(state, S.READY).run()
    assert bench.reports == []
    bench.manager.update(replace(bench.task, service_labels={"a": "b"}))
    assert bench.reports == [bench.manager.status]


@pytest.mark.parametrize(("error", "state"), [(None, S.COMPLETE), (TaskError("boom", 3), S.FAILED)])
def test_a_container_that_ends_while_nobody_waits_is_noticed_afterwards(
    error: TaskError | None, state: TaskState
) -> None:
    bench = Bench().run()
    bench.manager.update(replace(bench.task, service_labels={"a": "b"}))
    assert bench.controller.ended is not None
    bench.controller.ended(error)
    assert bench.reports[-1].state is S.RUNNING
    bench.clock.advance(1)
    assert bench.reports[-1].state is state


def test_a_desired_state_that_goes_backwards_is_ignored() -> None:
    bench = Bench().run()
    bench.want(S.SHUTDOWN)
    bench.clock.advance(1)
    bench.want(S.RUNNING)
    assert bench.states[-1] == "shutdown"
    assert "update running" not in bench.controller.calls


def test_stopping_a_task_that_runs_does_not_make_its_end_a_failure() -> None:
    bench = Bench().run()
    bench.want(S.SHUTDOWN)
    assert bench.controller.ended is not None
    bench.controller.ended(TaskError("task: non-zero exit (137)", 137))
    bench.clock.advance(1)
    assert bench.states[-1] == "shutdown"


def test_a_shutdown_that_fails_is_a_failure() -> None:
    bench = Bench(S.RUNNING, S.SHUTDOWN)
    bench.controller.errors["shutdown"] = TaskError("stuck")
    bench.run()
    assert [(s.state, s.err) for s in bench.reports] == [(S.FAILED, "stuck")]


def test_removal_is_one_step_of_the_controllers() -> None:
    bench = Bench().run()
    bench.manager.remove()
    assert bench.controller.calls[-2:] == ["wait", "remove"]
    assert bench.states[-1] == "running", "nobody is told of a task that is gone"


def test_removal_of_what_has_ended_only_cleans_up() -> None:
    bench = Bench(S.FAILED).run()
    bench.manager.remove()
    assert bench.controller.calls == ["remove"]


def test_a_closed_manager_reports_nothing() -> None:
    bench = Bench().run()
    bench.manager.close()
    assert bench.controller.ended is not None
    bench.controller.ended(None)
    bench.want(S.SHUTDOWN)
    assert bench.states[-1] == "running"
    assert "shutdown" not in bench.controller.calls


# --- steps that take time --------------------------------------------------------------------------------------------


async def turns() -> None:
    """Let every coroutine that can go on do so."""
    for _ in range(5):
        await asyncio.sleep(0)


def test_a_step_in_progress_is_given_up_when_the_task_shall_stop() -> None:
    async def scenario() -> Bench:
        bench = Bench()
        bench.controller.held["prepare"] = asyncio.Event()
        bench.run()
        await turns()
        assert bench.states == ["accepted", "preparing"]
        bench.want(S.SHUTDOWN)
        await turns()
        assert bench.states == ["accepted", "preparing"]
        bench.clock.advance(1)
        return bench

    bench = asyncio.run(scenario())
    assert bench.states == ["accepted", "preparing", "shutdown"]
    assert "prepare interrupted" in bench.controller.calls


def test_a_step_in_progress_that_cannot_be_given_up_goes_on_and_then_the_task_stops() -> None:
    async def scenario() -> Bench:
        bench = Bench()
        bench.controller.held["start"] = asyncio.Event()
        bench.controller.stubborn.add("start")
        bench.run()
        await turns()
        bench.want(S.SHUTDOWN)
        await turns()
        assert bench.states[-1] == "starting"
        bench.controller.held["start"].set()
        await turns()
        return bench

    bench = asyncio.run(scenario())
    assert bench.states[-3:] == ["starting", "running", "shutdown"]


def test_a_step_in_progress_begins_again_when_the_task_is_released_meanwhile() -> None:
    async def scenario() -> Bench:
        bench = Bench(desired=S.READY)
        bench.controller.held["prepare"] = asyncio.Event()
        bench.run()
        await turns()
        bench.want(S.RUNNING)
        await turns()
        bench.controller.held["prepare"].set()
        bench.clock.advance(1)
        await turns()
        return bench

    bench = asyncio.run(scenario())
    assert bench.states == ["accepted", "preparing", "ready", "starting", "running"]
    assert bench.controller.calls.count("prepare") == 2


@pytest.mark.parametrize(("error", "state"), [(None, "running"), (TaskError("sick"), "failed")])
def test_a_start_that_takes_time_decides_when_it_is_done(error: TaskError | None, state: str) -> None:
    """As with a health check: the task stays STARTING until the first `healthy`."""

    async def scenario() -> Bench:
        bench = Bench()
        bench.controller.held["start"] = asyncio.Event()
        if error is not None:
            bench.controller.errors["start"] = error
        bench.run()
        await turns()
        assert bench.states[-1] == "starting"
        bench.controller.held["start"].set()
        await turns()
        return bench

    assert asyncio.run(scenario()).states[-1] == state


def test_a_shutdown_is_reported_when_it_is_done() -> None:
    async def scenario() -> Bench:
        bench = Bench().run()
        bench.controller.held["shutdown"] = asyncio.Event()
        bench.want(S.SHUTDOWN)
        bench.clock.advance(1)
        await turns()
        assert bench.states[-1] == "running"
        bench.want(S.REMOVE)
        await turns()
        bench.controller.held["shutdown"].set()
        await turns()
        return bench

    bench = asyncio.run(scenario())
    assert bench.states.count("shutdown") == 1


def test_a_fault_in_a_step_ends_the_task_instead_of_leaving_it_between_two_states() -> None:
    async def scenario() -> Bench:
        bench = Bench()
        bench.controller.held["prepare"] = asyncio.Event()
        bench.controller.errors["prepare"] = ZeroDivisionError("our fault")  # type: ignore[assignment]
        bench.run()
        bench.controller.held["prepare"].set()
        await turns()
        return bench

    last = asyncio.run(scenario()).reports[-1]
    assert (last.state, last.err) == (S.REJECTED, "our fault")
