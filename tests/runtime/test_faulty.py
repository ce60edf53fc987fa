import asyncio
from pathlib import Path
from typing import Any

import pytest

from swarmlab.clock import VirtualClock

from .support import CATALOGUE, Lab, advance, fetch, lab, output, run, turn


def within(state: Path, test: Any) -> None:
    async def main() -> None:
        clock = VirtualClock()
        async with lab(state, clock) as made:
            await asyncio.wait_for(test(made, clock), 30)

    asyncio.run(main())


async def start(made: Lab, name: str, *variables: str, **changes: Any) -> Any:
    image = CATALOGUE.find(f"swarmlab/{name}")
    assert image is not None
    container = made.create(f"swarmlab/{name}", env=(*image.config.env, *variables), **changes)
    await container.start()
    await turn()
    return container


@pytest.mark.parametrize(("variables", "code"), [((), 1), (("EXIT_CODE=7",), 7), (("EXIT_CODE=0",), 0)])
def test_exits_with_the_code_that_it_is_given(tmp_path: Path, variables: tuple[str, ...], code: int) -> None:
    async def test(made: Lab, clock: VirtualClock) -> None:
        container = await start(made, "exits", *variables)
        assert await container.wait() == code
        assert await output(container, "stderr") == f"exits: this image ends at once, with exit code {code}\n".encode()

    within(tmp_path, test)


def test_crashes_after_a_while(tmp_path: Path) -> None:
    async def test(made: Lab, clock: VirtualClock) -> None:
        container = await start(made, "crashes", "CRASH_AFTER=60")
        await advance(clock, 59)
        assert container.pid
        assert (await fetch(container))[0].startswith(b"HTTP/1.1 200")
        await advance(clock, 1)
        assert await container.wait() == 139
        assert b"crashed after 60 seconds" in await output(container, "stderr")

    within(tmp_path, test)


def test_answers_every_third_request_with_an_error(tmp_path: Path) -> None:
    async def test(made: Lab, clock: VirtualClock) -> None:
        container = await start(made, "answers-500", "STATUS=503", "EVERY=3")
        heads = [(await fetch(container))[0][9:12] for _ in range(4)]
        assert heads == [b"200", b"200", b"503", b"200"]

    within(tmp_path, test)


def test_is_healthy_only_for_a_while(tmp_path: Path) -> None:
    async def test(made: Lab, clock: VirtualClock) -> None:
        container = await start(made, "unhealthy", "HEALTHY_FOR=10")
        assert (await run(container, "wget", "-qO-", "http://localhost/health"))[0] == 0
        await advance(clock, 10)
        assert (await run(container, "wget", "-qO-", "http://localhost/health"))[0] == 1
        assert (await fetch(container))[0].startswith(b"HTTP/1.1 200")

    within(tmp_path, test)


def test_listens_late(tmp_path: Path) -> None:
    async def test(made: Lab, clock: VirtualClock) -> None:
        container = await start(made, "slow-start")
        await advance(clock, 14)
        assert 80 not in container.ports()
        await advance(clock, 1)
        assert 80 in container.ports()

    within(tmp_path, test)


def test_leaks_until_the_kernel_kills_it(tmp_path: Path) -> None:
    async def test(made: Lab, clock: VirtualClock) -> None:
        container = await start(made, "leaks", memory=64 << 20)
        await advance(clock, 7.5)
        assert container.pid
        assert not container.oom_killed
        await advance(clock, 1)
        assert await container.wait() == 137
        assert container.oom_killed
        free = await start(made, "leaks")
        await advance(clock, 3600)
        assert free.pid

    within(tmp_path, test)


def test_a_variable_that_is_no_number_ends_it(tmp_path: Path) -> None:
    async def test(made: Lab, clock: VirtualClock) -> None:
        container = await start(made, "crashes", "CRASH_AFTER=soon")
        assert await container.wait() == 2
        assert await output(container) == b"faulty-web: CRASH_AFTER=soon is no number that makes sense here\n"

    within(tmp_path, test)
