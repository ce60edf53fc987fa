import errno
import os
import resource

import pytest

from swarmlab.lab import doctor, manage
from swarmlab.lab.docker_cli import DockerCliError
from swarmlab.lab.folder import folder

from .test_manage import kill


def by_title(name="a"):
    return {check.title: check for check in doctor.examine(name)}


@pytest.fixture
def no_docker(monkeypatch):
    def none(*_, **__):
        raise DockerCliError("Install the docker command.")

    monkeypatch.setattr(doctor, "find_docker", none)


def test_every_finding_that_is_not_ok_has_a_remedy(home, no_docker, monkeypatch):
    monkeypatch.setattr(doctor, "_bind", lambda host, port: errno.EACCES)
    monkeypatch.setattr(doctor, "find_compose", lambda **_: None)
    monkeypatch.setattr(resource, "getrlimit", lambda _: (10, 20))
    monkeypatch.setattr(
        doctor.shutil, "disk_usage", lambda _: os.statvfs_result([0] * 10) and type("U", (), {"free": 1})
    )
    manage.up("b", nodes=1)
    kill("b")
    found = by_title()
    assert {title: check.result for title, check in found.items()} == {
        "Python": "ok",
        "Disk": "problem",
        "Open files": "note",
        "Addresses": "note",
        "Ports": "note",
        "docker command": "problem",
        "docker compose": "note",
        'Lab "a"': "note",
        "Crashed labs": "note",
    }
    assert all(bool(check.remedy) == (check.result != "ok") for check in found.values())
    assert found["Crashed labs"].found == "b"
    assert "swarmlab url 80" in found["Ports"].remedy


def test_compose_is_told_of_once_it_is_there(home, tmp_path, monkeypatch):
    command = tmp_path / "docker-compose"
    command.write_text("#!/bin/sh\necho Docker Compose version v5\n")
    command.chmod(0o755)
    monkeypatch.setattr(doctor, "find_compose", lambda **_: command)
    assert doctor._compose(folder("a")).found == f"Docker Compose version v5 at {command}"
    command.write_text("#!/bin/sh\nexit 1\n")
    assert doctor._compose(folder("a")).result == "problem"


def test_a_home_that_cannot_be_written_to(home, monkeypatch):
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert doctor._disk(folder("a")).result == "problem"


def test_a_system_with_one_loopback_address(home, monkeypatch):
    monkeypatch.setattr(doctor, "_bind", lambda host, port: None if host == "127.0.0.1" else errno.EADDRNOTAVAIL)
    found = doctor._addresses(folder("a"))
    assert (found.result, found.found) == ("note", "this system has only 127.0.0.1, which the nodes share")


def test_a_port_in_use_is_seen():
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert doctor._bind("127.0.0.1", taken.getsockname()[1]) == errno.EADDRINUSE
    assert doctor._bind("127.0.0.1", 0) is None


def test_a_lab_that_does_not_answer_docker_is_a_problem(home, tmp_path, monkeypatch):
    manage.up("a", nodes=1)
    command = tmp_path / "docker"
    version = 'test "$1" = --version && echo Docker version 28.2.2, build x'
    command.write_text(f'#!/bin/sh\n{version} || {{ echo "$DOCKER_HOST: no" >&2; exit 1; }}\n')
    command.chmod(0o755)
    monkeypatch.setattr(doctor, "find_docker", lambda **_: command)
    found = by_title()
    assert found["docker command"].result == "ok"
    check = found['Lab "a"']
    assert (check.result, check.found) == ("problem", f"node-1: {folder('a').settings().endpoint('node-1')}: no")
    command.write_text("#!/bin/sh\necho 28.2.2\n")
    assert by_title()['Lab "a"'].result == "ok"
