"""Nothing of a shell is left when its script has ended: an interpreter holds three open files of the lab's."""

import asyncio
import gc
import os
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from swarmlab.clock import SECOND, ScaledClock
from swarmlab.objects.container import HealthConfig
from swarmlab.runtime.virtual.shell.shell import Shell

from .support import Lab, lab, output, run, wait_for_output

_FILES = Path("/proc/self/fd")


def left() -> tuple[int, int]:
    """How many shells there are, and how many of this process's open files are those of interpreters."""
    gc.collect()
    shells = sum(isinstance(each, Shell) for each in gc.get_objects())
    links = [os.readlink(each) for each in _FILES.iterdir() if each.is_symlink()] if _FILES.exists() else []
    return shells, links.count("anon_inode:[eventpoll]")


async def execs(made: Lab) -> None:
    container = await made.start("alpine", "sleep", "100000")
    for script in (
        "true",
        "sleep 100000 & true",
        "sleep 1 & wait",
        "echo a | cat; nosuch",
        "exit 3",
        "trap 'echo x' EXIT; sh -c 'echo b'",
        "if",
    ):
        await run(container, "sh", "-c", script)
    assert await run(container, "sh", stdin=[b"echo hi\n"]) == (0, b"hi\n")
    await container.stop(0)
    await container.remove()


async def main_programs(made: Lab) -> None:
    for script in (
        "echo done",
        "sleep 100000 & echo done",
        "trap 'echo bye; exit 0' TERM; echo up; while true; do sleep 1; done",
    ):
        container = await made.start("alpine", "sh", "-c", script)
        await wait_for_output(container, script.split()[-1].encode() if "trap" not in script else b"up")
        await container.stop(5)
        await container.remove()


async def probes(made: Lab) -> None:
    check = HealthConfig(test=("CMD-SHELL", "echo fine"), interval=SECOND // 10)
    container = await made.start("alpine", "sleep", "100000", healthcheck=check)
    await container.wait_healthy()
    await container.stop(0)
    await container.remove()


async def cancelled(made: Lab) -> None:
    container = await made.start("alpine", "sleep", "100000")
    started = asyncio.Event()

    async def collect(stream: str, data: bytes) -> None:
        started.set()

    script = "echo up; while true; do sleep 1; done"
    work = asyncio.create_task(container.exec(("sh", "-c", script), collect))
    await started.wait()
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)
    await container.stop(0)
    await container.remove()


@pytest.mark.parametrize("work", [execs, main_programs, probes, cancelled])
def test_no_interpreter_outlives_its_script(tmp_path: Path, work: Callable[[Lab], Coroutine[Any, Any, None]]) -> None:
    async def main() -> None:
        async with lab(tmp_path, ScaledClock(50)) as made:
            # The first time brings what is kept for all shells.
            await work(made)
            before = left()
            for _ in range(3):
                await work(made)
            async with asyncio.timeout(10):
                # One that was stopped takes a moment to let go of its files, as may those of tests before this one.
                while any(now > then for now, then in zip(left(), before, strict=True)):  # noqa: ASYNC110 (nothing else tells)
                    await asyncio.sleep(0.02)

    asyncio.run(main())


@pytest.mark.parametrize(
    ("script", "code", "said"),
    [
        ("sleep 100000 & echo done", 0, b"done\n"),
        ("nc -l -p 90 & exit 4", 4, b""),
        ("(while true; do sleep 1; done) & false", 1, b""),
        ("sleep 0.1 & wait; echo 'one & two'; exit 5", 5, b"one & two\n"),
        ("sleep 100000 & kill %1; echo $?", 0, b"0\n"),
    ],
)
def test_a_container_ends_with_its_shell_whatever_goes_on_in_the_background(
    tmp_path: Path, script: str, code: int, said: bytes
) -> None:
    async def main() -> tuple[int, bytes]:
        async with lab(tmp_path, ScaledClock()) as made:
            container = await made.start("alpine", "sh", "-c", script)
            return await container.wait(), await output(container)

    assert asyncio.run(main()) == (code, said)
