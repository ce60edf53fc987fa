import asyncio

import pytest

from swarmlab.clock import SECOND, VirtualClock
from swarmlab.runtime.base import LogLine
from swarmlab.runtime.virtual import logs
from swarmlab.runtime.virtual.logs import LogBuffer

from .support import advance, turn


async def read(buffer: LogBuffer, **options: int | None) -> list[bytes]:
    return [line.data async for line in buffer.read(**options)]  # type: ignore[arg-type]


def test_lines_have_their_stream_and_instant() -> None:
    clock = VirtualClock()
    buffer = LogBuffer(clock)
    buffer.write("stdout", b"one\ntw")
    buffer.write("stderr", b"err\n")
    start = clock.now()
    clock.advance(1)
    buffer.write("stdout", b"o\nthree")
    buffer.close()

    async def main() -> None:
        assert [line async for line in buffer.read()] == [
            LogLine(start, "stdout", b"one\n"),
            LogLine(start, "stderr", b"err\n"),
            LogLine(start + SECOND, "stdout", b"two\n"),
            LogLine(start + SECOND, "stdout", b"three"),
        ]

    asyncio.run(main())


def test_since_until_and_tail() -> None:
    clock = VirtualClock()
    buffer = LogBuffer(clock)
    start = clock.now()
    for number in range(5):
        buffer.write("stdout", b"%d\n" % number)
        clock.advance(1)

    async def main() -> None:
        assert await read(buffer, since=start + 2 * SECOND) == [b"2\n", b"3\n", b"4\n"]
        assert await read(buffer, until=start + SECOND) == [b"0\n", b"1\n"]
        assert await read(buffer, tail=2) == [b"3\n", b"4\n"]
        assert await read(buffer, tail=0) == []
        assert await read(buffer, tail=99) == [b"0\n", b"1\n", b"2\n", b"3\n", b"4\n"]

    asyncio.run(main())


def test_following_ends_with_the_run() -> None:
    async def main() -> None:
        buffer = LogBuffer(VirtualClock())
        buffer.open()
        buffer.write("stdout", b"before\n")
        follower = asyncio.create_task(read(buffer, follow=True, tail=0))
        await turn()
        buffer.write("stdout", b"one\n")
        await turn()
        assert not follower.done()
        buffer.write("stdout", b"two")
        buffer.close()
        assert await follower == [b"one\n", b"two"]
        assert await read(buffer, follow=True) == [b"before\n", b"one\n", b"two"]

    asyncio.run(main())


def test_following_ends_at_until() -> None:
    async def main() -> None:
        clock = VirtualClock()
        buffer = LogBuffer(clock)
        buffer.open()
        follower = asyncio.create_task(read(buffer, follow=True, until=clock.now() + 10 * SECOND))
        await advance(clock, 9)
        assert not follower.done()
        buffer.write("stdout", b"in time\n")
        await advance(clock, 1)
        assert await follower == [b"in time\n"]

    asyncio.run(main())


def test_old_lines_go_first_and_a_slow_follower_misses_only_those(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "CAPACITY", 20)

    async def main() -> None:
        buffer = LogBuffer(VirtualClock())
        buffer.open()
        follower = asyncio.create_task(read(buffer, follow=True))
        await turn()
        for number in range(100):
            buffer.write("stdout", b"%d\n" % number)
        buffer.close()
        kept = await read(buffer)
        assert len(kept) <= 20
        assert kept[-1] == b"99\n"
        assert await follower == kept

    asyncio.run(main())


def test_a_line_that_never_ends_is_cut() -> None:
    async def main() -> None:
        buffer = LogBuffer(VirtualClock())
        buffer.write("stdout", b"x" * 40_000)
        assert [len(data) for data in await read(buffer)] == [16_384, 16_384]

    asyncio.run(main())
