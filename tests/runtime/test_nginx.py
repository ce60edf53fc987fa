import asyncio
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from swarmlab.clock import SECOND, ScaledClock
from swarmlab.objects.container import HealthConfig
from swarmlab.runtime.base import File
from swarmlab.runtime.virtual.processes.leftovers import PIDS
from swarmlab.runtime.virtual.processes.process import GUARD, ProcessHost

from .support import Lab, fetch, output, run, wait_for_output, within

SITE = "/etc/nginx/conf.d/default.conf"


def site(text: str) -> dict[str, Any]:
    return {"files": (File(SITE, text.encode()),)}


@pytest.mark.parametrize(
    ("tag", "version"), [("latest", "1.29.1"), ("1.25-alpine", "1.25.5"), ("1.12-alpine", "1.12.2")]
)
def test_serves_the_welcome_page_as_the_version_of_its_tag(tmp_path: Path, tag: str, version: str) -> None:
    async def test(made: Lab) -> None:
        container = await made.start(f"nginx:{tag}")
        head, body = await fetch(container)
        assert head.startswith(b"HTTP/1.1 200 OK\r\n")
        assert f"\r\nServer: nginx/{version}\r\n".encode() in head
        assert b"<title>Welcome to nginx!</title>" in body
        assert b"<h1>Welcome to nginx!</h1>" in body
        assert await run(container, "nginx", "-v") == (0, f"nginx version: nginx/{version}\n".encode())

    within(tmp_path, test)


def test_the_demo_page_says_which_container_answers(tmp_path: Path) -> None:
    async def test(made: Lab) -> None:
        plain = await made.start("nginxdemos/hello:plain-text")
        head, body = await fetch(plain, path="/where")
        assert b"\r\nContent-Type: text/plain\r\n" in head
        assert body.startswith(b"Server address: 127.0.0.1:80\nServer name: host1\nDate: ")
        assert b"\nURI: /where\nRequest ID: " in body
        page = await made.start("nginxdemos/hello")
        assert b"<h1>Hello from host2</h1>" in (await fetch(page))[1]

    within(tmp_path, test)


def test_logs_requests_to_stdout_and_notices_to_stderr_as_pid_1(tmp_path: Path) -> None:
    async def test(made: Lab) -> None:
        container = await made.start("nginx")
        await fetch(container, path="/nosuch")
        await wait_for_output(container, b"GET /nosuch")
        await container.stop(60)
        assert await container.wait() == 0
        stdout = (await output(container, "stdout")).decode()
        assert re.fullmatch(r'127\.0\.0\.1 - - \[[^]]+ \+0000\] "GET /nosuch HTTP/1\.1" 404 \d+ "-" "-"\n', stdout)
        stderr = (await output(container, "stderr")).decode()
        assert " [notice] 1#1: nginx/1.29.1\n" in stderr
        assert 'open() "/usr/share/nginx/html/nosuch" failed (2: No such file or directory)' in stderr
        assert str(tmp_path) not in stderr
        assert "inherited sockets" not in stderr

    within(tmp_path, test)


@pytest.mark.parametrize(("name", "code"), [("SIGQUIT", 0), ("SIGTERM", 0), ("SIGKILL", 137)])
def test_stops_at_once(tmp_path: Path, name: str, code: int) -> None:
    async def test(made: Lab) -> None:
        container = await made.start("nginx")
        await container.stop(10_000, name)
        assert await container.wait() == code
        assert dict(container.ports()) == {}

    within(tmp_path, test)


def test_a_graceful_stop_finishes_the_request_in_progress(tmp_path: Path) -> None:
    async def test(made: Lab) -> None:
        container = await made.start("nginx")
        reader, writer = await asyncio.open_connection(*container.ports()[80])
        writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n")
        # The answer to a second connection shows that nginx has accepted the first.
        await fetch(container)
        stopping = asyncio.create_task(container.stop(10_000))
        await wait_for_output(container, b"gracefully shutting down")
        writer.write(b"\r\n")
        assert (await reader.readline()) == b"HTTP/1.1 200 OK\r\n"
        await reader.read()
        writer.close()
        await stopping
        assert await container.wait() == 0

    within(tmp_path, test)


def test_a_config_file_replaces_the_default_site(tmp_path: Path) -> None:
    async def test(made: Lab) -> None:
        container = await made.start("nginx", **site("server { listen 8080; return 200 'mine'; }"))
        assert list(container.ports()) == [8080]
        assert (await fetch(container, 8080))[1] == b"mine"

    within(tmp_path, test)


def test_quoted_arguments_reach_nginx(tmp_path: Path) -> None:
    text = """server {
        listen 80;
        location ~ "^/a{2}$" { return 200 'it is "so"; ok'; }
        location / { if ($arg_x = "a;b") { return 204; } return 404; }
    }"""

    async def test(made: Lab) -> None:
        container = await made.start("nginx", **site(text))
        assert (await fetch(container, path="/aa"))[1] == b'it is "so"; ok'
        assert (await fetch(container, path="/?x=a;b"))[0].startswith(b"HTTP/1.1 204 ")
        assert (await fetch(container, path="/?x=a"))[0].startswith(b"HTTP/1.1 404 ")

    within(tmp_path, test)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("server {\n listen 80;\n bogus on;\n}\n", rf' \[emerg\] 1#1: unknown directive "bogus" in {SITE}:3\n'),
        ("server {\n listen 80;\n", rf'nginx: \[emerg\] unexpected end of file, expecting "}}" in {SITE}:2\n'),
        (
            "upstream a { server nosuch.invalid:8000; }\n",
            rf'host not found in upstream "nosuch.invalid:8000" in {SITE}:1\n',
        ),
    ],
)
def test_a_wrong_configuration_ends_the_container_with_nginxs_message(tmp_path: Path, text: str, error: str) -> None:
    async def test(made: Lab) -> None:
        container = await made.start("nginx", **site(text))
        assert await container.wait() == 1
        assert re.search(error, (await output(container)).decode())

    within(tmp_path, test)


@pytest.mark.parametrize(
    ("command", "code", "error"),
    [
        ("nginx -t -g 'bogus 1;'", 1, 'nginx: [emerg] unknown directive "bogus" in command line\n'),
        ("nginx -t -c /tmp/own.conf", 0, "nginx: the configuration file /tmp/own.conf syntax is ok\n"),
        ("nginx -t -c x.conf", 1, 'nginx: [emerg] open() "/etc/nginx/x.conf" failed (2: No such file or directory)\n'),
        ("echo 'server { listen 81; }' > /tmp/own.conf; nginx -t -c /tmp/own.conf", 1,
         'nginx: [emerg] "server" directive is not allowed here in /tmp/own.conf:1\n'
         "nginx: configuration file /tmp/own.conf test failed\n"),
    ],
)  # fmt: skip
def test_another_configuration_and_options_are_tested(tmp_path: Path, command: str, code: int, error: str) -> None:
    async def test(made: Lab) -> None:
        box = await made.start("nginx", "sleep", "1000")
        await run(box, "sh", "-c", "echo 'events {} http { server { listen 81; } }' > /tmp/own.conf")
        found, said = await run(box, "sh", "-c", f"({command}) 2>&1")
        assert (found, said.decode().startswith(error)) == (code, True), said

    within(tmp_path, test)


def test_the_page_is_the_containers_file_and_reload_reads_the_configuration_again(tmp_path: Path) -> None:
    async def test(made: Lab) -> None:
        container = await made.start("nginx:alpine")
        assert (await run(container, "sh", "-c", "echo changed > /usr/share/nginx/html/index.html"))[0] == 0
        assert (await fetch(container))[1] == b"changed\n"
        assert await run(container, "wget", "-qO", "-", "http://localhost") == (0, b"changed\n")
        await run(container, "sh", "-c", f"echo 'server {{ listen 80; listen 81; return 200 new; }}' > {SITE}")
        code, text = await run(container, "nginx", "-t")
        assert (code, text.endswith(b"nginx.conf test is successful\n")) == (0, True)
        code, text = await run(container, "nginx", "-s", "reload")
        assert code == 0
        assert re.fullmatch(rb"[\d/]{10} [\d:]{8} \[notice\] (\d+)#\1: signal process started\n", text)
        await wait_for_output(container, b"start worker process")
        # nginx says when the workers of the old configuration have gone.
        await wait_for_output(container, b"exited with code 0")
        assert [(await fetch(container, port))[1] for port in (80, 81)] == [b"new", b"new"]
        await container.stop(60)
        assert await container.wait() == 0
        await container.start()
        assert (await fetch(container))[1] == b"new"

    within(tmp_path, test)


def test_processes_have_the_numbers_of_the_container(tmp_path: Path) -> None:
    async def test(made: Lab) -> None:
        container = await made.start("nginx")
        await wait_for_output(container, b"1#1: start worker process 29\n")
        assert await run(container, "cat", "/run/nginx.pid") == (0, b"1\n")
        assert (await run(container, "nginx", "-s", "reload"))[0] == 0
        await wait_for_output(container, b"1#1: start worker process 30\n")
        await wait_for_output(container, b"29#29: gracefully shutting down\n")
        await wait_for_output(container, b"1#1: worker process 29 exited with code 0\n")

    within(tmp_path, test)


def test_a_second_nginx_finds_the_port_taken(tmp_path: Path) -> None:
    async def test(made: Lab) -> None:
        container = await made.start("nginx")
        code, text = await run(container, "nginx", "-g", "daemon off;")
        assert code == 1
        assert text.startswith(b"nginx: [emerg] bind() to 0.0.0.0:80 failed (98: Address already in use)\n")
        assert (await fetch(container))[0].startswith(b"HTTP/1.1 200")

    within(tmp_path, test)


def test_a_daemon_leaves_pid_1_and_the_container_ends(tmp_path: Path) -> None:
    async def test(made: Lab) -> None:
        container = await made.start("nginx", "nginx")
        assert await container.wait() == 0
        script = "nginx && echo behind && tail -f /dev/null"
        kept = await made.start("nginx", "sh", "-c", script)
        await wait_for_output(kept, b"start worker process")
        assert (await fetch(kept))[0].startswith(b"HTTP/1.1 200")
        kept.kill()
        assert await kept.wait() == 137

    within(tmp_path, test)


def test_an_entrypoint_script_may_exec_nginx(tmp_path: Path) -> None:
    async def test(made: Lab) -> None:
        script = File("/entry.sh", b'#!/bin/sh\necho "starting $1"\nexec "$@"\n', mode=0o755)
        container = await made.start("nginx", "/entry.sh", "nginx", "-g", "daemon off;", files=(script,))
        await wait_for_output(container, b"start worker process")
        assert (await fetch(container))[0].startswith(b"HTTP/1.1 200")
        await container.stop(10_000)
        assert await container.wait() == 0
        assert (await output(container, "stdout")).startswith(b"starting nginx\n")

    within(tmp_path, test)


def test_health_of_a_server(tmp_path: Path) -> None:
    check = HealthConfig(test=("CMD-SHELL", "wget -qO - http://localhost || exit 1"), interval=5 * SECOND, retries=2)

    async def test(made: Lab) -> None:
        container = await made.start("nginx:alpine", healthcheck=check)
        assert await container.wait_healthy()
        await run(container, "rm", "/usr/share/nginx/html/index.html")
        await container.wait_unhealthy()
        assert container.health_log()[-1].output == "wget: server returned error: HTTP/1.1 403 Forbidden\n"

    within(tmp_path, test, ScaledClock(20))


@pytest.mark.bench
def test_twenty_start_at_once_and_serve(tmp_path: Path) -> None:
    async def test(made: Lab) -> None:
        containers = [made.create("nginx") for _ in range(20)]
        await asyncio.gather(*(container.start() for container in containers))
        pages = await asyncio.gather(*(fetch(container) for container in containers))
        assert all(head.startswith(b"HTTP/1.1 200") for head, _ in pages)

    within(tmp_path, test)


LAB = """
import asyncio, sys
from pathlib import Path
from tests.runtime.support import fetch, lab

async def main():
    async with lab(Path(sys.argv[1])) as made:
        container = await made.start("nginx")
        await fetch(container)
        print("up", flush=True)
        await asyncio.get_running_loop().create_future()

asyncio.run(main())
"""


def killed_lab(state: Path, *, guard_too: bool) -> psutil.Process:
    """Run a lab in a process of its own, kill it with SIGKILL, and return the nginx that it had started."""
    command = [sys.executable, "-c", LAB, str(state)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]) as child, ends(child):
        assert child.stdout is not None
        assert child.stdout.readline() == b"up\n"
        [pid_file] = state.glob(f"*/{PIDS}/*")
        nginx = psutil.Process(int(pid_file.name))
        assert " ".join(nginx.cmdline()).startswith("nginx: master process")
        if guard_too:
            [guard] = [one for one in psutil.Process(child.pid).children() if one.name() in ("sh", "dash", "bash")]
            guard.kill()
    return nginx


@contextmanager
def ends(child: "subprocess.Popen[bytes]") -> Iterator[None]:
    try:
        yield
    finally:
        child.kill()


@pytest.mark.skipif(sys.platform == "win32", reason="needs signals")
def test_no_nginx_outlives_a_killed_lab(tmp_path: Path) -> None:
    nginx = killed_lab(tmp_path, guard_too=False)
    workers = nginx.children() if nginx.is_running() else []
    assert psutil.wait_procs([nginx, *workers], timeout=10)[1] == []


@pytest.mark.skipif(sys.platform == "win32", reason="needs signals")
def test_the_next_start_kills_what_even_the_guard_left(tmp_path: Path) -> None:
    nginx = killed_lab(tmp_path, guard_too=True)
    processes = [nginx, *nginx.children()]
    assert len(processes) == 2
    ProcessHost(tmp_path)
    assert psutil.wait_procs(processes, timeout=10)[1] == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="needs signals")
def test_a_stranger_with_a_recycled_number_is_left_alone(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as stranger:
        (tmp_path / "c1" / PIDS).mkdir(parents=True)
        (tmp_path / "c1" / PIDS / str(stranger.pid)).write_text("12345.67\n")
        ProcessHost(tmp_path)
        assert stranger.poll() is None
        stranger.communicate(b"\n")
    assert stranger.returncode == 0
    assert not (tmp_path / "c1").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="needs signals")
def test_the_guard_kills_what_is_left_and_nothing_else() -> None:
    sleepers = [subprocess.Popen(["sleep", "60"], process_group=0) for _ in range(3)]
    try:
        with subprocess.Popen(["/bin/sh", "-c", GUARD], stdin=subprocess.PIPE) as guard:
            for one in sleepers:
                _tell(guard, f"+ {one.pid}\n")
            _tell(guard, f"- {sleepers[1].pid}\n")
        assert sleepers[0].wait(10) == sleepers[2].wait(10) == -signal.SIGKILL
        assert sleepers[1].poll() is None
    finally:
        for one in sleepers:
            one.kill()
            one.wait()


def _tell(guard: "subprocess.Popen[bytes]", line: str) -> None:
    assert guard.stdin is not None
    guard.stdin.write(line.encode())
