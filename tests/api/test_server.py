import asyncio
import socket
import stat
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest

from swarmlab.api import Server, nodes
from swarmlab.api import server as server_module
from swarmlab.api.call import Route
from swarmlab.api.router import Router
from tests.official.schemas import definitions

from .conftest import Client

#: Every path of the official definition of API 1.50.
KNOWN = definitions("1.50").endpoints


def test_ping_tells_versions_builder_and_swarm(client: Client) -> None:
    reply = client("HEAD", "/_ping")
    wanted = {
        "Api-Version": "1.50",
        "Builder-Version": "1",
        "Docker-Experimental": "false",
        "Ostype": "linux",
        "Swarm": "inactive",
        "Server": "Docker/28.2.2 (linux)",
        "Cache-Control": "no-cache, no-store, must-revalidate",
    }
    assert {name: reply.headers.get(name) for name in wanted} == wanted
    assert client("GET", "/v1.24/_ping").body == b"OK"
    client.init()
    assert client("GET", "/_ping").headers["Swarm"] == "active/manager"
    client.engine.cluster.worker = True
    assert client("GET", "/_ping").headers["Swarm"] == "active/worker"


def test_the_version_in_the_path_is_optional_and_checked(client: Client) -> None:
    assert client("GET", "/version").json == client("GET", "/v1.41/version").json
    reply = client("GET", "/v1.51/info")
    assert (reply.status, reply.message) == (
        400, "client version 1.51 is too new. Maximum supported API version is 1.50",
    )  # fmt: skip
    old = client("GET", "/v1.23/info")
    assert (old.status, old.headers["Content-Type"]) == (400, "text/plain; charset=utf-8")
    assert old.body.decode() == (
        "client version 1.23 is too old. Minimum supported API version is 1.24, "
        "please upgrade your client to a newer version\n"
    )


@pytest.mark.parametrize(("method", "path"), [("GET", "/nosuch"), ("GET", "/v1.41/nosuch"), ("POST", "/info")])
def test_an_unknown_route_is_not_found(client: Client, method: str, path: str) -> None:
    reply = client(method, path)
    assert (reply.status, reply.message) == (404, "page not found")


@pytest.mark.parametrize("known", KNOWN)
def test_every_route_of_the_official_definition_is_known(known: str) -> None:
    method, path = known.split(" ")
    assert server_module._ROUTER.find(method, path.replace("{id}", "x").replace("{name}", "x")) is not None


def test_what_is_not_there_yet_says_so(client: Client) -> None:
    reply = client("POST", "/plugins/create")
    assert (reply.status, reply.message) == (501, "creating a plugin is not available in swarmlab yet")


def test_names_may_hold_slashes() -> None:
    router = Router([Route("GET", "/images/{name*}/json", nodes.list_nodes)])
    match = router.find("GET", "/images/a/b:1/json")
    assert match is not None
    assert match.names == {"name": "a/b:1"}
    assert router.find("GET", "/images/json") is None


def test_calls_are_noted_but_pings_are_not(client: Client) -> None:
    client("GET", "/_ping")
    client("GET", "/v1.41/nodes?filters=%7B%7D")
    client("GET", "/v1.41/nosuch")
    assert [tuple(request) for request in client.journal.requests] == [
        ("node-1", "GET", "/nodes", "filters=%7B%7D", 503, "test/1"),
        ("node-1", "GET", "/nosuch", "", 404, "test/1"),
    ]


def test_writes_name_who_asked(client: Client) -> None:
    client.init()
    client("POST", "/v1.41/configs/create", {"Name": "c", "Data": "aGk="})
    actor = client.engine.commits[-1].actor
    assert (actor.engine, actor.request, actor.client) == ("node-1", "POST /configs/create", "test/1")


def test_a_fault_of_ours_is_logged_and_shows_no_traceback(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    client.engine.cluster.info = cast(Any, lambda: 1 / 0)
    reply = client("GET", "/info")
    assert (reply.status, reply.message) == (500, "internal error: ZeroDivisionError: division by zero")
    assert "GET /info failed" in caplog.text


def test_the_socket_is_private_replaces_a_stale_one_and_goes_away(client: Client) -> None:
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(client.socket))
    assert client("GET", "/_ping").status == 200
    assert stat.S_IMODE(client.socket.stat().st_mode) == 0o600
    client.run(client._close())
    assert not client.socket.exists()


def test_a_server_that_ends_leaves_its_successor_s_socket_alone(client: Client) -> None:
    client("GET", "/_ping")
    successor = Server(cast(Any, client.engine), cast(Any, client.journal))
    client.run(successor.start(client.socket))
    client.run(client.server.close())
    assert client.socket.exists()
    client.run(successor.close())
    assert not client.socket.exists()


def test_a_client_that_goes_away_does_not_undo_what_it_asked_for(client: Client) -> None:
    reached, go_on, done = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def join(_: object) -> None:
        reached.set()
        await go_on.wait()
        done.set()

    async def ask_and_leave() -> None:
        session = await client.connect()
        call = asyncio.ensure_future(session.post("http://docker/swarm/join", json={}))
        await reached.wait()
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
        go_on.set()
        await done.wait()

    client.engine.cluster.join = cast(Any, join)
    client.run(ask_and_leave())
    assert done.is_set()


def _endless(client: Client) -> tuple[asyncio.Event, asyncio.Event]:
    """Make `/events` wait for ever; tells when someone listens, and when nobody does any more."""
    listening, over = asyncio.Event(), asyncio.Event()

    async def subscribe(since: int, until: int) -> AsyncIterator[object]:
        listening.set()
        try:
            await asyncio.Event().wait()
            yield None
        finally:
            over.set()

    client.engine.events.subscribe = cast(Any, subscribe)
    return listening, over


def test_a_stream_ends_when_its_client_goes_away(client: Client) -> None:
    listening, over = _endless(client)

    async def listen_and_leave() -> None:
        session = await client.connect()
        response = await session.get("http://docker/events")
        # The headers came at once, and the call is noted although it has not ended.
        assert [request.path for request in client.journal.requests] == ["/events"]
        await listening.wait()
        response.close()
        await over.wait()

    client.run(listen_and_leave())
    assert over.is_set()


def test_streams_end_with_the_server(client: Client) -> None:
    listening, over = _endless(client)

    async def listen_and_close() -> None:
        session = await client.connect()
        await session.get("http://docker/events")
        await listening.wait()
        await client.server.close()

    client.run(listen_and_close())
    assert over.is_set()


def test_large_bodies_are_read_and_enormous_ones_are_refused(client: Client) -> None:
    client.init()
    data = "A" * 1_300_000
    assert client("POST", "/configs/create", {"Name": "big", "Data": data}).status == 201
    refused = client("POST", "/configs/create", b" " * (65 << 20))
    assert refused.status == 413
    assert "message" in refused.json
