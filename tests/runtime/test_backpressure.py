"""A real process whose output nobody takes waits, and ends all the same."""

import asyncio
from pathlib import Path

import pytest

from swarmlab.runtime.virtual.processes.process import Child

from .support import lab


async def fetch(address: tuple[str, int], times: int) -> None:
    """Make nginx write so many lines to its log."""
    _, writer = await asyncio.open_connection(*address)
    for _ in range(times):
        writer.write(b"GET /" + b"x" * 2000 + b" HTTP/1.1\r\nHost: x\r\n\r\n")
    await writer.drain()
    writer.close()


def test_nginx_is_held_at_a_full_pipe_and_can_be_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held: list[bool] = []
    hold = Child.hold

    def spy(child: Child, wanted: bool) -> None:
        held.append(wanted)
        hold(child, wanted)

    monkeypatch.setattr(Child, "hold", spy)

    async def main() -> None:
        async with lab(tmp_path) as made:
            container = await made.start("nginx")
            attached = container.attach()
            async with asyncio.timeout(30):
                while True not in held:
                    await fetch(container.ports()[80], 100)
                container.kill()
                assert await container.wait() == 137
            attached.close()

    asyncio.run(main())
