"""Docker's example voting app: its three own images, with Redis and PostgreSQL between them."""

import asyncio
import json
from pathlib import Path

import aiohttp

from swarmlab.runtime.base import Container

from .support import fetch, lab, on_network, output, wait_for_output

PREFIX = "dockersamples/examplevotingapp_"


async def vote(container: Container, choice: str, cookies: dict[str, str] | None = None) -> tuple[str, str]:
    """Vote as a browser does; the page, and who one is from now on."""
    host, port = container.ports()[80]
    async with (
        aiohttp.ClientSession(cookies=cookies) as session,
        session.post(f"http://{host}:{port}/", data={"vote": choice}) as response,
    ):
        return await response.text(), response.cookies["voter_id"].value


async def result(container: Container, a: int, b: int) -> None:
    """Return once the page with the result shows so many votes."""
    while True:
        found = json.loads((await fetch(container, path="/votes"))[1])
        if (found["a"], found["b"]) == (a, b):
            return
        await asyncio.sleep(0.05)


def test_votes_get_from_one_page_to_the_other(tmp_path: Path) -> None:
    async def main() -> None:
        async with lab(tmp_path) as made:
            box = {
                name: made.create(image, env=("POSTGRES_PASSWORD=postgres", "PATH=/usr/local/bin:/usr/bin:/bin"))
                for name, image in {
                    "vote": f"{PREFIX}vote",
                    "worker": f"{PREFIX}worker",
                    "result": f"{PREFIX}result",
                    "redis": "redis",
                    "db": "postgres",
                }.items()
            }
            for number, name in enumerate(box, 2):
                on_network(made, box[name], number, name)
            for name in ("worker", "vote", "result"):
                await box[name].start()
            await wait_for_output(box["worker"], b"Waiting for db: ")
            assert "Your vote is lost: Waiting for redis" in (await vote(box["vote"], "a"))[0]
            assert json.loads((await fetch(box["result"], path="/votes"))[1])["problem"].startswith("Waiting for db")
            for name in ("redis", "db"):
                await box[name].start()
            await wait_for_output(box["worker"], b"Connected to redis")
            page, me = await vote(box["vote"], "a")
            assert "You have voted for Cats." in page
            assert f"Processed by container ID {box['vote'].config.hostname}" in page
            await vote(box["vote"], "b")
            await result(box["result"], 1, 1)
            assert (await vote(box["vote"], "b", {"voter_id": me}))[1] == me
            await result(box["result"], 0, 2)
            # What no button sends is no vote, and what is no voter gets a number.
            assert "voted" not in (await vote(box["vote"], "c"))[0]
            assert (await vote(box["vote"], "a", {"voter_id": "'; --"}))[1] not in {me, "'; --"}
            await result(box["result"], 1, 2)
            assert b"Processing vote for 'b'" in await output(box["worker"])
            assert b"<h1>Result</h1>" in (await fetch(box["result"]))[1]
            await box["worker"].stop(10)
            assert await box["worker"].wait() == 0

    asyncio.run(asyncio.wait_for(main(), 60))


def test_what_can_be_voted_for_is_a_variable(tmp_path: Path) -> None:
    async def main() -> None:
        async with lab(tmp_path) as made:
            container = await made.start(f"{PREFIX}vote", env=("OPTION_A=<Tea>",))
            _, page = await fetch(container)
            assert b"<h1>&lt;Tea&gt; vs Dogs!</h1>" in page

    asyncio.run(main())
