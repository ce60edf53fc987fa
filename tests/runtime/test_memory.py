"""Containers without a limit of their own: what keeps them from using up the machine's memory."""

import asyncio
from pathlib import Path

import psutil
import pytest

from swarmlab.clock import ScaledClock
from swarmlab.runtime.virtual.files import memoryguard
from swarmlab.runtime.virtual.processes import watch

from .support import lab, output, run

_FILL = "head -c 1000000 /dev/zero > /tmp/a; for i in $(seq 20); do cat /tmp/a > /tmp/f$i; done; echo done; sleep 1000"


def test_who_has_most_in_memory_is_killed_when_the_lab_grows_too_large(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = 0
    monkeypatch.setattr(memoryguard, "_own_size", lambda: size)
    monkeypatch.setattr(memoryguard, "_PAUSE", 0.02)

    async def main() -> None:
        nonlocal size
        async with lab(tmp_path, ScaledClock()) as made:
            small = await made.start("alpine", "sleep", "1000")
            assert await run(small, "sh", "-c", "echo small > /tmp/f") == (0, b"")
            large = await made.start("alpine", "sh", "-c", _FILL)
            while b"done" not in await output(large):  # noqa: ASYNC110
                await asyncio.sleep(0.02)
            size = psutil.virtual_memory().total
            assert await large.wait() == 137
            size = 0
            assert large.oom_killed
            assert b"swarmlab: the lab needs too much memory; this container, which has files of 20 MB" in await output(
                large
            )
            assert small.pid
            # Nothing of it is lost, or in memory.
            assert large.stat("/tmp/f20").size == 1_000_000
            await large.start()
            assert large.pid

    asyncio.run(main())


def test_a_container_without_a_limit_has_a_part_of_the_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "MOST_MEMORY", (80 << 20) / psutil.virtual_memory().total)

    async def main() -> None:
        async with lab(tmp_path, ScaledClock()) as made:
            script = "import time\na = []\nwhile True:\n  a.append(b'x' * 10_000_000)\n  time.sleep(0.05)"
            container = await made.start("python", "python", "-c", script)
            assert await container.wait() == 137
            assert container.oom_killed
            assert b"swarmlab: a container without a limit of its own uses" in await output(container)

    asyncio.run(main())
