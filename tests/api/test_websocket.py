"""Attaching through a websocket. What is expected of refusals is what Docker 20.10.24 did."""

import asyncio
from typing import Any

import aiohttp
import pytest

from .live import Live

ASKS = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


async def attached(live: Live, path: str) -> aiohttp.ClientWebSocketResponse:
    session = await live.client.connect()
    return await session.ws_connect(f"http://docker{path}")


@pytest.mark.parametrize(("version", "kind"), [("1.27", aiohttp.WSMsgType.TEXT), ("1.41", aiohttp.WSMsgType.BINARY)])
def test_a_websocket_has_what_is_written_unmarked(live: Live, version: str, kind: aiohttp.WSMsgType) -> None:
    live.create("cat", OpenStdin=True, StdinOnce=True)

    async def work() -> list[tuple[aiohttp.WSMsgType, object]]:
        socket = await attached(live, f"/v{version}/containers/box/attach/ws?stream=1")
        await live.engine.by_hand.start("box")
        await socket.send_str("hello\n")
        found = [await asyncio.wait_for(socket.receive(), 10)]
        live.engine.by_hand.inside("box").close_stdin()
        found.append(await asyncio.wait_for(socket.receive(), 10))
        return [(message.type, message.data) for message in found]

    found = live.client.run(work())
    assert found[0] == (kind, "hello\n" if kind is aiohttp.WSMsgType.TEXT else b"hello\n")
    assert found[1][0] is aiohttp.WSMsgType.CLOSE


def test_streams_may_be_chosen_in_newer_versions(live: Live) -> None:
    live.create("sh", "-c", "echo out; echo err >&2; sleep 1000")

    async def work() -> list[bytes]:
        found = []
        for streams in ("stream=1&stderr=1", "logs=1"):
            socket = await attached(live, f"/containers/box/attach/ws?{streams}")
            await live.engine.by_hand.start("box")
            message = await asyncio.wait_for(socket.receive(), 10)
            found.append(message.data if message.type is aiohttp.WSMsgType.BINARY else b"")
        return found

    assert live.client.run(work()) == [b"err\n", b""]


def ours() -> list[asyncio.Task[Any]]:
    """What is done for clients that are attached."""
    named = ((task, str(getattr(task.get_coro(), "__qualname__", ""))) for task in asyncio.all_tasks())
    return [task for task, name in named if name.startswith(("_Frames", "_Session"))]


def test_who_leaves_a_websocket_leaves_nothing_behind(live: Live) -> None:
    live.run("cat", OpenStdin=True)

    async def work() -> str:
        socket = await attached(live, "/v1.41/containers/box/attach/ws?stream=1")
        await socket.send_str("one\n")
        assert (await asyncio.wait_for(socket.receive(), 10)).data == b"one\n"
        assert ours()
        await socket.close()
        while left := ours():
            await asyncio.wait(left, return_when=asyncio.FIRST_COMPLETED)
        return str(live.engine.containers.find("box").state.status)

    assert live.client.run(asyncio.wait_for(work(), 10)) == "running"


def test_what_asks_for_no_websocket_is_refused(live: Live) -> None:
    live.run("sleep", "1000")
    path = "/v1.41/containers/box/attach/ws?stream=1"
    reply = live.client("GET", path)
    assert (reply.status, reply.body) == (400, b"not websocket protocol")
    reply = live.client("GET", path, headers={**ASKS, "Sec-WebSocket-Version": "12"})
    assert (reply.status, reply.body) == (400, b"missing or bad WebSocket Version")
    assert reply.headers["Sec-WebSocket-Version"] == "13"
    reply = live.client("GET", path, headers={key: value for key, value in ASKS.items() if not key.endswith("Key")})
    assert (reply.status, reply.body) == (400, b"mismatch challenge/response")
    reply = live.client("GET", "/containers/nosuch/attach/ws", headers=ASKS)
    assert (reply.status, reply.message) == (404, "No such container: nosuch")
    reply = live.client("GET", "/containers/box/attach/ws?detachKeys=foo", headers=ASKS)
    assert (reply.status, reply.message) == (400, "Invalid detach keys (foo) provided")
    reply = live.client("GET", path, headers={**ASKS, "Origin": "http://docker"})
    assert reply.status == 403
