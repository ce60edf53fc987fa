"""Between managers and agents: sessions, heartbeats, assignments, status write-back."""

from swarmlab.dispatcher.dispatcher import Dispatcher
from swarmlab.dispatcher.ratelimit import RateLimitedError
from swarmlab.dispatcher.session import Assignments, Receive, Session

__all__ = ["Assignments", "Dispatcher", "RateLimitedError", "Receive", "Session"]
