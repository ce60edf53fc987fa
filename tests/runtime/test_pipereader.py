import asyncio
import os
from collections.abc import Coroutine
from typing import Any

from swarmlab.runtime.virtual.processes.pipereader import PipeReader


class Piped:
    """A pipe, and what its reader has handed on."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.drained: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        out, self._end = os.pipe()
        self._out = open(out, "rb", buffering=0)  # noqa: SIM115 - the transport closes it
        self.reader = PipeReader("stdout", lambda _, data: self.pieces.append(data), self.drained)

    async def open(self) -> None:
        await asyncio.get_running_loop().connect_read_pipe(lambda: self.reader, self._out)

    async def write(self, piece: bytes) -> None:
        os.write(self._end, piece)
        for _ in range(3):
            await asyncio.sleep(0)

    async def end(self) -> bytes:
        os.close(self._end)
        await self.drained
        return b"".join(self.pieces)


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(test, 30))


def test_a_program_that_writes_now_and_then_is_read_at_once() -> None:
    async def test() -> None:
        pipe = Piped()
        await pipe.open()
        for number in range(40):
            await pipe.write(b"%d" % number)
            assert len(pipe.pieces) == number + 1
        assert await pipe.end() == b"".join(b"%d" % number for number in range(40))

    run(test())


def test_a_program_that_writes_all_the_time_is_read_in_large_pieces() -> None:
    async def test() -> None:
        pipe = Piped()
        await pipe.open()
        loop = asyncio.get_running_loop()
        begin, written = loop.time(), 0
        while loop.time() < begin + 0.3:
            await pipe.write(b"%9d" % written)
            written += 1
        spans = (loop.time() - begin) / 0.1 + 1
        assert len(pipe.pieces) <= spans * (50 + 0.1 / 0.005)
        assert await pipe.end() == b"".join(b"%9d" % number for number in range(written))

    run(test())


def test_who_is_held_is_not_read_until_it_goes_on() -> None:
    async def test() -> None:
        pipe = Piped()
        await pipe.open()
        for _ in range(60):
            await pipe.write(b"x")
        pipe.reader.hold(True)
        read = len(pipe.pieces)
        # The end of a rest is not the end of that.
        await asyncio.sleep(0.02)
        await pipe.write(b"y")
        assert len(pipe.pieces) == read
        pipe.reader.hold(False)
        assert await pipe.end() == b"x" * 60 + b"y"
        pipe.reader.hold(False)

    run(test())
