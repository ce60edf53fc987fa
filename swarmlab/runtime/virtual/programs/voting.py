"""The three own parts of Docker's example voting app: votes go through Redis, and a worker, to PostgreSQL."""

import asyncio
import contextlib
import html
import json
import re
import secrets
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs

from aiohttp import web

from swarmlab.runtime.streams import no_input
from swarmlab.runtime.virtual.context import Context
from swarmlab.runtime.virtual.machine import UnknownHostError
from swarmlab.runtime.virtual.programs.pgclient import client as postgres_client
from swarmlab.runtime.virtual.programs.whoami import serve
from swarmlab.runtime.virtual.signals import Signals

_PORT = 80
_PAGE = "/app/index.html"
#: Whom the app expects on its networks, as in its stack files.
_REDIS, _DATABASE, _USER = "redis", "db", "postgres"
_VOTER = re.compile("[0-9a-f]{1,32}")
_TABLE = "CREATE TABLE IF NOT EXISTS votes (id VARCHAR(255) NOT NULL UNIQUE, vote VARCHAR(255) NOT NULL)"
#: Seconds of a wait for a vote, and the age at which what the database has said is asked for again.
_WAIT, _OLD = 5, 1.0
_LARGEST_VOTE = 4096


class _AwayError(Exception):
    """Raised when a service of the app cannot be reached."""


async def vote_web(context: Context) -> int:
    """The page on port 80 where people vote for $OPTION_A or $OPTION_B; it says which container it comes from."""
    options = {"a": context.env.get("OPTION_A") or "Cats", "b": context.env.get("OPTION_B") or "Dogs"}
    page = context.machine.root.read(_PAGE).decode()

    async def answer(request: web.BaseRequest) -> web.Response:
        voter = request.cookies.get("voter_id", "")
        if not _VOTER.fullmatch(voter):
            voter = secrets.token_hex(8)
        vote = parse_qs((await request.content.read(_LARGEST_VOTE)).decode("utf-8", "replace")).get("vote", [""])[0]
        said = ""
        if request.method == "POST" and vote in options:
            try:
                async with _redis(context) as redis:
                    await redis.rpush("votes", json.dumps({"voter_id": voter, "vote": vote}))
                said = f"You have voted for {options[vote]}."
                await context.out(f"Received vote for {vote}\n")
            except _AwayError as error:
                said = f"Your vote is lost: {error}"
                await context.err(f"{error}\n")
        values = {"A": options["a"], "B": options["b"], "SAID": said, "HOST": context.machine.hostname}
        text = re.sub(r"\{\{(\w+)\}\}", lambda match: html.escape(values[match[1]]), page)
        response = web.Response(text=text, content_type="text/html")
        response.set_cookie("voter_id", voter)
        return response

    return await serve(context, _PORT, answer)


async def vote_worker(context: Context) -> int:
    """Move votes from Redis to PostgreSQL until SIGTERM; a voter's last one counts."""
    stop = asyncio.Event()
    context.signals.handle(("SIGTERM", "SIGINT"), lambda _: stop.set())
    work = asyncio.ensure_future(_work(context))
    stopped = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait((work, stopped), return_when=asyncio.FIRST_COMPLETED)
    finally:
        work.cancel()
        stopped.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await work
    return 0


async def result_web(context: Context) -> int:
    """The page on port 80 with the votes as PostgreSQL has them; it asks at `votes` beneath it."""
    page = context.machine.root.read(_PAGE)
    loop = asyncio.get_running_loop()
    known: dict[str, Any] = {}
    asked = -_OLD

    async def answer(request: web.BaseRequest) -> web.Response:
        nonlocal asked, known
        if not request.path.endswith("/votes"):
            return web.Response(body=page, content_type="text/html", charset="utf-8")
        if loop.time() - asked >= _OLD:
            asked = loop.time()
            known = await _votes(context)
        return web.json_response(known)

    return await serve(context, _PORT, answer)


async def _work(context: Context) -> None:
    while True:
        try:
            await _sql(context, _TABLE)
            await context.out("Connected to db\n")
            async with _redis(context) as redis:
                await context.out("Connected to redis\n")
                while True:
                    found = await redis.blpop("votes", timeout=_WAIT)
                    if found is not None:
                        await _count(context, found[1])
        except _AwayError as error:
            await context.err(f"{error}\n")
            await context.machine.clock.sleep(1)


async def _count(context: Context, text: bytes) -> None:
    """Write a vote into the database."""
    try:
        vote = json.loads(text)
        voter, choice = str(vote["voter_id"]), str(vote["vote"])
    except (ValueError, KeyError, TypeError):
        return
    if _VOTER.fullmatch(voter) and choice in {"a", "b"}:
        await context.out(f"Processing vote for '{choice}' by '{voter}'\n")
        # Both are of a few characters only.
        statement = f"INSERT INTO votes VALUES ('{voter}', '{choice}') "  # noqa: S608
        await _sql(context, f"{statement} ON CONFLICT (id) DO UPDATE SET vote = EXCLUDED.vote")


async def _votes(context: Context) -> dict[str, Any]:
    try:
        rows = (await _sql(context, "SELECT vote, count(*) FROM votes GROUP BY vote")).split()
    except _AwayError as error:
        return {"problem": str(error), "a": 0, "b": 0}
    counted = {vote: int(number) for vote, _, number in (row.partition("|") for row in rows)}
    return {"problem": "", "a": counted.get("a", 0), "b": counted.get("b", 0)}


async def _sql(context: Context, statement: str) -> str:
    """What the database says to a statement. Raises _AwayError."""
    said = {"stdout": b"", "stderr": b""}

    async def collect(stream: str, data: bytes) -> None:
        said[stream] += data

    argv = ("psql", "-h", _DATABASE, "-U", _USER, "-q", "-t", "-A", "-c", statement)
    env = {"PGPASSWORD": "postgres", "PGCONNECT_TIMEOUT": "5", **context.env}
    asking = context.with_argv(argv).with_env(env).with_input(no_input).with_output(collect)
    # It handles those of its process only.
    asking.signals = Signals()
    if await postgres_client(asking) != 0:
        why = said["stderr"].decode("utf-8", "replace").partition("\n")[0]
        raise _AwayError(f"Waiting for {_DATABASE}: {why}")
    return said["stdout"].decode("utf-8", "replace")


@contextlib.asynccontextmanager
async def _redis(context: Context) -> AsyncIterator[Any]:
    """A connection to Redis. Raises _AwayError, also for what goes wrong in the block."""
    from redis.asyncio import Redis
    from redis.exceptions import RedisError

    try:
        async with context.machine.reached(_REDIS, 6379) as (_, (host, port)), Redis(host=host, port=port) as there:
            yield there
    except UnknownHostError:
        raise _AwayError(f"Waiting for {_REDIS}: there is no {_REDIS} on this network") from None
    except (OSError, RedisError) as error:
        raise _AwayError(f"Waiting for {_REDIS}: {error}") from None
