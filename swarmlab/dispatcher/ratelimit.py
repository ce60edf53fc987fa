"""How often a node may register (SK: manager/dispatcher/nodes.go, CheckRateLimit)."""

from swarmlab.clock import SECOND, Clock

#: So many registrations are let through, unless the node has been quiet for so many seconds since the last of them.
COUNT = 3
PERIOD = 8.0


class RateLimitedError(Exception):
    """A node registers too often. The text is what its agent is told (Unavailable)."""


class RateLimit:
    """Counts the registrations of nodes that are known already: the first one after a node was down is free."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        #: How often the node has tried in a row, and when it last was let through (Unix nanoseconds).
        self._attempts: dict[str, int] = {}
        self._registered: dict[str, int] = {}

    def check(self, node_id: str) -> None:
        """Note a registration. Raises RateLimitedError; refused attempts do not lengthen the wait."""
        now = self._clock.now()
        last = self._registered.get(node_id)
        if last is not None:
            quiet = now - last > PERIOD * SECOND
            self._attempts[node_id] = attempts = 1 if quiet else self._attempts[node_id] + 1
            if attempts > COUNT:
                raise RateLimitedError(
                    f"rpc error: code = Unavailable desc = node {node_id} exceeded rate limit count of registrations"
                )
        else:
            self._attempts[node_id] = 0
        self._registered[node_id] = now

    def forget(self, node_id: str) -> None:
        """The node is down, or gone."""
        self._attempts.pop(node_id, None)
        self._registered.pop(node_id, None)
