"""Marks in what an interpreter writes: that arrives a little later than it goes on, and a prompt comes after it."""

import asyncio

#: Nothing that anybody writes.
MARK = b"\x00\x1b[.swarmlab\x00"
#: Seconds of real time for a mark to arrive; one that was written to a file (`exec > FILE`) never does.
_PATIENCE = 0.5


class Marks:
    """Those of one stream."""

    def __init__(self) -> None:
        self._rest = b""
        self._arrived = asyncio.Event()

    def without(self, data: bytes) -> bytes:
        """What was written, without marks; the beginning of one is kept for the next call."""
        data = self._rest + data
        if MARK in data:
            self._arrived.set()
            data = data.replace(MARK, b"")
        size = next((size for size in range(len(MARK) - 1, 0, -1) if data.endswith(MARK[:size])), 0)
        self._rest = data[len(data) - size :]
        return data[: len(data) - size]

    async def arrival(self) -> None:
        """Return once the mark that was written has come, and all before it."""
        try:
            await asyncio.wait_for(self._arrived.wait(), _PATIENCE)
        except TimeoutError:
            return
        finally:
            self._arrived.clear()
