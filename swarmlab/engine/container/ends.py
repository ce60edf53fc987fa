"""Who waits for the ends of an engine's containers (MB: container/state.go, Wait)."""

import asyncio
from typing import Literal

Condition = Literal["not-running", "next-exit", "removed"]
_CONDITIONS: tuple[Condition, ...] = ("not-running", "next-exit", "removed")


class Ends:
    """An end for good is one after which no policy starts the container again."""

    def __init__(self) -> None:
        self._ended: dict[str, asyncio.Future[int]] = {}
        self._waiters: dict[tuple[str, Condition], list[asyncio.Future[int]]] = {}

    def began(self, container_id: str) -> None:
        """The container runs: its end is to come."""
        ended = self._ended.get(container_id)
        if ended is None or ended.done():
            self._ended[container_id] = asyncio.get_running_loop().create_future()

    async def for_good(self, container_id: str, code: int) -> int:
        """The exit code of the end that is to come; `code` when none is, since the container never ran here."""
        ended = self._ended.get(container_id)
        # Shielded: others may wait for the same end.
        return code if ended is None else await asyncio.shield(ended)

    def waiter(self, container_id: str, condition: Condition) -> "asyncio.Future[int]":
        """Done with the exit code once the condition is met."""
        found: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        waiters = self._waiters.setdefault((container_id, condition), [])
        waiters.append(found)
        # Whoever gives up waiting is forgotten.
        found.add_done_callback(lambda _: waiters.remove(found) if found in waiters else None)
        return found

    def waiting(self) -> int:
        """How many wait."""
        return sum(map(len, self._waiters.values()))

    def exited(self, container_id: str, code: int, *, again: bool) -> None:
        """It has ended; with `again` a policy will start it once more, but for a moment it does not run."""
        self._wake(container_id, "next-exit", code)
        if again:
            self._wake(container_id, "not-running", code)
        else:
            self.over(container_id, code)

    def over(self, container_id: str, code: int) -> None:
        """It has ended for good."""
        ended = self._ended.get(container_id)
        if ended is not None and not ended.done():
            ended.set_result(code)
        self._wake(container_id, "not-running", code)

    def forget(self, container_id: str) -> None:
        """It is about to be removed: nothing is to come."""
        self._ended.pop(container_id, None)

    def removed(self, container_id: str, code: int) -> None:
        """It is gone, which is what everyone waits for."""
        for condition in _CONDITIONS:
            self._wake(container_id, condition, code)

    def lost(self) -> None:
        """The engine has lost its power: nobody will ever tell those who wait."""
        for future in (*self._ended.values(), *(waiter for all_ in self._waiters.values() for waiter in all_)):
            future.cancel()
        self._waiters.clear()
        self._ended.clear()

    def _wake(self, container_id: str, condition: Condition, code: int) -> None:
        for waiter in self._waiters.pop((container_id, condition), ()):
            if not waiter.done():
                waiter.set_result(code)
