"""Finding and fetching the docker command, with a stand-in for Docker's download server on this machine."""

import hashlib
import io
import os
import subprocess
import sys
import tarfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from swarmlab.lab import docker_cli
from swarmlab.lab.docker_cli import DockerCliError, StaticBuild, find_docker, on_path, path_with

GENUINE = b"#!/bin/sh\necho 'Docker version 28.2.2, build e6534b4'\n"


def archive(members: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            member.mode = 0o644
            tar.addfile(member, io.BytesIO(content))
    return packed.getvalue()


@dataclass
class Server:
    """What the download server sends, and what it was asked for."""

    body: bytes
    cut_at: int | None = None
    status: int = 200
    requests: list[str] = field(default_factory=list)
    build: StaticBuild = field(init=False)


@pytest.fixture
def server() -> Iterator[Server]:
    # Random bytes do not compress, so that cutting the archive cuts the command.
    content = GENUINE + b"#" + os.urandom(300_000).replace(b"\n", b"")
    state = Server(archive({"docker/containerd": b"not this one", "docker/docker": content}))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.requests.append(self.path)
            self.send_response(state.status)
            self.send_header("Content-Length", str(len(state.body)))
            self.end_headers()
            self.wfile.write(state.body[: state.cut_at])

        def log_message(self, format: str, *args: object) -> None:
            """Stay silent."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        state.build = StaticBuild(
            "28.2.2", f"http://127.0.0.1:{http.server_port}/docker-28.2.2.tgz", hashlib.sha256(content).hexdigest()
        )
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield state
        http.shutdown()
        thread.join()


@pytest.fixture
def empty(tmp_path: Path) -> dict[str, str]:
    """An environment whose PATH has no docker command, and whose cache is empty."""
    (tmp_path / "bin").mkdir()
    return {"PATH": str(tmp_path / "bin"), "XDG_CACHE_HOME": str(tmp_path / "cache")}


def command(folder: Path, content: bytes = GENUINE) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / "docker"
    path.write_bytes(content)
    path.chmod(0o755)
    return path


def left_in_cache(environ: dict[str, str]) -> list[Path]:
    return [path for path in Path(environ["XDG_CACHE_HOME"]).rglob("*") if path.is_file()]


def test_the_docker_command_on_path_comes_first(tmp_path: Path, empty: dict[str, str], server: Server) -> None:
    docker = command(tmp_path / "bin")
    assert find_docker(empty, server.build) == docker
    assert server.requests == []
    assert left_in_cache(empty) == []


@pytest.mark.parametrize(
    "impostor",
    [
        b"#!/bin/sh\necho 'podman version 4.3.1'\n",
        b"#!/bin/sh\necho 'Docker version 19.03.15, build 99e3ed8'\n",
        b"#!/bin/sh\nexit 1\n",
        b"\x7fELF but not really",
        b"#!/nowhere/sh\n",
    ],
    ids=["podman", "too old", "failing", "no program", "no interpreter"],
)
def test_an_impostor_is_passed_over(tmp_path: Path, impostor: bytes) -> None:
    command(tmp_path / "first", impostor)
    docker = command(tmp_path / "second")
    assert on_path(f"{tmp_path / 'first'}::{tmp_path / 'missing'}:{tmp_path / 'second'}") == docker


@pytest.mark.parametrize("version", ["20.10.24+dfsg1, build 297e128", "28.2.2, build e6534b4", "100.0.0-rc.1, build 1"])
def test_docker_from_20_10_on_is_good(tmp_path: Path, version: str) -> None:
    docker = command(tmp_path / "bin", f"#!/bin/sh\necho 'Docker version {version}'\n".encode())
    assert on_path(str(tmp_path / "bin")) == docker


def test_it_is_fetched_once_checked_and_run(
    empty: dict[str, str], server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    docker = find_docker(empty, server.build)
    assert docker == Path(empty["XDG_CACHE_HOME"]) / "swarmlab" / "docker-28.2.2" / "docker"
    assert docker_cli.is_usable(docker)
    assert "fetching docker 28.2.2" in capsys.readouterr().err
    assert find_docker(empty, server.build) == docker
    assert len(server.requests) == 1
    assert left_in_cache(empty) == [docker]


def test_a_damaged_copy_in_the_cache_is_fetched_again(empty: dict[str, str], server: Server) -> None:
    docker = find_docker(empty, server.build)
    docker.write_bytes(GENUINE)
    find_docker(empty, server.build)
    assert len(server.requests) == 2
    assert hashlib.sha256(docker.read_bytes()).hexdigest() == server.build.sha256


def test_without_leave_to_fetch_nothing_is_asked_for(empty: dict[str, str], server: Server) -> None:
    with pytest.raises(DockerCliError, match="nor in the cache"):
        find_docker(empty, server.build, fetch=False)
    assert server.requests == []


def test_a_wrong_checksum_is_refused_and_nothing_is_left(empty: dict[str, str], server: Server) -> None:
    server.body = archive({"docker/docker": GENUINE + b"# tampered with\n"})
    with pytest.raises(DockerCliError, match="wrong checksum"):
        find_docker(empty, server.build)
    assert left_in_cache(empty) == []


@pytest.mark.parametrize("cut_at", [0, 10, 5_000, 200_000])
def test_a_download_that_breaks_off_leaves_nothing_and_the_next_one_works(
    empty: dict[str, str], server: Server, cut_at: int
) -> None:
    server.cut_at = cut_at
    with pytest.raises(DockerCliError, match="could not be fetched"):
        find_docker(empty, server.build)
    assert left_in_cache(empty) == []
    server.cut_at = None
    assert docker_cli.is_usable(find_docker(empty, server.build))


@pytest.mark.parametrize("members", [{}, {"docker/dockerd": GENUINE}, {"../docker": GENUINE}])
def test_an_archive_without_the_command_is_refused(
    tmp_path: Path, empty: dict[str, str], server: Server, members: dict[str, bytes]
) -> None:
    server.body = archive(members)
    with pytest.raises(DockerCliError, match="has no docker command"):
        find_docker(empty, server.build)
    assert left_in_cache(empty) == []


@pytest.mark.parametrize("status", [403, 404, 500])
def test_a_refusal_names_what_to_install(empty: dict[str, str], server: Server, status: int) -> None:
    server.status = status
    with pytest.raises(DockerCliError, match=rf"{status}.*\n.*\n.*apt install docker-cli.*\n.*brew install docker"):
        find_docker(empty, server.build)


def test_a_server_that_is_not_there_names_what_to_install(empty: dict[str, str], server: Server) -> None:
    gone = StaticBuild("28.2.2", "http://127.0.0.1:1/docker.tgz", server.build.sha256)
    with pytest.raises(DockerCliError, match=r"could not be fetched.*\n.*\n.*apt install docker-cli"):
        find_docker(empty, gone)


def test_a_cache_that_cannot_be_made_is_said_plainly(tmp_path: Path, empty: dict[str, str], server: Server) -> None:
    (tmp_path / "cache").write_text("a file stands where the cache should be")
    with pytest.raises(DockerCliError, match="could not be fetched"):
        find_docker(empty, server.build)
    with pytest.raises(DockerCliError, match="HOME"):
        find_docker({"PATH": empty["PATH"]}, server.build)


def test_the_cache_is_under_home_by_default(tmp_path: Path, empty: dict[str, str], server: Server) -> None:
    docker = find_docker({"PATH": empty["PATH"], "HOME": str(tmp_path)}, server.build)
    assert docker == tmp_path / ".cache" / "swarmlab" / "docker-28.2.2" / "docker"


@pytest.mark.parametrize(("system", "machine"), [("linux", "aarch64"), ("darwin", "arm64"), ("darwin", "x86_64")])
def test_other_machines_are_told_what_to_install(
    monkeypatch: pytest.MonkeyPatch, empty: dict[str, str], system: str, machine: str
) -> None:
    monkeypatch.setattr(docker_cli.sys, "platform", system)
    monkeypatch.setattr(docker_cli.platform, "machine", lambda: machine)
    with pytest.raises(DockerCliError, match=r"for this kind of machine.*\n.*\n.*apt.*\n.*brew"):
        find_docker(empty)


def test_path_leads_to_the_docker_that_was_found(tmp_path: Path) -> None:
    docker = command(tmp_path / "docker")
    command(tmp_path / "impostor", b"")
    other = tmp_path / "other"
    assert path_with(docker, f"{other}:{docker.parent}") == f"{other}:{docker.parent}"
    assert path_with(docker, f"{tmp_path / 'impostor'}:{docker.parent}").startswith(
        f"{docker.parent}:{tmp_path / 'impostor'}:"
    )
    assert path_with(docker, "") == str(docker.parent)


def test_as_a_program_it_prints_the_path_or_a_message(tmp_path: Path, empty: dict[str, str]) -> None:
    docker = command(tmp_path / "bin")
    program = [sys.executable, "-m", "swarmlab.lab.docker_cli"]
    found = subprocess.run(program, env=empty, capture_output=True, text=True, check=False)
    assert (found.returncode, found.stdout, found.stderr) == (0, f"{docker}\n", "")
    docker.unlink()
    # No cache either: nothing can be fetched, whatever machine runs this test.
    missing = subprocess.run(program, env={"PATH": empty["PATH"]}, capture_output=True, text=True, check=False)
    assert missing.returncode == 1
    assert "apt install docker" in missing.stderr
    assert "Traceback" not in missing.stderr
