"""Recordings of engines: the same form as a lab's journal, and what they cannot tell is unknown, not lost."""

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from docker.errors import APIError
from plays import missed

from checker import check
from checker.recorder import Recorder, RecorderError
from swarmlab.journal import JournalReader

NODE = {
    "ID": "n", "Spec": {"Role": "manager", "Availability": "active"}, "Status": {"State": "ready", "Addr": "127.0.0.1"},
    "Description": {"Hostname": "node-1"}, "Version": {"Index": 1}, "UpdatedAt": "now",
}  # fmt: skip


class FakeEngine:
    """What the docker SDK's client answers."""

    def __init__(self) -> None:
        self.swarm: dict[str, Any] | None = None
        self.tables: dict[str, list[dict[str, Any]]] = {}

    def version(self) -> dict[str, str]:
        return {"Version": "20.10.24", "ApiVersion": "1.41"}

    def inspect_swarm(self) -> dict[str, Any]:
        if self.swarm is None:
            response = type("Response", (), {"status_code": 503, "url": "", "reason": ""})()
            raise APIError("This node is not a swarm manager.", response)
        return self.swarm

    def __getattr__(self, name: str) -> Any:
        return lambda **_: self.tables.get(name, [])

    def init(self) -> None:
        self.swarm = {"ID": "s", "Spec": {}, "JoinTokens": {"Worker": "SWMTKN-1-secret"}}
        self.tables["nodes"] = [NODE]

    def service(
        self, replicas: int, running: int, image: str = "nginx:latest@sha256:1f", labels: dict[str, str] | None = None
    ) -> None:
        container = {"ContainerSpec": {"Image": image}}
        ports = [{"PublishedPort": 80, "TargetPort": 80, "PublishMode": "ingress"}]
        self.tables["services"] = [
            {
                "ID": "w",
                "Spec": {
                    "Name": "web", "TaskTemplate": container, "Mode": {"Replicated": {"Replicas": replicas}},
                    "EndpointSpec": {"Ports": ports}, "Labels": labels or {},
                },
                "Endpoint": {"Ports": ports},
            }
        ]  # fmt: skip
        self.tables["tasks"] = [
            {
                "ID": f"t{slot}", "ServiceID": "w", "NodeID": "n", "Slot": slot, "Spec": container,
                "Status": {"State": "running"}, "DesiredState": "running",
            }
            for slot in range(1, running + 1)
        ]  # fmt: skip


def event(kind: str, action: str, object_id: str) -> dict[str, Any]:
    return {"Type": kind, "Action": action, "Actor": {"ID": object_id}, "timeNano": 4}


def written(folder: Path) -> list[tuple[int, list[tuple[str, str]]]]:
    """The instants of all transactions, and what each did to which kinds."""
    with JournalReader(folder / "j.sqlite") as reader:
        return [(entry.at, [(c.operation, c.kind) for c in entry.changes]) for entry in reader.entries()]


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


def test_what_was_seen_is_graded_and_the_rest_is_unknown(engine: FakeEngine, tmp_path: Path) -> None:
    recorder = Recorder(engine, tmp_path / "j.sqlite")
    assert recorder.look(1) == 0
    engine.init()
    recorder.look(2)
    engine.service(2, 2)
    recorder.look(3)
    engine.service(3, 3)
    assert recorder.look(4) == 2
    assert recorder.look(5) == 0
    engine.tables["services"] = engine.tables["tasks"] = []
    recorder.look(6)
    recorder.close()
    result = check("A1", journal=tmp_path / "j.sqlite")

    steps = {step.step.id: step for step in result.steps}
    assert all(steps[name].full for name in ("init", "create", "scale"))
    assert steps["info"].possible == 0
    says = "final state only: a recording of Docker Engine 20.10.24, API 1.41 does not hold what was asked"
    assert steps["info"].verdicts[0].error == says
    assert "drain" in missed(result)
    assert result.possible < 34
    assert "? unknown" in repr(result)


def test_what_is_removed_in_quick_succession_is_seen_in_order(engine: FakeEngine, tmp_path: Path) -> None:
    recorder = Recorder(engine, tmp_path / "j.sqlite")
    engine.init()
    engine.service(1, 1)
    engine.tables["configs"] = [{"ID": "c", "Spec": {"Name": "app"}}]
    recorder.look(5)
    engine.tables["services"] = engine.tables["tasks"] = engine.tables["configs"] = []
    told = [
        ("service", "create", "w"),
        ("service", "remove", "w"),
        ("service", "remove", "x"),
        ("config", "remove", "c"),
    ]
    counts = [recorder.told(event(*one), 6) for one in told]
    recorder.close()

    # The tasks are seen to be gone when it looks for what has changed, and that is before the first removal.
    assert counts == [0, 2, 0, 1]
    assert written(tmp_path)[1:] == [
        (6, [("delete", "task")]),
        (6, [("delete", "service")]),
        (6, [("delete", "config")]),
    ]


def test_what_goes_while_it_looks_is_not_gone_before_its_user(engine: FakeEngine, tmp_path: Path) -> None:
    recorder = Recorder(engine, tmp_path / "j.sqlite")
    engine.init()
    engine.service(1, 1)
    engine.tables["configs"] = [{"ID": "c", "Spec": {"Name": "app"}}]
    recorder.look(5)
    # Services are asked for before configs, and both are removed between the two.
    engine.tables["configs"] = []
    assert recorder.look(6) == 0
    engine.tables["services"] = engine.tables["tasks"] = []
    for kind, name in (("service", "w"), ("config", "c")):
        recorder.told(event(kind, "remove", name), 7)
    recorder.look(8)
    recorder.close()

    assert written(tmp_path)[1:] == [
        (5, [("delete", "service")]),
        (5, [("delete", "config")]),
        (8, [("delete", "task")]),
    ]


def test_an_update_is_seen_before_the_removal_that_came_after_it(engine: FakeEngine, tmp_path: Path) -> None:
    recorder = Recorder(engine, tmp_path / "j.sqlite")
    engine.init()
    engine.service(1, 1)
    engine.tables["configs"] = [{"ID": "c", "Spec": {"Name": "app"}}]
    recorder.look(5)
    engine.service(1, 1, labels={"without": "config"})
    engine.tables["configs"] = []
    for kind, action, name in (("service", "update", "w"), ("config", "remove", "c")):
        recorder.told(event(kind, action, name), 7)
    recorder.close()

    assert written(tmp_path)[1:] == [(7, [("update", "service")]), (7, [("delete", "config")])]


def test_what_is_gone_without_an_event_is_gone_some_seconds_later(engine: FakeEngine, tmp_path: Path) -> None:
    recorder = Recorder(engine, tmp_path / "j.sqlite")
    engine.init()
    engine.tables["configs"] = [{"ID": "c", "Spec": {"Name": "app"}}]
    recorder.look(1)
    engine.tables["configs"] = []

    assert [recorder.look(1 + int(seconds * 1e9)) for seconds in (1, 5, 6, 7)] == [0, 0, 1, 0]
    recorder.close()


def test_a_recording_goes_on(engine: FakeEngine, tmp_path: Path) -> None:
    engine.init()
    first = Recorder(engine, tmp_path / "j.sqlite")
    first.look(1)
    first.close()
    second = Recorder(engine, tmp_path / "j.sqlite")

    assert second.look(2) == 0
    engine.service(1, 1)
    assert second.look(3) == 2
    second.close()


def test_tokens_are_not_written_down(engine: FakeEngine, tmp_path: Path) -> None:
    engine.init()
    recorder = Recorder(engine, tmp_path / "j.sqlite")
    recorder.look(1)
    recorder.close()

    assert b"SWMTKN" not in (tmp_path / "j.sqlite").read_bytes()


def test_a_lab_s_own_journal_is_left_alone(engine: FakeEngine, tmp_path: Path) -> None:
    file = tmp_path / "j.sqlite"
    with closing(sqlite3.connect(file)) as db:
        db.execute("CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT)")
        db.commit()
    with pytest.raises(RecorderError, match="a lab's own journal"):
        Recorder(engine, file)
    file.write_text("no database, but long enough to look like a file of another kind" * 20)
    with pytest.raises(RecorderError, match="is no recording"):
        Recorder(engine, file)


def test_no_engine(tmp_path: Path) -> None:
    # In a process of its own: the SDK leaves a socket behind when nobody answers.
    command = [sys.executable, "-c", "from checker.cli import main; main()", "record", "j.sqlite"]
    command += ["--host", f"unix://{tmp_path}/nobody.sock", "--for", "1"]
    answer = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert answer.returncode == 2
    assert "no engine answers" in answer.stderr
    assert not (tmp_path / "j.sqlite").exists()
