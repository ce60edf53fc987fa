"""docker compose, the machine's own or the one that labs fetch, against a lab."""

import json
import re
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from swarmlab.lab.compose_cli import find_compose
from swarmlab.lab.docker_cli import DockerCliError

from .conftest import ClientLab

_FILE = """\
services:
  web:
    image: nginx:alpine
    network_mode: bridge
    ports: ["18087:80"]
    labels: {tier: front}
    healthcheck: {test: ["CMD", "true"], interval: 1s}
  worker:
    image: alpine
    network_mode: bridge
    command: sh -c "echo working; sleep 1000"
    stop_grace_period: 1s
    depends_on: {web: {condition: service_healthy}}
    environment: {COLOR: blue}
"""


class Project:
    """A folder with a compose file."""

    def __init__(self, command: Path, folder: Path, lab: ClientLab) -> None:
        self._command = command
        self._folder = folder
        self._env = {**lab.env(), "COMPOSE_PROGRESS": "plain"}
        folder.mkdir()
        self.write(_FILE)

    def write(self, text: str) -> None:
        (self._folder / "compose.yaml").write_text(text)

    def __call__(self, *arguments: str, code: int = 0) -> str:
        """Run a command; its standard output, or the other one where it fails."""
        done = subprocess.run(
            [str(self._command), *arguments],
            cwd=self._folder, env=self._env, check=False, capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout if code == 0 else done.stderr

    def networks(self) -> list[str]:
        """The names of the project's networks."""
        command = [
            "docker",
            "network",
            "ls",
            "--filter",
            "label=com.docker.compose.project=shop",
            "--format",
            "{{.Name}}",
        ]
        done = subprocess.run(command, env=self._env, check=True, capture_output=True, text=True)
        return sorted(done.stdout.split())

    def states(self) -> dict[str, str]:
        """The state of each container."""
        rows = [json.loads(line) for line in self("ps", "--all", "--format", "json").splitlines()]
        return {row["Name"]: row["State"] for row in rows}


@pytest.fixture(scope="module")
def command() -> Path:
    try:
        found = find_compose()
    except DockerCliError as error:
        pytest.skip(str(error))
    assert found is not None
    return found


@pytest.fixture
def project(command: Path, lab: ClientLab, tmp_path: Path) -> Iterator[Project]:
    lab.reset()
    made = Project(command, tmp_path / "shop", lab)
    yield made
    made("down", "--timeout", "0")


def lines(text: str) -> Sequence[str]:
    return sorted(text.splitlines())


def test_the_file_is_read_and_checked(project: Project) -> None:
    assert lines(project("config", "--services")) == ["web", "worker"]
    assert json.loads(project("config", "--format", "json"))["services"]["worker"]["environment"] == {"COLOR": "blue"}
    project.write("services: {web: {imag: nginx}}")
    assert re.search(r"additional properties 'imag'|services\.web\.imag", project("config", code=1))
    project.write(_FILE)


def test_a_project_lives_from_up_to_down(project: Project) -> None:
    project("up", "--detach")
    assert project.states() == {"shop-web-1": "running", "shop-worker-1": "running"}
    assert project("port", "web", "80") == "0.0.0.0:18087\n"
    assert project("logs", "worker") == "worker-1  | working\n"
    assert project("exec", "-T", "worker", "printenv", "COLOR") == "blue\n"
    project("exec", "-T", "worker", "sh", "-c", "exit 3", code=3)
    assert project("run", "--rm", "-T", "worker", "echo", "once") == "once\n"
    before = project("ps", "--quiet")
    project("up", "--detach")
    assert project("ps", "--quiet") == before
    assert [row["Name"] for row in json.loads(project("ls", "--format", "json"))] == ["shop"]
    project("kill", "worker")
    assert project.states() == {"shop-web-1": "running", "shop-worker-1": "exited"}
    project("start", "worker")
    project("stop")
    assert set(project.states().values()) == {"exited"}
    project("down")
    assert project.states() == {}


def test_a_change_of_the_file_makes_the_container_anew(project: Project) -> None:
    project("up", "--detach")
    web, worker = (project("ps", "--quiet", name) for name in ("web", "worker"))
    project.write(_FILE.replace("COLOR: blue", "COLOR: red"))
    project("up", "--detach")
    assert project("ps", "--quiet", "web") == web
    assert project("ps", "--quiet", "worker") != worker
    assert project("exec", "-T", "worker", "printenv", "COLOR") == "red\n"
    project("up", "--detach", "--scale", "worker=3")
    assert len(project("ps", "--quiet", "worker").split()) == 3
    project("up", "--detach", "--scale", "worker=1")
    assert len(project("ps", "--quiet", "worker").split()) == 1


def test_files_travel_both_ways(project: Project, tmp_path: Path) -> None:
    project("up", "--detach", "worker")
    (tmp_path / "note").write_text("hello")
    project("cp", str(tmp_path / "note"), "worker:/tmp/note")
    project("cp", "worker:/tmp/note", str(tmp_path / "back"))
    assert (tmp_path / "back").read_text() == "hello"


def test_what_does_not_exist_is_said(project: Project) -> None:
    assert "no such service: nosuch" in project("up", "--detach", "nosuch", code=1)
    assert 'service "worker" is not running' in project("exec", "-T", "worker", "true", code=1)
    project.write("services: {web: {image: 'nosuch:1', network_mode: bridge}}")
    assert "pull access denied for nosuch" in project("up", "--detach", code=1)
    project.write(_FILE)


def test_a_project_has_networks_and_volumes_of_its_own(project: Project) -> None:
    project.write(
        """\
services:
  web:
    image: alpine
    command: sleep 1000
    stop_grace_period: 0s
    volumes: ["data:/data"]
    networks: {default: {}, back: {aliases: [store]}}
networks: {back: {internal: true}}
volumes: {data: {}}
"""
    )
    project("up", "--detach")
    project("exec", "-T", "web", "sh", "-c", "echo kept > /data/note")
    project("up", "--detach", "--force-recreate")
    assert project("exec", "-T", "web", "cat", "/data/note") == "kept\n"
    assert project.networks() == ["shop_back", "shop_default"]
    assert "shop_data" in project("volumes", "--quiet")
    project("down", "--volumes")
    assert project.networks() == []
