"""Waiting for something, but no longer than some swarm time."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from swarmlab.clock import Clock

T = TypeVar("T")


async def wait_at_most(clock: Clock, future: "asyncio.Future[Any]", seconds: float) -> bool:
    """Whether `future` is done within `seconds` of swarm time. Does not cancel it, and does not raise its exception."""
    late: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    timer = clock.call_later(seconds, lambda: None if late.done() else late.set_result(None))
    try:
        await asyncio.wait((future, late), return_when=asyncio.FIRST_COMPLETED)
    finally:
        timer.cancel()
        late.cancel()
    return future.done()


async def run_at_most(clock: Clock, work: Coroutine[Any, Any, T], seconds: float) -> T:
    """The result of `work`. Raises TimeoutError, having cancelled it, when `seconds` of swarm time are not enough."""
    task = asyncio.get_running_loop().create_task(work)
    try:
        if await wait_at_most(clock, task, seconds):
            return task.result()
        raise TimeoutError
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
