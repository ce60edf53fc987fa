"""Unix sockets that are mounted in containers: an engine's, which tells of its swarm."""

import asyncio
import io
import json
import tarfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from aiohttp import web

from swarmlab.runtime.base import Container, File, Mount

from .support import Lab, fetch, lab, output, run, wait_for_output

TARGET = "/var/run/docker.sock"
NODE = {
    "ID": "n1",
    "Description": {"Hostname": "node-1"},
    "Spec": {"Role": "manager", "Availability": "drain"},
    "Status": {"State": "ready", "Addr": "10.0.0.1"},
    "ManagerStatus": {"Leader": True},
}
SERVICE = {"ID": "s1", "CreatedAt": "2026-01-01T00:00:00Z", "Spec": {"Name": "web"}}


def task(number: int, state: str, **more: Any) -> Mapping[str, Any]:
    return {
        "ID": f"task{number}", "ServiceID": "s1", "Slot": number, "CreatedAt": "2026-01-01T00:00:00Z",
        "Spec": {"ContainerSpec": {"Image": "nginx:1.25@sha256:0"}}, "Status": {"State": state}, **more,
    }  # fmt: skip


@asynccontextmanager
async def engine(answers: Mapping[str, tuple[int, Any]]) -> AsyncIterator[Path]:
    """Somebody who answers as an engine does; where."""

    async def answer(request: web.BaseRequest) -> web.Response:
        status, value = answers[request.path]
        return web.json_response(value, status=status)

    # A socket's path is short; pytest's own folders are not.
    with TemporaryDirectory() as folder:
        path = Path(folder) / "engine.sock"
        server = web.Server(answer)
        listener = await asyncio.get_running_loop().create_unix_server(server, path)
        try:
            yield path
        finally:
            listener.close()
            await server.shutdown(timeout=1)


def mounted(path: Path) -> tuple[Mount, ...]:
    return (Mount(target=TARGET, source=path, socket=True),)


def within(state: Path, test: Any, answers: Mapping[str, tuple[int, Any]] | None = None) -> None:
    async def main() -> None:
        async with lab(state) as made, engine(answers or {"/nodes": (200, [NODE])}) as path:
            await asyncio.wait_for(test(made, path), 60)

    asyncio.run(main())


async def sleeping(made: Lab, path: Path, image: str = "alpine", **more: Any) -> Container:
    return await made.start(image, "sleep", "1000", mounts=mounted(path), **more)


def test_shells_see_a_socket_that_is_no_file_of_the_container(tmp_path: Path) -> None:
    async def test(made: Lab, path: Path) -> None:
        box = await sleeping(made, path)
        code, said = await run(box, "ls", "-l", TARGET)
        assert (code, said.split()[0], said.split()[-1]) == (0, b"srw-rw----", TARGET.encode())
        assert b"socket" in (await run(box, "stat", TARGET))[1]
        code, said = await run(box, "cat", TARGET)
        assert (code, b"No such device or address" in said) == (1, True)
        code, said = await run(box, "sh", "-c", f"[ -e {TARGET} ] && ! [ -f {TARGET} ] && echo hi > {TARGET}")
        assert (code, b"No such device or address" in said) == (1, True)
        code, said = await run(box, "rm", TARGET)
        assert (code, b"busy" in said) == (1, True)
        with tarfile.open(fileobj=io.BytesIO(box.rootfs())) as files:
            assert not [name for name in files.getnames() if name.endswith("docker.sock")]

    within(tmp_path, test)


_ASK = """
import http.client, json, os, socket, stat
class Engine(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect("/var/run/docker.sock")
engine = Engine("localhost")
engine.request("GET", "/nodes")
print(json.load(engine.getresponse())[0]["ID"])
print(stat.S_ISSOCK(os.lstat("/var/run/docker.sock").st_mode), os.path.islink("/var/run/docker.sock"))
"""


def test_python_talks_to_the_engine(tmp_path: Path) -> None:
    async def test(made: Lab, path: Path) -> None:
        box = await sleeping(made, path, "python:3-alpine")
        assert await run(box, "python", "-c", _ASK) == (0, b"n1\nTrue False\n")
        # Now that its files are real, shells see the same.
        assert (await run(box, "ls", "-l", TARGET))[1].startswith(b"srw-rw----")
        await box.stop(0)
        await box.start()
        assert await run(box, "python", "-c", _ASK) == (0, b"n1\nTrue False\n")

    within(tmp_path, test)


def test_curl_talks_to_the_engine(tmp_path: Path) -> None:
    async def test(made: Lab, path: Path) -> None:
        box = await sleeping(made, path, "nginx")
        asks = ("curl", "-s", "--unix-socket", TARGET)
        code, said = await run(box, *asks, "http://localhost/nodes")
        assert (code, json.loads(said)) == (0, [NODE])
        assert (await run(box, *asks, "-w", "%{http_code}", "-o", "/dev/null", "http://localhost/nodes"))[1] == b"200"
        refused = b"curl: (7) Failed to connect to localhost port 80 after 0 ms: Couldn't connect to server\n"
        assert await run(box, "curl", "--unix-socket", "/nowhere", "http://localhost/nodes") == (7, refused)
        assert await run(box, *asks[:1], *asks[2:], "http://localhost/nodes", user="1000") == (7, refused)

    within(tmp_path, test)


_SITE = """
server {
    listen 80;
    location / { proxy_pass http://unix:/var/run/docker.sock:/; }
    location /other/ { proxy_pass http://unix:MACHINES:/; }
}
"""


def test_nginx_passes_on_to_the_engine_and_to_no_socket_of_this_machine(tmp_path: Path) -> None:
    async def test(made: Lab, path: Path) -> None:
        site = File("/etc/nginx/conf.d/default.conf", _SITE.replace("MACHINES", str(path)).encode())
        web = await made.start("nginx", mounts=mounted(path), files=(site,))
        head, body = await fetch(web, path="/nodes")
        assert head.startswith(b"HTTP/1.1 200")
        assert json.loads(body) == [NODE]
        assert (await fetch(web, path="/other/nodes"))[0].startswith(b"HTTP/1.1 502")

    within(tmp_path, test)


def test_only_root_and_a_group_may_use_it(tmp_path: Path) -> None:
    async def test(made: Lab, path: Path) -> None:
        for user in ("1000:1000", "1000:0"):
            box = await sleeping(made, path, "python:3-alpine", user=user)
            code, said = await run(box, "python", "-c", _ASK)
            assert code == 1
            assert b"PermissionError: [Errno 13] Permission denied" in said
        box = await sleeping(made, path, "python:3-alpine", user="1000:999")
        assert (await run(box, "python", "-c", _ASK))[0] == 0

    within(tmp_path, test)


def test_sockets_of_this_machine_are_no_containers(tmp_path: Path) -> None:
    """Not by the path that they have here, nor in a directory that is mounted, if it is the machine's own Docker."""

    async def test(made: Lab, path: Path) -> None:
        box = await made.start("python:3-alpine", "sleep", "1000")
        code, said = await run(box, "python", "-c", _ASK.replace(TARGET, str(path)))
        assert (code, b"FileNotFoundError: [Errno 2] No such file or directory" in said) == (1, True)
        other = await made.start("python:3-alpine", "sleep", "1000", mounts=(Mount("/host", path.parent),))
        asks = _ASK.replace(TARGET, "/host/engine.sock")
        assert await run(other, "python", "-c", asks) == (0, b"n1\nTrue False\n")
        mine = f"import containerfiles; containerfiles._MACHINES_DOCKER = {str(path)!r}\n"
        code, said = await run(other, "python", "-c", mine + asks)
        assert (code, b"FileNotFoundError" in said) == (1, True)

    within(tmp_path, test)


def test_the_visualizer_shows_the_swarm(tmp_path: Path) -> None:
    tasks = [
        task(2, "pending", Status={"State": "pending", "Err": "no suitable node"}),
        task(1, "running", NodeID="n1"),
        task(3, "failed", NodeID="n1"),
        task(4, "running", NodeID="n2", DesiredState="shutdown"),
        task(5, "running", NodeID="n1", DesiredState="shutdown"),
    ]

    async def test(made: Lab, path: Path) -> None:
        viz = await made.start("dockersamples/visualizer", mounts=mounted(path))
        head, page = await fetch(viz, 8080)
        assert head.startswith(b"HTTP/1.1 200")
        assert b"text/html" in head
        assert b"<h1>Swarm visualizer</h1>" in page
        state = json.loads((await fetch(viz, 8080, "/state"))[1])
        assert (state["problem"], state["interval"]) == ("", 1000)
        assert state["nodes"][:1] == [
            {"id": "n1", "name": "node-1", "role": "manager", "leader": True, "availability": "drain",
             "state": "ready", "address": "10.0.0.1"}
        ]  # fmt: skip
        assert [(t["name"], t["node"], t["image"], t["state"], t["message"]) for t in state["tasks"]] == [
            ("web.1", "n1", "nginx:1.25", "running", ""),
            ("web.2", "", "nginx:1.25", "pending", "no suitable node"),
            ("web.5", "n1", "nginx:1.25", "running", ""),
        ]
        assert (await fetch(viz, 8080, "/nowhere"))[0].startswith(b"HTTP/1.1 404")
        assert b"listens on port 8080" in await output(viz)

    lost = {**NODE, "ID": "n2", "Description": {"Hostname": "node-2"}, "Status": {"State": "down"}}
    answers = {"/nodes": (200, [lost, NODE]), "/services": (200, [SERVICE]), "/tasks": (200, tasks)}
    within(tmp_path, test, answers)


def test_the_visualizer_has_to_be_roots(tmp_path: Path) -> None:
    async def test(made: Lab, path: Path) -> None:
        viz = await made.start("dockersamples/visualizer", mounts=mounted(path), user="1000")
        await wait_for_output(viz, b"Only root may use /var/run/docker.sock")

    within(tmp_path, test)


def test_the_visualizer_may_be_elsewhere_on_its_host(tmp_path: Path) -> None:
    async def test(made: Lab, path: Path) -> None:
        viz = await made.start("dockersamples/visualizer", mounts=mounted(path), env=("MS=250", "CTX_ROOT=/viz"))
        head, _ = await fetch(viz, 8080, "/viz")
        assert b"Location: /viz/" in head
        assert b"<h1>" in (await fetch(viz, 8080, "/viz/"))[1]
        assert json.loads((await fetch(viz, 8080, "/viz/state"))[1])["interval"] == 250

    answers = {"/nodes": (200, [NODE]), "/services": (200, []), "/tasks": (200, [])}
    within(tmp_path, test, answers)


@pytest.mark.parametrize(
    ("has_socket", "status", "told"),
    [
        (False, 200, "There is no engine at /var/run/docker.sock in this container. Start the service with --mount"),
        (True, 503, "Only managers know the swarm. Start the service with --constraint node.role==manager (The engine"),
        (True, 500, "The engine says: This node is not a swarm manager."),
    ],
)
def test_the_visualizer_says_what_it_lacks(tmp_path: Path, has_socket: bool, status: int, told: str) -> None:
    async def test(made: Lab, path: Path) -> None:
        viz = await made.start("dockersamples/visualizer", mounts=mounted(path) if has_socket else ())
        await wait_for_output(viz, told.encode())
        state = json.loads((await fetch(viz, 8080, "/state"))[1])
        assert state["problem"].startswith(told)
        assert (state["nodes"], state["tasks"]) == ([], [])
        # It says so once.
        assert (await output(viz, "stderr")).count(told.encode()) == 1

    within(tmp_path, test, {"/nodes": (status, {"message": "This node is not a swarm manager."})})
