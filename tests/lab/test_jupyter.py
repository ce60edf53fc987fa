"""JupyterLab as scripts/lab runs it: what its cells and terminals see, and that it stays inside its own folder."""

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from queue import Empty
from typing import Any
from urllib.parse import parse_qs, urlsplit

import psutil
import pytest
from jupyter_client.blocking.client import BlockingKernelClient

from swarmlab.lab import jupyter_config, manage
from swarmlab.lab.jupyter import JupyterError, Server, serve, surroundings

LAB = {"DOCKER_HOST": "unix:///lab/node-1.sock", "DOCKER_CONFIG": "/lab/docker", "SWARMLAB_LAB": "a-lab"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("jupyter in a path with spaces")


@pytest.fixture(scope="module")
def docker(folder: Path) -> Path:
    command = folder / "docker command" / "docker"
    command.parent.mkdir()
    command.write_text("#!/bin/sh\necho genuine\n")
    command.chmod(0o755)
    return command


@pytest.fixture(scope="module")
def environ(folder: Path, docker: Path) -> dict[str, str]:
    """The environment for a user whose home holds nothing and whose PATH has no docker."""
    (folder / "home").mkdir()
    present = {**os.environ, "HOME": str(folder / "home"), "PATH": "/usr/bin:/bin", "DOCKER_CONTEXT": "mine"}
    return surroundings(present, LAB, docker, folder / "jupyter")


@pytest.fixture(scope="module")
def server(folder: Path, environ: dict[str, str]) -> Iterator[Server]:
    (folder / "labs").mkdir()
    (folder / "labs" / "a.ipynb").write_text('{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}')
    with serve(folder / "labs", folder / "jupyter", environ, first=Path("a.ipynb")) as running:
        yield running


def ask(server: Server, path: str, method: str = "GET", content: dict[str, Any] | None = None) -> Any:
    parts = urlsplit(server.url)
    token = parse_qs(parts.query)["token"][0]
    body = None if content is None else json.dumps(content).encode()
    request = urllib.request.Request(
        f"http://{parts.netloc}/{path}", body, {"Authorization": f"token {token}"}, method=method
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def shown(content: dict[str, Any]) -> str:
    """What a message of a kernel shows in the notebook; states and echoes show nothing."""
    return str(content.get("text") or "\n".join(content.get("traceback", [])))


def run_in_kernel(runtime: Path, kernel: str, code: str) -> str:
    client = BlockingKernelClient(connection_file=str(runtime / f"kernel-{kernel}.json"))
    client.load_connection_file()
    # A kernel that begins on a busy machine is silent for longer than the second after which it would be given up.
    client.hb_channel.time_to_dead = 60
    client.start_channels()
    printed: list[str] = []
    try:
        client.wait_for_ready(timeout=60)
        client.execute_interactive(
            code, timeout=60, output_hook=lambda message: printed.append(shown(message["content"]))
        )
    except Empty:
        pytest.fail("the kernel did not answer")
    finally:
        client.stop_channels()
    return "".join(printed)


def test_the_environment_is_the_labs_and_the_users_own_jupyter_is_left_out(folder: Path, docker: Path) -> None:
    present = {
        "PATH": "/usr/bin",
        "LANG": "C.UTF-8",
        "DOCKER_HOST": "tcp://elsewhere",
        "DOCKER_TLS_VERIFY": "1",
        "JUPYTER_PATH": "/mine",
        "JUPYTERLAB_DIR": "/mine",
        "PYTHONPATH": "/mine",
    }
    seen = surroundings(present, LAB, docker, folder)
    assert seen == {
        **LAB,
        "LANG": "C.UTF-8",
        "PATH": f"{Path(sys.executable).parent}:{docker.parent}:/usr/bin:/lab/docker/cli-plugins",
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "JUPYTER_DATA_DIR": str(folder / "data"),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        "JUPYTER_PREFER_ENV_PATH": "0",
        "IPYTHONDIR": str(folder / "ipython"),
    }


def test_it_shows_the_notebooks_and_only_with_the_token(server: Server) -> None:
    assert urlsplit(server.url).path == "/lab/tree/a.ipynb"
    assert [entry["name"] for entry in ask(server, "api/contents")["content"]] == ["a.ipynb"]
    with pytest.raises(urllib.error.HTTPError, match="403") as refused:
        urllib.request.urlopen(server.url.split("/lab/")[0] + "/api/contents", timeout=30)
    refused.value.close()


def test_it_starts_without_what_takes_half_of_its_start(environ: dict[str, str]) -> None:
    command = [sys.executable, "-X", "importtime", "-m", "swarmlab.lab.jupyter_process", "--version"]
    imported = subprocess.run(command, env=environ, capture_output=True, text=True, check=True).stderr
    assert "jsonschema._format" in imported
    assert "rfc3987_syntax.syntax_helpers" not in imported


def test_it_listens_on_this_machine_only(server: Server) -> None:
    listening = [
        c.laddr.ip for c in psutil.Process(server.process.pid).net_connections() if c.status == psutil.CONN_LISTEN
    ]
    assert set(listening) == {"127.0.0.1"}


def test_it_neither_asks_for_news_nor_for_updates(server: Server) -> None:
    parts = urlsplit(server.url)
    with urllib.request.urlopen(f"http://{parts.netloc}{parts.path}?{parts.query}", timeout=30) as page:
        text = page.read().decode()
    start = text.index('id="jupyter-config-data"')
    config = json.loads(text[text.index(">", start) + 1 : text.index("</script>", start)])
    assert config["news"] == {"disabled": True}
    # Without this one it asks whether its user wants any.
    assert "@jupyterlab/apputils-extension:announcements" in config["disabledExtensions"]


def test_defaults_are_the_courses_own(server: Server) -> None:
    answer = ask(server, "lab/api/settings/@jupyterlab/filebrowser-extension:browser")
    assert answer["schema"]["properties"]["showLastModifiedColumn"]["default"] is False


def test_there_is_one_kernel_and_its_cells_see_the_lab(
    server: Server, folder: Path, environ: dict[str, str], docker: Path
) -> None:
    specs = ask(server, "api/kernelspecs")["kernelspecs"]
    assert {name: spec["spec"]["display_name"] for name, spec in specs.items()} == {"python3": "Python 3"}
    kernel = ask(server, "api/kernels", "POST", {"name": "python3"})["id"]
    names = [*LAB, "PATH", "HOME", "DOCKER_CONTEXT"]
    code = f"import json, os, sys\nprint(json.dumps([sys.executable, [os.environ.get(n) for n in {names}]]))"
    seen = json.loads(run_in_kernel(folder / "jupyter" / "runtime", kernel, code))
    assert seen == [sys.executable, [environ.get(name) for name in names]]
    assert run_in_kernel(folder / "jupyter" / "runtime", kernel, "!docker version") == "genuine\r\n"


def test_terminals_see_the_lab(server: Server) -> None:
    ask(server, "api/terminals", "POST", {})
    shells = [
        child for child in psutil.Process(server.process.pid).children() if "ipykernel_launcher" not in child.cmdline()
    ]
    assert shells
    for shell in shells:
        assert "-l" not in shell.cmdline()
        assert LAB.items() <= shell.environ().items()


def test_nothing_is_written_outside_its_folder(server: Server, folder: Path) -> None:
    assert list((folder / "home").rglob("*")) == []
    assert [path.name for path in (folder / "labs").iterdir()] == ["a.ipynb"]


def test_its_end_leaves_no_kernel_and_no_terminal(folder: Path, environ: dict[str, str]) -> None:
    with serve(folder / "labs", folder / "jupyter", environ) as running:
        ask(running, "api/kernels", "POST", {"name": "python3"})
        ask(running, "api/terminals", "POST", {})
        assert urlsplit(running.url).path == "/lab"
        family = [psutil.Process(running.process.pid), *psutil.Process(running.process.pid).children(recursive=True)]
        assert len(family) >= 3
    _gone, alive = psutil.wait_procs(family, timeout=20)
    assert alive == []


def test_a_port_that_is_taken_is_said_plainly(folder: Path, environ: dict[str, str]) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        with (
            pytest.raises(JupyterError, match=rf"did not start(.*\n)+.*{port}"),
            serve(folder / "labs", folder / "jupyter", environ, port),
        ):
            pytest.fail("it started on a port that was taken")


#: What a JupyterLab imports as it begins: the first one finds a port free that is taken, as if that were done just now.
LATE = """
from pathlib import Path
from tornado import netutil
begun, bind = Path(__file__).with_name("begun"), netutil.bind_sockets
def bind_sockets(*arguments, **named):
    if begun.exists():
        return bind(*arguments, **named)
    begun.touch()
    return []
netutil.bind_sockets = bind_sockets
"""


def test_another_program_that_takes_its_port_at_the_last_moment_is_not_taken_for_it(
    server: Server, docker: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sitecustomize.py").write_text(LATE)
    (tmp_path / "labs").mkdir()
    taken = urlsplit(server.url).port
    monkeypatch.setattr(jupyter_config, "PORT", taken)
    late = surroundings(os.environ, LAB, docker, tmp_path / "jupyter") | {"PYTHONPATH": str(tmp_path)}
    with serve(tmp_path / "labs", tmp_path / "jupyter", late) as another:
        assert (tmp_path / "begun").exists()
        assert urlsplit(another.url).port != taken
        assert ask(another, "api/contents")["content"] == []


@pytest.fixture
def program(folder: Path, docker: Path, tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts what scripts/lab starts, for a lab in a home of its own that is deleted afterwards."""
    docker.write_text("#!/bin/sh\necho 'Docker version 28.2.2, build e6534b4'\n")
    (folder / "labs").mkdir(exist_ok=True)
    environ = {**os.environ, "SWARMLAB_HOME": str(tmp_path), "PATH": f"{docker.parent}:/usr/bin:/bin"}
    environ.pop("SWARMLAB_LAB", None)

    def start(*arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "swarmlab.lab.jupyter", "--notebooks", folder / "labs", *arguments],
            env=environ,
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    yield start
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SWARMLAB_HOME", str(tmp_path))
        for name in lab_names(tmp_path):
            manage.down(name, purge=True)


def lab_names(home: Path) -> list[str]:
    return [path.parent.name for path in home.glob("*/lab.json")]


def told_until(process: subprocess.Popen[str], text: str) -> str:
    assert process.stdout is not None
    told = ""
    for line in process.stdout:
        told += line
        if text in line:
            return told
    pytest.fail(f"it ended before it told {text!r}: {told}{process.communicate()[1]}")


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_ctrl_c_ends_jupyterlab_and_the_lab_goes_on_until_it_is_stopped(
    program: Callable[..., subprocess.Popen[str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    stop: signal.Signals,
) -> None:
    monkeypatch.setenv("SWARMLAB_HOME", str(tmp_path))
    process = program("--no-browser", "--name", "a-lab", "--nodes", "2")
    told = told_until(process, "Ctrl-C ends JupyterLab")
    assert 'The lab "a-lab" runs: 2 Docker engines' in told
    assert "http://127.0.0.1:" in told
    process.send_signal(stop)
    rest, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, "")
    assert 'The lab "a-lab" goes on; to stop it: ' in rest
    assert rest.endswith(" down --name a-lab\n")
    assert manage.status("a-lab")["state"] == "running"


def test_with_stop_the_lab_ends_with_jupyterlab(
    program: Callable[..., subprocess.Popen[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SWARMLAB_HOME", str(tmp_path))
    process = program("--no-browser", "--nodes", "1", "--stop")
    assert "the lab stops too" in told_until(process, "Ctrl-C ends JupyterLab")
    process.send_signal(signal.SIGINT)
    rest, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, "")
    assert 'The lab "default" has stopped' in rest
    assert manage.status("default")["state"] == "stopped"


def test_wrong_arguments_are_refused_without_a_traceback(folder: Path, environ: dict[str, str], docker: Path) -> None:
    asked = subprocess.run(
        [sys.executable, "-m", "swarmlab.lab.jupyter", "--name", "Not A Name"],
        env={**environ, "PATH": os.environ["PATH"], "SWARMLAB_HOME": str(folder / "labs home")},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert asked.returncode == 1
    assert "Traceback" not in asked.stderr
    assert asked.stderr.startswith("swarmlab: ")
