"""Scripts that evaluate themselves for ever end, and the lab does not end with them."""

import asyncio
import ctypes
import mmap
import sys
from pathlib import Path

import pytest

from swarmlab.runtime.virtual.shell.runaways import Run, Runaways, Stack

from .support import lab, run

EVAL = 'eval "$S"'


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells of stacks")
@pytest.mark.parametrize(
    "script",
    [EVAL, f"{EVAL} | cat", f"({EVAL})", f"x=$({EVAL})", f"f() {{ {EVAL}; }}; f", f"sh -c '{EVAL}'", f"{EVAL} & wait",
     f"trap '{EVAL}' EXIT", f"printf '#!/bin/sh\\n%s\\n' '{EVAL}' > /x; chmod +x /x; /x", f"sleep 1000 & {EVAL}"],
)  # fmt: skip
@pytest.mark.parametrize("again", ['eval "$S"', 'true | eval "$S"', 'id >/dev/null; eval "$S"'])
def test_a_script_that_evaluates_itself_ends_in_the_end(tmp_path: Path, script: str, again: str) -> None:
    async def test() -> None:
        async with lab(tmp_path) as here:
            box = await here.start("alpine", "sleep", "1000")
            code, said = await run(box, "sh", "-c", script, env=(f"S={again}",))
            assert (code, said) == (139, b"")
            assert await run(box, "echo", "alive") == (0, b"alive\n")

    asyncio.run(test())


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells of stacks")
def test_one_after_the_other_at_once_and_as_the_first_process_of_a_container(tmp_path: Path) -> None:
    async def test() -> None:
        async with lab(tmp_path) as here:
            box = await here.start("alpine", "sleep", "1000")
            for _ in range(10):
                assert await run(box, "sh", "-c", EVAL, env=(f"S={EVAL}",)) == (139, b"")
            main = await here.start("alpine", "sh", "-c", EVAL, env=(f"S={EVAL}",))
            assert await main.wait() == 139

    asyncio.run(test())


class Fake:
    """A stack of 4 MiB, and scripts that run on it."""

    def __init__(self, memory: mmap.mmap) -> None:
        self.memory = memory
        low = ctypes.addressof(ctypes.c_char.from_buffer(memory))
        self.runaways = Runaways(lambda: [Stack(low, low + len(memory))])
        self.ended: list[str] = []

    def reach(self, part: float, mark: bytes = b"x") -> None:
        """Somebody gets so far down."""
        size = len(self.memory)
        self.memory[size - int(size * part) : size] = mark * int(size * part)


@pytest.fixture
def fake() -> Fake:
    # Of its own, as memory that only one process has.
    return Fake(mmap.mmap(-1, 4 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS))


def test_who_computes_is_ended_when_a_stack_is_used_too_far_and_not_who_waits(fake: Fake) -> None:
    busy, idle = Run(), Run()
    with (
        fake.runaways.watched(busy, lambda: fake.ended.append("busy")),
        fake.runaways.watched(idle, lambda: fake.ended.append("idle")),
        idle.waiting(),
    ):
        fake.reach(0.05)
        fake.runaways.look()
        assert not fake.ended
        fake.reach(0.15)
        fake.runaways.look()
        assert fake.ended == ["busy"]
        assert (busy.is_ended, idle.is_ended) == (True, False)


def test_who_waits_is_ended_when_nobody_else_is_there(fake: Fake) -> None:
    slow = Run()
    with fake.runaways.watched(slow, lambda: fake.ended.append("slow")), slow.waiting():
        fake.runaways.look()
        fake.reach(0.15)
        fake.runaways.look()
        assert fake.ended == ["slow"]


def test_who_waits_often_computes_in_between(fake: Fake) -> None:
    slow, idle = Run(), Run()
    with (
        fake.runaways.watched(slow, lambda: fake.ended.append("slow")),
        fake.runaways.watched(idle, lambda: fake.ended.append("idle")),
        idle.waiting(),
    ):
        fake.runaways.look()
        fake.reach(0.15)
        with slow.waiting():
            fake.runaways.look()
        assert fake.ended == ["slow"]


def test_a_stack_that_was_used_too_far_may_be_used_again(fake: Fake) -> None:
    with fake.runaways.watched(Run(), lambda: fake.ended.append("first")):
        fake.reach(0.15)
        fake.runaways.look()
        # It takes a while to leave, and does something meanwhile.
        fake.reach(0.15, b"y")
        fake.runaways.look()
    with fake.runaways.watched(Run(), lambda: fake.ended.append("second")):
        fake.runaways.look()
        fake.runaways.look()
        assert fake.ended == ["first"]
        fake.reach(0.15, b"z")
        fake.runaways.look()
        assert fake.ended == ["first", "second"]
