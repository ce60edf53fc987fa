"""The life of labs in real processes, made of fakes: see `fakes`."""

import json
import os
import signal
import sqlite3
import stat
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from swarmlab.engine.task.pace import INSTANT, REAL_PACE
from swarmlab.lab import LabError, environment, launch, manage, status
from swarmlab.lab.client import NotRunningError, ask
from swarmlab.lab.folder import folder
from swarmlab.lab.locks import Lock


def facts(journal) -> dict[str, str]:
    with closing(sqlite3.connect(journal)) as database:
        return dict(database.execute("SELECT key, value FROM meta"))


def whoami(name: str, node: str) -> str:
    socket = Path(environment(name, node)["DOCKER_HOST"].removeprefix("unix://"))
    return ask(socket, "GET", "/whoami")["engine"]


def kill(name: str) -> None:
    """Kill a lab's process as a crash would, and return when it is dead."""
    where = folder(name)
    os.kill(status(name)["pid"], signal.SIGKILL)
    lock = Lock(where.lock)
    assert lock.acquire(10)
    os.close(lock._file)  # not `release`, which would make it an orderly end


def order(name: str, **orders: str) -> None:
    (folder(name).path / "orders.json").write_text(json.dumps(orders))


def test_up_serves_each_engine_on_a_socket_of_its_own(home):
    done = manage.up("a", nodes=2)
    assert done.outcome == "new"
    found = status("a")
    assert {key: found[key] for key in ("name", "state", "speed", "journal", "published")} == {
        "name": "a",
        "state": "running",
        "speed": 1.0,
        "journal": str(home / "a" / "journal.sqlite"),
        "published": [],
    }
    assert [(n["name"], n["address"], n["state"]) for n in found["nodes"]] == [
        ("node-1", "127.0.0.1", "running"),
        ("node-2", "127.0.0.2", "running"),
    ]
    assert [whoami("a", node["name"]) for node in found["nodes"]] == ["node-1", "node-2"]


def test_nobody_else_can_read_or_reach_a_lab(home):
    settings = manage.up("a", nodes=1).settings
    for path in (home, home / "a", settings.sockets):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
    for path in (settings.control, settings.socket("node-1"), home / "a" / "journal.key", home / "a" / "daemon.log"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_up_twice_is_one_lab(home):
    manage.up("a", nodes=1)
    pid = status("a")["pid"]
    assert manage.up("a").outcome == "running"
    assert status("a")["pid"] == pid


def test_many_at_once_make_one_lab(home):
    with ThreadPoolExecutor(4) as pool:
        outcomes = sorted(done.outcome for done in pool.map(lambda _: manage.up("a", nodes=1), range(4)))
    assert outcomes == ["new", "running", "running", "running"]
    assert facts(home / "a" / "journal.sqlite")["boots"] == "1"


def test_two_labs_at_once_are_two(home):
    manage.up("a", nodes=1)
    manage.up("b", nodes=2)
    addresses = [node["address"] for name in ("a", "b") for node in status(name)["nodes"]]
    assert addresses in (["127.0.0.1", "127.0.1.1", "127.0.1.2"], ["127.0.0.1"] * 3)
    assert manage.others("a") == ["b"]
    manage.down("a")
    assert (status("a")["state"], status("b")["state"]) == ("stopped", "running")
    assert whoami("b", "node-2") == "node-2"


def test_down_ends_in_order_and_up_goes_on(home):
    settings = manage.up("a", nodes=1, speed=50).settings
    assert "has stopped; everything in it is kept" in manage.down("a")
    assert facts(home / "a" / "journal.sqlite")["stopped"] == "in order"
    assert not settings.sockets.exists()
    found = status("a")
    assert (found["state"], found["pid"], found["speed"]) == ("stopped", None, 50)
    assert found["nodes"] == [
        {
            "name": "node-1",
            "endpoint": settings.endpoint("node-1"),
            "tcp": None,
            "address": "127.0.0.1",
            "state": "stopped",
        }
    ]
    assert manage.up("a").outcome == "started"
    assert status("a")["speed"] == 50
    assert facts(home / "a" / "journal.sqlite")["boots"] == "2"
    assert "was not running" in [manage.down("a"), manage.down("a")][1]


def test_sigterm_is_an_orderly_end(home):
    manage.up("a", nodes=1)
    os.kill(status("a")["pid"], signal.SIGTERM)
    lock = Lock(folder("a").lock)
    assert lock.acquire(10)
    lock.release()
    assert facts(home / "a" / "journal.sqlite")["stopped"] == "in order"
    assert status("a")["state"] == "stopped"


def test_after_a_crash_it_is_told_and_up_restores(home):
    manage.up("a", nodes=2)
    manage.power("node-2", "kill", "a")
    kill("a")
    assert status("a")["state"] == "crashed"
    assert folder("a").settings().socket("node-1").exists(), "a crash leaves its sockets"
    assert manage.up("a").outcome == "restored"
    assert whoami("a", "node-1") == "node-1"
    assert [node["state"] for node in status("a")["nodes"]] == ["running", "killed"]


def test_a_hollow_lab_has_engines_for_its_first_nodes_only(home):
    done = manage.up("a", nodes=5000, hollow=True)
    found = manage.status("a")
    assert (done.settings.nodes, found["hollow"], found["without_engine"]) == (5000, True, 4991)
    assert [node["name"] for node in found["nodes"]] == [f"node-{number}" for number in range(1, 10)]
    with pytest.raises(LabError, match="it has node-1 to node-9"):
        manage.power("node-10", "kill", "a")
    manage.down("a")
    stopped = manage.status("a")
    assert (stopped["hollow"], stopped["without_engine"], len(stopped["nodes"])) == (True, 4991, 9)
    assert manage.up("a", nodes=5000).settings.hollow


def test_a_lab_does_not_turn_hollow(home):
    manage.up("a", nodes=1)
    with pytest.raises(LabError, match="is not hollow"):
        manage.up("a", hollow=True)
    with pytest.raises(LabError, match=r"A lab has 1 to 99 nodes, not 100\. With --hollow: up to 10000"):
        manage.up("b", nodes=100)
    with pytest.raises(LabError, match="A hollow lab has 1 to 10000 nodes, not 10001"):
        manage.up("b", nodes=10_001, hollow=True)


def test_down_after_a_crash_cleans_up(home):
    settings = manage.up("a", nodes=1).settings
    kill("a")
    assert "was not running" in manage.down("a")
    assert not settings.sockets.exists()


def test_purge_deletes_the_lab(home):
    manage.up("a", nodes=1)
    assert manage.down("a", purge=True).endswith("has stopped and is deleted.")
    assert list(home.iterdir()) == []
    with pytest.raises(LabError, match='There is no lab "a"; start one with: swarmlab up --name a'):
        status("a")


def test_a_lab_that_hangs_is_killed(home, monkeypatch):
    manage.up("a", nodes=1)
    monkeypatch.setattr(launch, "STOP_LIMIT", 0.3)
    order("a", stop="hang")
    manage.down("a")  # the order is read when a lab begins: this one ends well
    manage.up("a")
    assert "had to be killed" in manage.down("a")
    assert not launch.running(folder("a"))


@pytest.mark.parametrize(
    ("orders", "message"),
    [
        ({"start": "fail"}, r"could not start: RuntimeError: no engine today\n(.*\n)*.*no engine today"),
        ({"start": "die"}, r"ended while it was starting. The end of its log:\n(.*\n)*the last words"),
    ],
)
def test_why_it_does_not_start_is_shown(home, orders, message):
    folder("a").create(1, 1.0)
    order("a", **orders)
    with pytest.raises(LabError, match=message):
        manage.up("a", nodes=1)
    assert not launch.running(folder("a"))
    order("a")
    assert manage.up("a").outcome in {"started", "restored"}


def test_a_program_that_is_not_there_is_a_sentence(home, monkeypatch):
    monkeypatch.setattr(launch, "COMMAND", ("/nonexistent/python",))
    with pytest.raises(LabError, match="Cannot start the lab"):
        manage.up("a")


def test_nodes_go_and_come_back_with_their_sockets(home):
    settings = manage.up("a", nodes=2).settings
    for action, state in (("kill", "killed"), ("start", "running"), ("stop", "stopped"), ("start", "running")):
        manage.power("node-2", action, "a")
        assert status("a")["nodes"][1]["state"] == state
        assert settings.socket("node-2").exists() == (state == "running")
        assert whoami("a", "node-1") == "node-1"
    assert whoami("a", "node-2") == "node-2"
    manage.power("node-2", "start", "a")  # as it was
    with pytest.raises(LabError, match='no node "node-3"; it has node-1 to node-2'):
        manage.power("node-3", "kill", "a")


def test_reset_is_a_new_journal_on_the_same_sockets_with_all_nodes_on(home):
    manage.up("a", nodes=2)
    manage.power("node-2", "stop", "a")
    before = status("a")
    manage.reset("a")
    after = status("a")
    assert [node["state"] for node in after["nodes"]] == ["running", "running"]
    assert [n["endpoint"] for n in before["nodes"]] == [n["endpoint"] for n in after["nodes"]]
    assert (before["pid"], before["journal"]) == (after["pid"], after["journal"])
    assert whoami("a", "node-2") == "node-2"
    assert facts(home / "a" / "journal-1.sqlite")["power:node-2"] == "stopped"
    now = facts(home / "a" / "journal.sqlite")
    # Nothing of the old journal's but what every journal begins with.
    assert now.pop("id") != facts(home / "a" / "journal-1.sqlite")["id"]
    assert now == {"format": "1", "lab": "a", "boots": "1", "chained from": "1"}


def test_a_reset_cut_short_leaves_a_fresh_lab(home):
    manage.up("a", nodes=1)
    manage.power("node-1", "stop", "a")
    manage.down("a")
    order("a", reset="die")
    manage.up("a")
    with pytest.raises(NotRunningError):
        ask(folder("a").settings().control, "POST", "/reset")
    assert manage.up("a").outcome == "restored"
    assert status("a")["nodes"][0]["state"] == "running"
    assert facts(home / "a" / "journal-1.sqlite")["power:node-1"] == "stopped"


def test_what_fails_in_the_lab_is_told_and_logged(home):
    manage.up("a", nodes=1)
    manage.down("a")
    order("a", reset="fail")
    manage.up("a")
    with pytest.raises(LabError, match="RuntimeError: no reset today; see: swarmlab logs"):
        manage.reset("a")
    assert "RuntimeError: no reset today" in folder("a").log.read_text()
    lock = Lock(folder("a").lock)
    assert lock.acquire(10), "a lab that is half reset does not go on"
    lock.release()
    assert manage.up("a").outcome == "started"


def test_speed_changes_while_it_runs_and_is_kept(home):
    manage.up("a", nodes=1)
    manage.up("a", speed=20)
    assert status("a")["speed"] == 20
    assert folder("a").settings().speed == 20


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"nodes": 0}, "1 to 99 nodes, not 0"),
        ({"nodes": 100}, "1 to 99 nodes, not 100"),
        ({"speed": 0}, "more than 0 and at most 1000, not 0"),
        ({"speed": float("nan")}, "more than 0 and at most 1000, not nan"),
        ({"name": "No"}, "cannot be the name of a lab"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_made(home, options, message):
    with pytest.raises(LabError, match=message):
        manage.up(**{"name": "a", **options})
    assert not home.exists()


def test_another_number_of_nodes_is_another_lab(home):
    manage.up("a", nodes=1)
    assert manage.up("a", nodes=1).outcome == "running"
    with pytest.raises(LabError, match=r"has 1 nodes?\. To make it anew with 2: swarmlab down --purge --name a"):
        manage.up("a", nodes=2)


def test_where_published_ports_answer(home):
    manage.up("a", nodes=2)
    manage.down("a")
    entries = [
        ["id-1", "127.0.0.1", 80, "tcp", "abc", "127.0.0.1", 8080, "port 80 needs privileges"],
        ["id-2", "127.0.0.2", 80, "tcp", "abc", "127.0.0.2", 80, ""],
        ["id-1", "127.0.0.1", 53, "udp", "gone", "", 0, "UDP is not served"],
        ["id-1", "127.0.0.1", 81, "tcp", "abc", "", 0, "no port is free"],
    ]
    with closing(sqlite3.connect(home / "a" / "journal.sqlite", isolation_level=None)) as database:
        database.execute("INSERT INTO meta VALUES ('published', ?)", (json.dumps(entries),))
    manage.up("a")
    rows = [
        (entry["node"], entry["port"], entry["service"], entry["url"], entry["reason"])
        for entry in status("a")["published"]
    ]
    assert rows == [
        ("node-1", 53, "gone", None, "UDP is not served"),
        ("node-1", 80, "web", "http://127.0.0.1:8080", "port 80 needs privileges"),
        ("node-1", 81, "web", None, "no port is free"),
        ("node-2", 80, "web", "http://127.0.0.2", ""),
    ]
    assert manage.published_port(80, name="a") == ("http://127.0.0.1:8080", "port 80 needs privileges")
    assert manage.published_port(80, "node-2", "a") == ("http://127.0.0.2", "")
    for port, message in ((81, "no port is free"), (53, "UDP is not served"), (443, "docker service ls")):
        with pytest.raises(LabError, match=message):
            manage.published_port(port, name="a")


def test_what_needs_a_running_lab_says_how_to_start_it(home):
    folder("a").create(1, 1.0)
    for call in (
        manage.reset,
        lambda name: manage.power("node-1", "stop", name),
        lambda name: manage.published_port(80, name=name),
    ):
        with pytest.raises(LabError, match='The lab "a" is not running; start it with: swarmlab up --name a'):
            call("a")


def test_up_waits_for_a_lab_that_somebody_else_is_starting(home):
    manage.up("a", nodes=1)
    where = folder("a")
    command = Lock(where.command_lock)
    assert command.acquire()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(manage.up, "a")
        kill("a")
        launch.launch(where)
        assert not waiting.done()
        command.release(delete=True)
        assert waiting.result(30).outcome == "running"


def test_nodes_offer_generic_resources_and_have_labels(home: Path) -> None:
    made = ["node-2:gpu=a", "node-2:gpu=b", "node-1:ssd=4"]
    up = manage.up("a", nodes=2, generic_resources=made, engine_labels=["node-2:zone=a"])
    assert up.settings.generic_resources == {"node-2": ("gpu=a", "gpu=b"), "node-1": ("ssd=4",)}
    assert facts(home / "a" / "journal.sqlite")["settings"] == '{"node-1": [[], 1], "node-2": [["zone=a"], 2]}'
    manage.down("a")
    assert manage.up("a").settings.engine_labels == {"node-2": ("zone=a",)}
    assert facts(home / "a" / "journal.sqlite")["settings"] == '{"node-1": [[], 1], "node-2": [["zone=a"], 2]}'
    with pytest.raises(LabError, match="was made with other values of --engine-label"):
        manage.up("a", engine_labels=["node-2:zone=b"])


@pytest.mark.parametrize(
    ("resources", "labels", "text"),
    [
        (["gpu=1"], [], '"gpu=1" is not of the form NODE:KEY=VALUE, for example node-2:gpu=2.'),
        (["node-1:gpu"], [], '"node-1:gpu" is not of the form NODE:KEY=VALUE, for example node-2:gpu=2.'),
        (["node-3:gpu=1"], [], 'There is no node "node-3"; the lab has 2 nodes.'),
        (["box:gpu=1"], [], 'There is no node "box"; nodes are called node-1, node-2, …'),
        (["node-1:gpu=-1"], [], "node-1: could not parse GenericResource: cannot ask for negative resource gpu"),
        ([], ["node-1:a=b", "node-1:a=c"], "node-1: conflict labels for a=c and a=b"),
    ],
)
def test_nonsense_about_engines_makes_no_lab(home: Path, resources: list[str], labels: list[str], text: str) -> None:
    with pytest.raises(LabError) as refused:
        manage.up("a", nodes=2, generic_resources=resources, engine_labels=labels)
    assert str(refused.value) == text
    assert not (home / "a" / "lab.json").exists()


def test_containers_take_the_time_of_real_ones_unless_they_shall_be_instant(home):
    def pace() -> str:
        return facts(home / "a" / "journal.sqlite")["pace"]

    manage.up("a", nodes=1)
    assert pace() == json.dumps(REAL_PACE)
    with pytest.raises(LabError, match="to change its pace stop it: swarmlab down --name a"):
        manage.up("a", instant=True)
    manage.down("a")
    manage.up("a", instant=True)
    assert pace() == json.dumps(INSTANT)
    manage.down("a")
    manage.up("a")
    assert pace() == json.dumps(INSTANT)
    manage.up("a", instant=True)
    manage.down("a")
    manage.up("a", instant=False)
    assert pace() == json.dumps(REAL_PACE)


def test_containers_reach_the_outside_only_where_a_lab_was_told_so(home):
    def outside() -> bool:
        return facts(home / "a" / "journal.sqlite")["outside"] != "None"

    manage.up("a", nodes=1)
    assert not outside()
    with pytest.raises(LabError, match="to change its way outside stop it: swarmlab down --name a"):
        manage.up("a", outside=True)
    manage.down("a")
    manage.up("a", outside=True)
    assert outside()
    assert manage.status("a")["outside"]
    manage.down("a")
    manage.up("a")
    assert outside()
    manage.down("a")
    manage.up("a", outside=False)
    assert not outside()
