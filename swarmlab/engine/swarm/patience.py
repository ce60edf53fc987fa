"""Waiting for a leader, as calls to a swarm do that has none for the moment (SK: raft.go, LeaderConn), or a node."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from swarmlab.clock import SECOND, Clock
from swarmlab.engine.swarm.swarmnode import CLOSED, SwarmNode
from swarmlab.manager import LOST_LEADERSHIP, Code, LeaderAwaitedError, Standing, StatusError, Swarm
from swarmlab.store import Commit, Kind

T = TypeVar("T")
#: How long a call to the swarm may take, in seconds of swarm time.
REQUEST_TIMEOUT = 20.0
#: How long a node tries to join, or to be heard of, before it answers, in seconds.
JOIN_TIMEOUT = 20.0


async def patiently(clock: Clock, node: Callable[[], SwarmNode | None], call: Callable[[], T | Awaitable[T]]) -> T:
    """What `call` returns, tried again when the leader is there that it needs. `node` is the node that was asked.

    Raises StatusError: DeadlineExceeded after 20 s, Unknown when the leader steps down to which a change was proposed,
    Unavailable when the manager that was asked ends because it is demoted; and whatever else `call` raises.
    """
    deadline = 0
    while True:
        try:
            result = call()
            return await result if isinstance(result, Awaitable) else result
        except LeaderAwaitedError:
            deadline = deadline or clock.now() + int(REQUEST_TIMEOUT * SECOND)
            asked = node()
            if asked is None or not await _leader_in(clock, asked, (deadline - clock.now()) / SECOND):
                raise


async def _leader_in(clock: Clock, node: SwarmNode, seconds: float) -> bool:
    """Whether the node finds a leader with a quorum within so many seconds.

    Raises StatusError when one steps down, and when the node's own manager ends.

    Who has asked a leader across a cut waits for that one's answer, whoever leads meanwhile. When a leader is off, its
    machine says so, and the next one is asked.
    """
    if (ends := node.held_up()) is not None:
        await clock.sleep(ends)
        raise StatusError(Code.UNAVAILABLE, CLOSED)
    raft = node.swarm.raft
    asked = raft.silent_leader(node.node_id)
    proposed = raft.standing(node.node_id) is Standing.READS
    found: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    def look() -> None:
        standing = raft.standing(node.node_id)
        if found.done() or (asked is not None and not raft.reaches(node.node_id, asked)):
            return
        if standing is Standing.ANSWERS:
            found.set_result(True)
        elif proposed and standing is not Standing.READS:
            found.set_exception(StatusError(Code.UNKNOWN, LOST_LEADERSHIP))

    end = node.swarm.on_quorum(look)
    timer = clock.call_later(seconds, lambda: None if found.done() else found.set_result(False))
    try:
        return await found
    finally:
        end()
        timer.cancel()


async def until_ready(clock: Clock, swarm: Swarm, node_id: str) -> None:
    """Return when the node has reported to the dispatcher, or after the time-out of a join."""
    ready = asyncio.get_running_loop().create_future()

    def check(commit: Commit | None) -> None:
        node = swarm.store.tables.nodes.get(node_id)
        if not ready.done() and (commit is None or (node is not None and node.status.state == "ready")):
            ready.set_result(None)

    unwatch = swarm.store.watch(check, Kind.NODE)
    timer = clock.call_later(JOIN_TIMEOUT, lambda: check(None))
    try:
        await ready
    finally:
        unwatch()
        timer.cancel()
