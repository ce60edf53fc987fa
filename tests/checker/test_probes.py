"""Probes: what answers, what does not, and what cannot be known."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests
from checker_story import Story

from checker import probes
from checker.conditions.probe import Outcome
from checker.exercise import parse
from checker.grader import Attempt, grade
from checker.probes import Access, run_probes
from swarmlab import lab

HEAD = """\
id: T1
title: A test
chapter: none
about: Nothing.
steps:
  - id: one
    title: One
    points: 2
    conditions:
      - {check: probe, why: w, %s}
"""
PAGE = "http: {port: 80, contains: hello}"
COMMAND = "exec: {service: web, command: [cat, /run/secrets/x], contains: s3cr3t}"


class _Page(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/" else 404)
        self.end_headers()
        self.wfile.write(b"say hello")

    def log_message(self, *_: object) -> None:
        pass


class FakeClient:
    """The docker SDK's client of an engine with one container, whose commands end so."""

    running = True
    code = 0
    output = b"the s3cr3t"

    def __init__(self, base_url: str, **_: object) -> None:
        if base_url == "nobody":
            raise requests.ConnectionError("nobody is there")

    def containers(self, filters: dict[str, str]) -> list[dict[str, str]]:
        assert filters["label"] == "com.docker.swarm.service.name=web"
        return [{"Id": "c"}] if self.running else []

    def exec_create(self, container: str, command: list[str]) -> dict[str, str]:
        assert (container, command) == ("c", ["cat", "/run/secrets/x"])
        return {"Id": "e"}

    def exec_start(self, exec_id: str) -> bytes:
        return self.output

    def exec_inspect(self, exec_id: str) -> dict[str, int]:
        return {"ExitCode": self.code}

    def close(self) -> None:
        pass


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probes, "_PAUSE", 0)
    monkeypatch.setattr(probes.docker, "APIClient", FakeClient)


@pytest.fixture
def address() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), _Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def probe(what: str, access: Access) -> Outcome:
    exercise, _ = parse(HEAD % what, "T1.yaml")
    return run_probes(exercise, lambda: access)["one", 0]


def test_a_page_on_every_node(address: str) -> None:
    both = Access({80: {"node-1": address, "node-2": address}}, [])

    assert probe(PAGE, both).met
    assert "status 404, not 200" in probe("http: {port: 80, path: /nothing}", both).found
    assert 'node-1: an answer without "bye"' in probe("http: {port: 80, contains: bye}", both).found
    assert probe("http: {port: 81}", both).found == "port 81 is published on no node"


def test_a_node_that_does_not_answer(address: str) -> None:
    one = Access({80: {"node-1": address, "node-2": "127.0.0.1:1"}}, [])

    assert probe(PAGE, one) == Outcome(False, "node-2: no answer (ConnectionError)")
    assert probe("http: {port: 80, nodes: any}", one).met


def test_a_command_in_a_container(monkeypatch: pytest.MonkeyPatch) -> None:
    engines = Access({}, ["nobody", "node-2"])

    assert probe(COMMAND, engines).met
    monkeypatch.setattr(FakeClient, "output", b"another value")
    wrong = probe(COMMAND, engines)
    assert wrong.found == '`cat /run/secrets/x` did not say "s3cr3t"'
    monkeypatch.setattr(FakeClient, "code", 1)
    assert probe(COMMAND, engines).found.endswith("ended with exit code 1")


def test_nobody_to_ask_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FakeClient, "running", False)

    assert probe(COMMAND, Access({}, ["node-1"])) == Outcome(False, "no container of web runs")
    assert probe(COMMAND, Access({}, ["node-1", "nobody"])).unknown.startswith("engines did not answer (nobody")


def test_it_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    answers: list[Any] = ["no answer yet", ""]
    monkeypatch.setattr(probes, "_page", lambda *_: answers.pop(0))

    assert probe(PAGE, Access({80: {"node-1": "x"}}, [])).met


def test_what_is_unknown_costs_nothing(tmp_path: Path) -> None:
    exercise, _ = parse(HEAD % PAGE, "T1.yaml")

    def broken() -> Access:
        raise OSError("no lab")

    outcomes = run_probes(exercise, broken)
    alone = grade(exercise, None)
    failed = grade(Attempt(exercise, probes=outcomes), None)
    met = grade(Attempt(exercise, probes={("one", 0): Outcome(True, "it answered")}), None)
    with Story(tmp_path) as story:
        story.init()

    assert (alone.possible, alone.errors) == (0, ["nothing could be probed: only the journal is there"])
    assert (failed.possible, failed.errors) == (0, ["OSError: no lab"])
    assert (met.points, met.possible) == (2, 2)


def test_a_probe_has_one_subject() -> None:
    from checker.lint import lint

    (mistake,) = lint(HEAD % "weight: 1", "T1.yaml")
    assert "a probe has either http or exec" in mistake


def test_where_a_lab_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = {"node": "node-1", "port": 80, "address": "127.0.2.1", "bound_port": 8080}
    nodes = [{"endpoint": "unix:///1", "state": "running"}, {"endpoint": "unix:///2", "state": "killed"}]
    monkeypatch.setattr(lab, "status", lambda name=None: {"published": [entry], "nodes": nodes})
    found = probes.lab_access()

    assert found.published == {80: {"node-1": "127.0.2.1:8080"}}
    assert found.endpoints == ["unix:///1"]
