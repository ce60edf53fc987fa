"""The health check of a container, as the Docker daemon runs it (MB: daemon/health.go)."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

from swarmlab.clock import SECOND, Clock
from swarmlab.objects import new_container_id
from swarmlab.objects.container import HealthConfig
from swarmlab.runtime.base import ProbeResult, Told

#: Runs the probe's command line, writing its output; returns the exit code.
Probe = Callable[[tuple[str, ...], Callable[[bytes], None]], Awaitable[int]]

_DEFAULT_INTERVAL = 30 * SECOND
_DEFAULT_TIMEOUT = 30 * SECOND
_DEFAULT_RETRIES = 3
_KEPT = 5
_MAX_OUTPUT = 4096
_KILLED = 137


def probe_command(config: HealthConfig | None) -> tuple[str, ...]:
    """The command line of a health check; empty when there is none, or it is `NONE`."""
    test = tuple(config.test) if config is not None else ()
    if test[:1] == ("CMD",):
        return test[1:]
    if test[:1] == ("CMD-SHELL",):
        return ("/bin/sh", "-c", *test[1:])
    return ()


class HealthMonitor:
    """Probes one container while it runs.

    `status` is `starting`, `healthy` or `unhealthy`; `log` has the last five results, oldest first.
    """

    def __init__(
        self, clock: Clock, config: HealthConfig, probe: Probe, changed: Callable[[], None], tell: Told
    ) -> None:
        """`changed` is called at each new status; `tell` hears of it, and of each probe, as events tell it."""
        self._clock = clock
        self._config = config
        self._probe = probe
        self._changed = changed
        self._tell = tell
        self._started = 0
        self._task: asyncio.Task[None] | None = None
        self.status = "starting"
        self.failing_streak = 0
        self.log: deque[ProbeResult] = deque(maxlen=_KEPT)

    def start(self) -> None:
        """The container has started (again)."""
        self.status = "starting"
        self.failing_streak = 0
        self._started = self._clock.now()
        self._task = asyncio.get_running_loop().create_task(self._monitor())

    @property
    def failed(self) -> bool:
        """Whether it is the probes that found the container unhealthy, not their end."""
        return self._task is not None and self.status == "unhealthy"

    async def stop(self) -> None:
        """The container stops: as in Docker it counts as unhealthy from now on, and nobody is told.

        Source: moby: container/health.go (CloseMonitorChannel).
        """
        self.status = "unhealthy"
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    def pause(self) -> None:
        """Nothing is probed; as in Docker the container counts as unhealthy, and nobody is told."""
        if self._task is not None:
            self._task.cancel()
            self._task = None
        self.status = "unhealthy"

    def unpause(self) -> None:
        """Go on probing: what comes out decides."""
        self._task = asyncio.get_running_loop().create_task(self._monitor())

    async def _monitor(self) -> None:
        while True:
            await self._clock.sleep(self._interval() / SECOND)
            self._handle(await self._run())

    def _interval(self) -> int:
        """Nanoseconds to the next probe. An unset start interval changes nothing, as in engines before 25."""
        starting = self._clock.now() - self._started < self._config.start_period
        if starting and self._config.start_interval:
            return self._config.start_interval
        return self._config.interval or _DEFAULT_INTERVAL

    async def _run(self) -> ProbeResult:
        timeout = self._config.timeout or _DEFAULT_TIMEOUT
        start = self._clock.now()
        output = bytearray()
        late = False
        command, exec_id = probe_command(self._config), new_container_id()
        for action in ("exec_create", "exec_start"):
            self._tell(f"{action}: {command[0]} {' '.join(command[1:])}", execID=exec_id)
        task = asyncio.ensure_future(self._probe(command, output.extend))

        def give_up() -> None:
            nonlocal late
            late = True
            task.cancel()

        timer = self._clock.call_later(timeout / SECOND, give_up)
        try:
            code = await task
        except asyncio.CancelledError:
            if not late:
                raise
            self._tell("exec_die", execID=exec_id, exitCode=str(_KILLED))
            return ProbeResult(start, self._clock.now(), -1, f"Health check exceeded timeout ({_go_duration(timeout)})")
        except Exception as error:  # whatever went wrong is the result of the probe
            return ProbeResult(start, self._clock.now(), -1, str(error))
        finally:
            timer.cancel()
            task.cancel()
        self._tell("exec_die", execID=exec_id, exitCode=str(code))
        text = output[:_MAX_OUTPUT].decode("utf-8", "replace") + ("..." if len(output) > _MAX_OUTPUT else "")
        return ProbeResult(start, self._clock.now(), code, text)

    def _handle(self, result: ProbeResult) -> None:
        self.log.append(result)
        before = self.status
        if result.exit_code == 0:
            self.failing_streak = 0
            self.status = "healthy"
        elif self.status != "starting" or result.start - self._started >= self._config.start_period:
            self.failing_streak += 1
            if self.failing_streak >= (self._config.retries or _DEFAULT_RETRIES):
                self.status = "unhealthy"
        if self.status != before:
            self._changed()
            self._tell(f"health_status: {self.status}")


def _go_duration(nanoseconds: int) -> str:
    """A duration as Go prints it: `1m30s`, `2s`, `1.5s`, `300ms`."""
    seconds, rest = divmod(nanoseconds, SECOND)
    if not seconds:
        return f"{rest / 1_000_000:g}ms"
    hours, minutes = seconds // 3600, seconds // 60 % 60
    text = f"{hours}h" if hours else ""
    text += f"{minutes}m" if minutes or hours else ""
    return f"{text}{seconds % 60 + rest / SECOND:g}s"
