"""Probes: what answers, what does not, and what cannot be known."""

import base64
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests
from checker_story import A1_STEPS, Story

from checker import probes
from checker.attempts import Attempts, Record
from checker.conditions.probe import Outcome, Probe
from checker.exercise import parse
from checker.grader import Attempt, grade
from checker.history import History
from checker.probes import Access, Prober, engines_access
from checker.reads import CHECKER
from checker.session import Session
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
    outputs: Mapping[str, bytes] = {"cat": b"the s3cr3t", "stat": b"440\n"}
    config = b"the s3cr3t"

    def __init__(self, base_url: str, **_: object) -> None:
        if base_url == "nobody":
            raise requests.ConnectionError("nobody is there")

    def containers(self, filters: dict[str, str]) -> list[dict[str, str]]:
        assert filters["label"] == "com.docker.swarm.service.name=web"
        return [{"Id": "c"}] if self.running else []

    def exec_create(self, container: str, command: list[str]) -> dict[str, str]:
        assert (container, command[-1]) == ("c", "/run/secrets/x")
        return {"Id": command[0]}

    def exec_start(self, exec_id: str) -> bytes:
        return self.outputs[exec_id]

    def configs(self, filters: dict[str, str]) -> list[dict[str, Any]]:
        return [{"Spec": {"Name": "conf", "Data": base64.b64encode(self.config).decode()}}]

    def nodes(self) -> list[dict[str, Any]]:
        status, description = {"State": "ready", "Addr": "10.0.0.2"}, {"Hostname": "two"}
        first = {"Status": {**status, "Addr": "0.0.0.0"}, "ManagerStatus": {"Addr": "10.0.0.1:2377"}}
        return [
            {"ID": "1", "Description": {"Hostname": "one"}, **first},
            {"ID": "2", "Description": description, "Status": status},
            {"ID": "3", "Description": {"Hostname": "three"}, "Status": {"State": "down"}},
        ]

    def services(self) -> list[dict[str, Any]]:
        ports = [{"PublishedPort": 80, "PublishMode": "ingress"}, {"PublishedPort": 81, "PublishMode": "host"}]
        return [{"ID": "w", "Endpoint": {"Ports": ports}}, {"ID": "none"}]

    def tasks(self) -> list[dict[str, Any]]:
        return [
            {"ServiceID": "w", "NodeID": "2", "Status": {"State": "running"}},
            {"ServiceID": "w", "NodeID": "1", "Status": {"State": "shutdown"}},
        ]

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
    (condition,) = exercise.steps[0].conditions
    assert isinstance(condition, Probe)
    return Prober(lambda: access)(condition)


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
    monkeypatch.setattr(FakeClient, "outputs", {"cat": b"another value"})
    wrong = probe(COMMAND, engines)
    assert wrong.found == '`cat /run/secrets/x` did not say "s3cr3t"'
    monkeypatch.setattr(FakeClient, "code", 1)
    assert probe(COMMAND, engines).found.endswith("ended with exit code 1")
    monkeypatch.setattr(FakeClient, "code", 127)
    assert probe(COMMAND, engines).unknown == "the container has no command cat"


def test_a_file_in_a_container(monkeypatch: pytest.MonkeyPatch) -> None:
    engines = Access({}, ["node-2"])
    file = "file: {service: web, path: /run/secrets/x, mode: %s, config: conf}"

    assert probe(file % "'0440'", engines) == Outcome(True, "/run/secrets/x is there, with mode 440")
    assert "has mode 440 in a container of web, not 0444" in probe(file % "'0444'", engines).found
    monkeypatch.setattr(FakeClient, "config", b"other")
    assert probe(file % "''", engines).found.endswith("is not what config conf holds")
    monkeypatch.setattr(FakeClient, "code", 1)
    assert probe(file % "''", engines).found == "there is no file /run/secrets/x in a container of web"


def test_probes_have_only_so_much_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probes, "_BUDGET", -1)

    assert probe(PAGE, Access({80: {"node-1": "x"}}, [])).unknown.startswith("the probes before it took more than")


def test_ports_that_pass_no_traffic_are_unknown() -> None:
    assert probe(PAGE, Access({80: {"node-1": "x"}}, [], "no IPVS")) == Outcome(False, "", "no IPVS")


def test_where_engines_answer() -> None:
    found = engines_access(["node-1"])

    assert found.published == {80: {"one": "10.0.0.1:80", "two": "10.0.0.2:80"}, 81: {"two": "10.0.0.2:81"}}
    assert found.endpoints == ["node-1"]


def test_nobody_to_ask_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FakeClient, "running", False)

    assert probe(COMMAND, Access({}, ["node-1"])) == Outcome(False, "no container of web runs")
    assert probe(COMMAND, Access({}, ["node-1", "nobody"])).unknown.startswith("engines did not answer (nobody")


def test_it_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    answers: list[Any] = ["no answer yet", ""]
    monkeypatch.setattr(probes, "_page", lambda *_: answers.pop(0))

    assert probe(PAGE, Access({80: {"node-1": "x"}}, [])).met


PROBE = "http: {port: 80}, facts: [{fact: service, name: web, running: 1}]"


def test_what_is_unknown_costs_nothing(tmp_path: Path) -> None:
    exercise, _ = parse(HEAD % PAGE, "T1.yaml")

    def broken() -> Access:
        raise OSError("no lab")

    alone = grade(exercise, None)
    with Story(tmp_path) as story:
        story.init()
    with History(story.path) as history:
        failed = grade(Attempt(exercise, prober=Prober(broken)), history)
        met = grade(Attempt(exercise, prober=lambda _: Outcome(True, "it answered")), history)

    assert (alone.possible, alone.errors) == (0, ["nobody looked while it could be seen, which `checker check` does"])
    assert (failed.possible, failed.errors) == (0, ["OSError: no lab"])
    assert (met.points, met.possible) == (2, 2)


def test_probes_are_made_at_their_time_and_stay_as_evidence(tmp_path: Path) -> None:
    exercise, _ = parse(HEAD % PROBE, "T1.yaml")
    (condition,) = exercise.steps[0].conditions
    assert isinstance(condition, Probe)
    made: list[Probe] = []

    def prober(wanted: Probe) -> Outcome:
        made.append(wanted)
        return Outcome(True, "it answered")

    def result(**more: Any) -> tuple[float, float, str]:
        with History(story.path) as history:
            found = grade(Attempt(exercise, **more), history)
        return found.points, found.possible, found.steps[0].verdicts[0].found

    with Story(tmp_path) as story:
        story.init()
        before = result(prober=prober, evidence={condition.phrase(): "forged"})
        story.create()
        while_it_runs = result(prober=prober)
        made_then = len(made)
        story.rm()
        too_late = result(prober=prober)
        kept = result(prober=prober, evidence={condition.phrase(): "it answered"})
        other = result(evidence={"port 81 answers / with 200 on every node": "it answered"})

    assert before == (0, 2, "there was no service web")
    assert while_it_runs == (2, 2, "it answered")
    assert made_then == len(made) == 1
    assert too_late[:2] == other[:2] == (0, 0)
    assert too_late[2].startswith("could not be checked: nobody looked")
    assert kept == (2, 2, "it answered")


def test_only_a_swarm_that_is_there_is_probed(tmp_path: Path) -> None:
    exercise, _ = parse(HEAD % PROBE, "T1.yaml")
    with Story(tmp_path) as story:
        story.init()
        story.create()
        story.leave()
        with History(story.path) as history:
            result = grade(Attempt(exercise, prober=lambda _: Outcome(True, "it answered")), history)

    assert result.errors == ["nobody looked while it could be seen, which `checker check` does"]


def test_what_the_checker_does_itself_earns_nothing(tmp_path: Path) -> None:
    asked = "{check: asked, why: w, command: exec, facts: [{fact: manager}]}"
    exercise, _ = parse(HEAD % PROBE + f"      - {asked}\n", "T1.yaml")
    made: list[Probe] = []

    def prober(wanted: Probe) -> Outcome:
        made.append(wanted)
        story.call("POST", "/containers/c/exec", client=CHECKER)
        return Outcome(True, "it answered")

    def met() -> list[bool]:
        with History(story.path) as history:
            return [v.met for v in grade(Attempt(exercise, prober=prober), history).steps[0].verdicts]

    with Story(tmp_path) as story:
        story.init()
        story.create()
        story.call("POST", "/containers/c/exec", client=CHECKER)
        assert met() == [False]
        story.call("POST", "/containers/d/exec")
        assert met() == [True, True]
    assert len(made) == 1


def test_a_check_in_a_lab_keeps_what_it_saw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("checker.session.lab_access", lambda lab: Access({80: {"node-1": "x"}}, []))
    monkeypatch.setattr(probes, "_page", lambda *_: "")
    with Story(tmp_path) as story:
        for act in A1_STEPS.values():
            act(story)
            if act is A1_STEPS["open"]:
                monkeypatch.setattr("checker.session.find_journal", lambda *_: story.path)
                Session("A1").check()
    kept = Attempts(story.path).get("A1")
    later = Session("A1", journal=story.path).check()
    Attempts(story.path).put(Record(exercise="A1"))
    without = Session("A1", journal=story.path).check()

    assert not kept.begun
    assert list(kept.evidence.values()) == ["port 80 answered on 1 nodes"]
    assert [len(result.steps[6].verdicts) for result in (later, without)] == [2, 1]
    assert later.points == later.possible == without.points == without.possible == 34


def test_a_probe_has_one_subject() -> None:
    from checker.lint import lint

    (mistake,) = lint(HEAD % "weight: 1", "T1.yaml")
    assert "a probe has one of http, exec and file" in mistake


def test_where_a_lab_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = {"node": "node-1", "port": 80, "address": "127.0.2.1", "bound_port": 8080}
    nodes = [{"endpoint": "unix:///1", "state": "running"}, {"endpoint": "unix:///2", "state": "killed"}]
    monkeypatch.setattr(lab, "status", lambda name=None: {"published": [entry], "nodes": nodes})
    found = probes.lab_access()

    assert found.published == {80: {"node-1": "127.0.2.1:8080"}}
    assert found.endpoints == ["unix:///1"]
