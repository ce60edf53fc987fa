"""What every clock offers."""

from collections.abc import Callable
from typing import Protocol

NANOSECOND = 1
SECOND = 1_000_000_000


class Timer(Protocol):
    """A deferred call that has not been made yet."""

    def cancel(self) -> None:
        """Prevent the call. Cancelling twice, or after the call was made, does nothing."""


class Clock(Protocol):
    """Swarm time: what the cluster believes the time is, and the only way to wait for it to pass.

    All durations are seconds of swarm time (floats); all instants are Unix nanoseconds of swarm time (integers), the
    resolution in which Docker writes its timestamps.
    """

    def now(self) -> int:
        """The present instant in Unix nanoseconds. Never goes backwards while the process lives."""

    def call_soon(self, callback: Callable[[], None]) -> None:
        """Call `callback` after the caller has returned, in the order of the calls to `call_soon`."""

    def call_later(self, seconds: float, callback: Callable[[], None]) -> Timer:
        """Call `callback` after `seconds` of swarm time (at once, but not before returning, when not positive)."""

    async def sleep(self, seconds: float) -> None:
        """Return after `seconds` of swarm time."""
