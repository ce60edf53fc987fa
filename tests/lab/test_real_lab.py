"""A lab as it is delivered: real engines in a real process."""

import http.client
import socket
from contextlib import suppress
from pathlib import Path

import pytest

from swarmlab.lab import LabError, environment, launch, manage, status
from swarmlab.lab.client import ask

from .fakes import labs_of_fakes
from .test_manage import kill


@pytest.fixture
def lab(tmp_path, monkeypatch):
    real = launch.COMMAND
    with labs_of_fakes(tmp_path / "labs", monkeypatch):
        monkeypatch.setattr(launch, "COMMAND", real)
        manage.up("a", nodes=2)
        yield "a"


def engine(name: str, node: str = "node-1") -> Path:
    return Path(environment(name, node)["DOCKER_HOST"].removeprefix("unix://"))


def init(name: str) -> str:
    """Make node-1 the first of a swarm; its node id. The answer is a JSON string, which `ask` returns as it is."""
    return str(ask(engine(name), "POST", "/swarm/init", {"ListenAddr": "0.0.0.0:2377"}))


def test_a_swarm_outlives_a_crash_and_ends_with_a_reset(lab):
    node = init(lab)
    assert [found["ID"] for found in ask(engine(lab), "GET", "/nodes")] == [node]
    kill(lab)
    assert manage.up(lab).outcome == "restored"
    assert [found["ID"] for found in ask(engine(lab), "GET", "/nodes")] == [node]
    manage.down(lab)
    assert manage.up(lab).outcome == "started"
    assert [found["ID"] for found in ask(engine(lab), "GET", "/nodes")] == [node]
    manage.reset(lab)
    with pytest.raises(LabError, match="not a swarm manager"):
        ask(engine(lab), "GET", "/nodes")


def test_the_power_of_a_node_survives_a_crash(lab):
    manage.power("node-2", "kill", lab)
    assert not engine(lab, "node-2").exists()
    kill(lab)
    manage.up(lab)
    assert [node["state"] for node in status(lab)["nodes"]] == ["running", "killed"]
    manage.power("node-2", "start", lab)
    assert ask(engine(lab, "node-2"), "GET", "/info")["Name"] == "node-2"


def test_killing_a_node_cuts_a_stream_that_a_client_reads(lab):
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(30)
        client.connect(str(engine(lab)))
        client.sendall(b"GET /events HTTP/1.1\r\nHost: docker\r\n\r\n")
        response = http.client.HTTPResponse(client)
        response.begin()
        assert response.status == 200
        manage.power("node-1", "kill", lab)
        with suppress(ConnectionResetError):
            while client.recv(4096):
                pass
        assert not engine(lab).exists()


def answer(path: Path, request: str) -> bytes:
    """All that an engine answers to a request."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(30)
        client.connect(str(path))
        head = "Host: docker\r\nContent-Type: application/json\r\nContent-Length: 2"
        client.sendall(f"{request} HTTP/1.1\r\n{head}\r\n\r\n{{}}".encode())
        response = http.client.HTTPResponse(client)
        response.begin()
        assert response.status < 300, response.read()
        return response.read()


def test_a_container_that_mounts_the_socket_has_its_own_nodes_engine(lab):
    node_id = init(lab)
    for node, told in (("node-1", node_id.encode()), ("node-2", b"This node is not a swarm manager")):
        container = {
            "Image": "dockersamples/visualizer",
            "HostConfig": {"Binds": ["/var/run/docker.sock:/var/run/docker.sock"]},
        }
        answer(engine(lab, node), "POST /images/create?fromImage=dockersamples/visualizer&tag=latest")
        ask(engine(lab, node), "POST", "/containers/create?name=viz", container)
        answer(engine(lab, node), "POST /containers/viz/start")
        command = {"Cmd": ["wget", "-qO-", "http://localhost:8080/state"], "AttachStdout": True, "Tty": True}
        asked = ask(engine(lab, node), "POST", "/containers/viz/exec", command)
        said = answer(engine(lab, node), f"POST /exec/{asked['Id']}/start")
        assert told in said
