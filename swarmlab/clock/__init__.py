"""The one source of time and of deferred calls. No loop calls `time`, `asyncio.sleep` or `loop.call_later` itself."""

from swarmlab.clock.base import NANOSECOND, SECOND, Clock, Timer
from swarmlab.clock.scaled import ScaledClock
from swarmlab.clock.turns import Turns
from swarmlab.clock.virtual import VirtualClock

__all__ = ["NANOSECOND", "SECOND", "Clock", "ScaledClock", "Timer", "Turns", "VirtualClock"]
