"""When a container is started again after it has ended (MB: daemon/internal/restartmanager)."""

import msgspec

from swarmlab.clock import SECOND
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


def next_pause(pause: float, ran: int) -> float:
    """Seconds to the next start: twice the last pause, unless the run was a long one (`ran` in nanoseconds)."""
    if not pause or ran >= _LONG_RUN * SECOND:
        return _FIRST
    return min(2 * pause, _LONGEST)
