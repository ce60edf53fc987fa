"""When a container is started again after it has ended (MB: daemon/internal/restartmanager)."""

from collections.abc import Callable

import msgspec

from swarmlab.clock import SECOND, Clock, Timer
from swarmlab.objects.local import Container

#: The first pause before a restart, the longest, and how long a run must last to begin anew with the first; in seconds.
_FIRST, _LONGEST, _LONG_RUN = 0.1, 60.0, 10.0


def wants_restart(container: Container, code: int) -> bool:
    """Whether the policy starts the container again that has just ended with this exit code."""
    if container.host is None or container.stopped:
        return False
    policy = container.host.restart_policy
    if policy.name in {"always", "unless-stopped"}:
        return True
    limit = policy.maximum_retry_count
    return policy.name == "on-failure" and code != 0 and (not limit or container.restart_count < limit)


def wants_start(container: Container) -> bool:
    """Whether the policy starts a container that does not run when its engine starts.

    `always` means just that, also for one that was stopped by hand; `on-failure` looks at the exit code alone.
    """
    if container.host is None or not container.state.started_at:
        return False
    policy = container.host.restart_policy
    if policy.name == "always":
        return True
    return wants_restart(
        msgspec.structs.replace(container, stopped=container.stopped and policy.name != "on-failure"),
        container.state.exit_code,
    )


class Restarts:
    """The restarts to come of an engine's containers; each waits twice as long as the last, unless the run was long."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._timers: dict[str, Timer] = {}
        #: The last pause of each container, in seconds.
        self._pauses: dict[str, float] = {}

    def plan(self, container_id: str, ran: int, start: Callable[[], None]) -> None:
        """Call `start` after the pause that is due to a container that ran so long, in nanoseconds."""
        last = self._pauses.get(container_id, 0)
        pause = _FIRST if not last or ran >= _LONG_RUN * SECOND else min(2 * last, _LONGEST)
        self._pauses[container_id] = pause
        self._timers[container_id] = self._clock.call_later(pause, start)

    def cancel(self, container_id: str) -> bool:
        """Plan nothing any more for this container; whether something was planned."""
        timer = self._timers.pop(container_id, None)
        if timer is not None:
            timer.cancel()
        return timer is not None

    def forget(self, container_id: str) -> None:
        """The container goes."""
        self.cancel(container_id)
        self._pauses.pop(container_id, None)

    def clear(self) -> None:
        """The engine has lost its power: nothing is to come, and the next pause of each is the first."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        self._pauses.clear()
