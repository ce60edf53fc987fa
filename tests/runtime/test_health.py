import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from swarmlab.clock import SECOND, VirtualClock
from swarmlab.objects.container import HealthConfig
from swarmlab.runtime.health import HealthMonitor, probe_command

from .support import advance


class Probed:
    """A monitor on virtual time whose probe returns what the test says; durations in seconds."""

    def __init__(self, *, retries: int = 0, **durations: int) -> None:
        self.clock = VirtualClock()
        self.code: int | None = 0
        self.text = b""
        self.told: list[tuple[str, dict[str, str]]] = []
        self.runs: list[int] = []
        self._begun = self.clock.now()
        nanoseconds = {name: value * SECOND for name, value in durations.items()}
        config = HealthConfig(test=("CMD", "check"), retries=retries, **nanoseconds)
        self.monitor = HealthMonitor(self.clock, config, self._probe, lambda: None, self._tell)

    def _tell(self, action: str, **attributes: str) -> None:
        self.told.append((action, attributes))

    @property
    def statuses(self) -> list[str]:
        return [action.removeprefix("health_status: ") for action, _ in self.told if action.startswith("health")]

    async def _probe(self, command: tuple[str, ...], write: Callable[[bytes], None]) -> int:
        assert command == ("check",)
        self.runs.append((self.clock.now() - self._begun) // SECOND)
        write(self.text)
        if self.code is None:
            await asyncio.get_running_loop().create_future()
        assert self.code is not None
        return self.code


def monitored(test: Callable[[Probed], Coroutine[Any, Any, None]], retries: int = 0, **durations: int) -> None:
    async def main() -> None:
        probed = Probed(retries=retries, **durations)
        probed.monitor.start()
        try:
            await test(probed)
        finally:
            await probed.monitor.stop()
            assert probed.clock.next_due() is None

    asyncio.run(main())


def test_docker_defaults_are_thirty_seconds_and_three_failures() -> None:
    async def test(probed: Probed) -> None:
        probed.code = 1
        await advance(probed.clock, 89)
        assert (probed.monitor.status, probed.runs) == ("starting", [30, 60])
        await advance(probed.clock, 1)
        assert (probed.monitor.status, probed.monitor.failing_streak) == ("unhealthy", 3)
        assert probed.statuses == ["unhealthy"]

    monitored(test)


def test_a_success_heals_at_once_and_a_transient_failure_changes_nothing() -> None:
    async def test(probed: Probed) -> None:
        await advance(probed.clock, 2)
        assert probed.monitor.status == "healthy"
        probed.code = 1
        await advance(probed.clock, 4)
        assert (probed.monitor.status, probed.monitor.failing_streak) == ("healthy", 2)
        probed.code = 0
        await advance(probed.clock, 2)
        assert probed.monitor.failing_streak == 0
        probed.code = 1
        await advance(probed.clock, 6)
        assert probed.statuses == ["healthy", "unhealthy"]

    monitored(test, interval=2, retries=3)


def test_failures_in_the_start_period_do_not_count() -> None:
    async def test(probed: Probed) -> None:
        probed.code = 1
        await advance(probed.clock, 14)
        assert (probed.monitor.failing_streak, len(probed.monitor.log)) == (0, 2)
        await advance(probed.clock, 15)
        assert probed.monitor.failing_streak == 3
        assert probed.monitor.status == "unhealthy"

    monitored(test, interval=5, start_period=15, retries=3)


def test_the_start_period_ends_with_the_first_success() -> None:
    async def test(probed: Probed) -> None:
        await advance(probed.clock, 5)
        probed.code = 1
        await advance(probed.clock, 5)
        assert (probed.monitor.status, probed.monitor.failing_streak) == ("unhealthy", 1)

    monitored(test, interval=5, start_period=60, retries=1)


def test_a_start_interval_holds_during_the_start_period_only() -> None:
    async def test(probed: Probed) -> None:
        await advance(probed.clock, 24)
        assert probed.runs == [2, 4, 6, 16]

    monitored(test, interval=10, start_period=6, start_interval=2)


def test_a_probe_that_takes_too_long_fails_and_is_cancelled() -> None:
    async def test(probed: Probed) -> None:
        probed.code = None
        await advance(probed.clock, 10 + 90)
        [result] = probed.monitor.log
        assert result.output == "Health check exceeded timeout (1m30s)"
        assert (result.exit_code, result.end - result.start) == (-1, 90 * SECOND)
        assert probed.monitor.status == "unhealthy"

    monitored(test, interval=10, timeout=90, retries=1)


def test_the_last_five_results_are_kept_and_long_output_is_cut() -> None:
    async def test(probed: Probed) -> None:
        for number in range(7):
            probed.text = b"%d" % number * 5000
            await advance(probed.clock, 1)
        assert [result.output[0] for result in probed.monitor.log] == ["2", "3", "4", "5", "6"]
        assert {len(result.output) for result in probed.monitor.log} == {4096 + len("...")}

    monitored(test, interval=1)


def test_events_tell_of_each_probe_and_of_each_new_status() -> None:
    async def test(probed: Probed) -> None:
        await advance(probed.clock, 1)
        (created, one), (started, two), (died, three), status = probed.told
        assert (created, started, died, status) == (
            "exec_create: check ", "exec_start: check ", "exec_die", ("health_status: healthy", {}),
        )  # fmt: skip
        exec_id = one["execID"]
        assert len(exec_id) == 64
        assert (two, three) == ({"execID": exec_id}, {"execID": exec_id, "exitCode": "0"})
        await advance(probed.clock, 1)
        assert len(probed.told) == 7, "the status is the same"
        assert probed.told[-1][1]["execID"] != exec_id
        probed.code = None
        await advance(probed.clock, 3)
        assert probed.told[-1][0] == "exec_die"
        assert probed.told[-1][1]["exitCode"] == "137"

    monitored(test, interval=1, timeout=2)


def test_a_container_whose_probes_end_counts_as_unhealthy_and_nobody_is_told() -> None:
    async def test(probed: Probed) -> None:
        await advance(probed.clock, 1)
        await probed.monitor.stop()
        assert (probed.monitor.status, probed.monitor.failed, probed.monitor.failing_streak) == ("unhealthy", False, 0)
        assert probed.statuses == ["healthy"]
        probed.monitor.start()
        assert (probed.monitor.status, len(probed.monitor.log)) == ("starting", 1)
        probed.code = 1
        await advance(probed.clock, 3)
        assert (probed.monitor.status, probed.monitor.failed) == ("unhealthy", True)

    monitored(test, interval=1)


def test_a_probe_that_breaks_is_a_failed_probe() -> None:
    async def main() -> None:
        async def broken(command: tuple[str, ...], write: Callable[[bytes], None]) -> int:
            raise RuntimeError("exec: no such thing")

        clock = VirtualClock()
        config = HealthConfig(test=("CMD", "check"), interval=SECOND, retries=1)
        monitor = HealthMonitor(clock, config, broken, lambda: None, lambda action, **_: None)
        monitor.start()
        await advance(clock, 1)
        assert (monitor.log[0].exit_code, monitor.log[0].output) == (-1, "exec: no such thing")
        assert monitor.status == "unhealthy"
        await monitor.stop()

    asyncio.run(main())


@pytest.mark.parametrize(
    ("test", "command"),
    [
        (("CMD", "a", "b"), ("a", "b")),
        (("CMD-SHELL", "a || b"), ("/bin/sh", "-c", "a || b")),
        (("NONE",), ()),
        ((), ()),
    ],
)
def test_command(test: tuple[str, ...], command: tuple[str, ...]) -> None:
    assert probe_command(HealthConfig(test=test)) == command
    assert probe_command(None) == ()
