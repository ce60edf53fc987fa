"""The visualizer: a page that shows a swarm's nodes and tasks, as the engine tells them at /var/run/docker.sock."""

import contextlib
import json
import posixpath
from collections.abc import AsyncIterator, Collection, Mapping
from typing import Any

import aiohttp
from aiohttp import web

from swarmlab.runtime.virtual.context import Context
from swarmlab.runtime.virtual.programs.whoami import serve

_PORT = 8080
_PAGE = "/app/index.html"
_SOCKET = "/var/run/docker.sock"
#: Seconds that the engine may take for an answer.
_PATIENCE = 5.0
_MOUNT = f"--mount type=bind,source={_SOCKET},target={_SOCKET}"
_NO_SOCKET = f"There is no engine at {_SOCKET} in this container. Start the service with {_MOUNT}"
_NOT_ROOT = f"Only root may use {_SOCKET}. Start the service without --user"
_NO_MANAGER = "Only managers know the swarm. Start the service with --constraint node.role==manager"
#: States of tasks that have ended: nothing of them is on a node any more.
_ENDED = frozenset({"complete", "shutdown", "failed", "rejected", "remove", "orphaned"})
_State = dict[str, Any]


class _UnknownError(Exception):
    """Raised when the engine does not tell; the text says why, and what to do."""


async def visualizer(context: Context) -> int:
    """Serve the page at $CTX_ROOT and what it shows at `state` beneath; the page asks again after $MS milliseconds."""
    root = posixpath.join("/", context.env.get("CTX_ROOT", "/").strip("/"))
    beneath = root.rstrip("/") + "/"
    milliseconds = context.env.get("MS", "")
    interval = max(100, int(milliseconds)) if milliseconds.isdecimal() else 1000
    page = context.machine.root.read(_PAGE)
    told = ""

    async def answer(request: web.BaseRequest) -> web.Response:
        nonlocal told
        if request.path == beneath:
            return web.Response(body=page, content_type="text/html", charset="utf-8")
        if request.path == root:
            return web.Response(status=301, headers={"Location": beneath})
        if request.path != f"{beneath}state":
            return web.Response(status=404, text="404 page not found\n")
        state = await _look(context)
        if state["problem"] != told:
            told = state["problem"]
            await context.err(f"{told or 'The engine answers.'}\n")
        body = json.dumps({**state, "interval": interval})
        return web.Response(text=body, content_type="application/json", headers={"Cache-Control": "no-store"})

    await context.out(f"The visualizer listens on port {_PORT}.\n")
    if problem := (await _look(context))["problem"]:
        told = problem
        await context.err(f"{problem}\n")
    return await serve(context, _PORT, answer)


async def _look(context: Context) -> _State:
    """The swarm as it is, or the problem why nothing is known of it."""
    try:
        async with _engine(context) as session:
            nodes, services, tasks = [await _get(session, name) for name in ("nodes", "services", "tasks")]
    except _UnknownError as error:
        return {"problem": str(error), "nodes": [], "services": [], "tasks": []}
    nodes.sort(key=lambda node: (node["Description"].get("Hostname", ""), node["ID"]))
    services.sort(key=lambda service: service["CreatedAt"])
    names = {service["ID"]: service["Spec"]["Name"] for service in services}
    hosts = {node["ID"]: node["Description"].get("Hostname", "") for node in nodes}
    down = {node["ID"] for node in nodes if node["Status"]["State"] == "down"}
    alive = [task for task in tasks if task["Status"]["State"] not in _ENDED and not _is_lost(task, down)]
    alive.sort(key=lambda task: (names.get(task["ServiceID"], ""), task.get("Slot", 0), task["CreatedAt"]))
    return {
        "problem": "",
        "nodes": [_node(node) for node in nodes],
        "services": [{"id": service["ID"], "name": service["Spec"]["Name"]} for service in services],
        "tasks": [_task(task, names, hosts) for task in alive],
    }


@contextlib.asynccontextmanager
async def _engine(context: Context) -> AsyncIterator[aiohttp.ClientSession]:
    try:
        socket = context.socket(_SOCKET)
    except FileNotFoundError:
        raise _UnknownError(_NO_SOCKET) from None
    except PermissionError:
        raise _UnknownError(_NOT_ROOT) from None
    limit = aiohttp.ClientTimeout(total=_PATIENCE)
    try:
        async with aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(socket)), timeout=limit) as session:
            yield session
    except (OSError, TimeoutError, aiohttp.ClientError) as error:
        raise _UnknownError(f"The engine at {_SOCKET} does not answer: {error or type(error).__name__}") from None


async def _get(session: aiohttp.ClientSession, name: str) -> list[_State]:
    async with session.get(f"http://docker/{name}") as response:
        answer = await response.json()
    if response.status == 200:
        found: list[_State] = answer
        return found
    said = f"The engine says: {answer.get('message', response.reason)}"
    raise _UnknownError(f"{_NO_MANAGER} ({said})" if response.status == 503 else said)


def _is_lost(task: Mapping[str, Any], down: Collection[str]) -> bool:
    """Whether a task was to end on a node that cannot say whether it has."""
    return task.get("DesiredState") in {"shutdown", "remove"} and task.get("NodeID") in down


def _node(node: Mapping[str, Any]) -> _State:
    return {
        "id": node["ID"],
        "name": node["Description"].get("Hostname") or node["ID"],
        "role": node["Spec"]["Role"],
        "leader": node.get("ManagerStatus", {}).get("Leader", False),
        "availability": node["Spec"]["Availability"],
        "state": node["Status"]["State"],
        "address": node["Status"].get("Addr", ""),
    }


def _task(task: Mapping[str, Any], names: Mapping[str, str], hosts: Mapping[str, str]) -> _State:
    node, status = task.get("NodeID", ""), task["Status"]
    service = names.get(task["ServiceID"], task["ServiceID"])
    image = task["Spec"].get("ContainerSpec", {}).get("Image", "")
    return {
        "id": task["ID"][:12],
        "name": f"{service}.{task.get('Slot') or hosts.get(node, node)}",
        "service": task["ServiceID"],
        "node": node,
        "image": image.partition("@")[0],
        "state": status["State"],
        "message": status.get("Err", ""),
    }
