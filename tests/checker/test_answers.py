"""Whether a published port answered all the time: what a lab notes, what a recorder meets, what is made of it."""

import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from checker_story import Story
from test_recorder import FakeEngine
from test_vocabulary import only

from checker.doorbell import Doorbell, Heard, published_addresses, trouble
from checker.recorder import Recorder
from checker.result import Verdict

ANSWERS = """
      - check: always
        why: w
        from: [{fact: service, name: web, image: "nginx:1.13"}]
        until: [{fact: service, name: web, image: "nginx:1.13", running: 2, label: [done=yes]}]
        facts: [{fact: answers, port: 80%s}]
"""
SOME = ", connections: some"


def updated(story: Story, *moments: tuple[int, int]) -> None:
    """A service is updated to nginx:1.13; meanwhile so many tasks are behind its port, and so many listen."""
    story.update(image="nginx:1.13")
    for tasks, listening in moments:
        story.answers(80, tasks, listening)
    story.label("done", "yes")


def begun(folder: Path, *, tells: bool = True) -> Story:
    story = Story(folder)
    if tells:
        story.journal.tells_of_ports()
    story.init()
    story.create(replicas=2, image="nginx:1.12")
    story.answers(80, 2, 2)
    return story


def test_a_port_that_answers_all_the_time(tmp_path: Path) -> None:
    with begun(tmp_path) as story:
        updated(story, (1, 1), (2, 2))
    verdict = only(story, ANSWERS % "")

    assert verdict.met
    assert "published port 80 answering every connection on every node all along" in verdict.found


def test_a_port_that_is_away_is_told_with_its_moment_its_node_and_how_long(tmp_path: Path) -> None:
    with begun(tmp_path) as story:
        updated(story, (0, 0), (2, 2))
        (away,) = [e.at for e in story.entries() if [(c.operation, c.kind) for c in e.changes] == [("delete", "port")]]
    verdict = only(story, ANSWERS % "")

    assert not verdict.met
    assert verdict.at == away
    assert verdict.found[12:] == "meanwhile published port 80 answered on no node (no task was behind it), for 1s"


def test_some_connections_are_not_every_connection(tmp_path: Path) -> None:
    with begun(tmp_path) as story:
        updated(story, (2, 1), (2, 2))
    every, some, mistake = only(story, ANSWERS % ""), only(story, ANSWERS % SOME), _only_some(story)

    found = "published port 80 did not answer every connection on node-1 (1 of 2 tasks behind it did not listen)"
    assert every.found[12:] == f"meanwhile {found}, for 1s"
    assert (every.met, some.met, mistake.met) == (False, True, True)


def test_a_port_of_which_no_task_listens_answers_nobody(tmp_path: Path) -> None:
    with begun(tmp_path) as story:
        updated(story, (1, 0), (2, 2))
    verdict = only(story, ANSWERS % SOME)

    assert "published port 80 did not answer on node-1 (the task behind it did not listen), for 1s" in verdict.found
    assert not verdict.met
    assert not _only_some(story).met


def test_another_try_counts_also_when_the_first_one_never_ended(tmp_path: Path) -> None:
    with begun(tmp_path) as story:
        story.update(image="nginx:1.13")
        story.answers(80, 0, 0)
        story.answers(80, 2, 2)
        stuck = only(story, ANSWERS % "")
        story.update(image="nginx:1.12")
        updated(story, (1, 1))
    assert stuck.found.startswith("it began, but is not over yet: at ")
    assert only(story, ANSWERS % "").met


def test_a_journal_that_does_not_tell_of_ports_costs_nothing(tmp_path: Path) -> None:
    with begun(tmp_path, tells=False) as story:
        before = only(story, ANSWERS % "")
        updated(story, (0, 0), (2, 2))
    verdict = only(story, ANSWERS % "")

    assert not before.error
    assert before.found.startswith("it never began")
    assert verdict.error == "this journal does not tell which published ports answered"
    assert verdict.found == f"could not be checked: {verdict.error}"


def _only_some(story: Story) -> Verdict:
    return only(story, "      - {check: ever, why: w, facts: [{fact: answers, port: 80, connections: only-some}]}")


# What recorders of engines do.


def recorded(engine: FakeEngine, folder: Path, *answers: str) -> Verdict:
    """The verdict about a port whose node was met so during an update."""
    recorder = Recorder(engine, folder / "j.sqlite")
    recorder.tells_of_ports()
    engine.init()
    engine.service(2, 2, image="nginx:1.12")
    recorder.look(10**9)
    for second, found in enumerate(answers, 2):
        recorder.heard(Heard("node-1", 80, found, "the connection was refused", second * 10**9))
        if second == 2:
            engine.service(2, 2, image="nginx:1.13")
            recorder.look(second * 10**9 + 1)
    engine.service(2, 2, image="nginx:1.13", labels={"done": "yes"})
    recorder.look(60 * 10**9)
    recorder.close()
    return only(folder / "j.sqlite", ANSWERS % "")


def test_a_recording_knows_whether_a_port_answered(tmp_path: Path) -> None:
    verdicts = []
    for number, answers in enumerate((("all",), ("all", "some", "all"), ("all", "none", "all"), ("unknown",))):
        folder = tmp_path / str(number)
        folder.mkdir()
        verdicts.append(recorded(FakeEngine(), folder, *answers))
    good, some, none, unknown = verdicts

    assert good.met
    assert "did not answer every connection on node-1 (the connection was refused), for 1s" in some.found
    assert "did not answer on node-1 (the connection was refused), for 1s" in none.found
    assert unknown.error == "the connection was refused"


def test_a_recording_forgets_ports_that_are_published_no_more(tmp_path: Path) -> None:
    engine = FakeEngine()
    engine.init()
    engine.service(1, 1)
    recorder = Recorder(engine, tmp_path / "j.sqlite")
    recorder.look(1)
    recorder.heard(Heard("node-1", 80, "all", "", 2))
    engine.tables["services"] = []
    recorder.told({"Type": "service", "Action": "remove", "Actor": {"ID": "w"}}, 3)
    assert recorder.look(3) == 1
    recorder.heard(Heard("node-1", 80, "none", "too late", 4))
    assert recorder.look(5) == 0
    recorder.close()


def test_the_doorbell_tells_of_changes_only_and_of_nothing_that_never_answered() -> None:
    heard: list[Heard] = []
    opens: dict[str, list[str]] = {"a:1": [], "b:1": ["no", "no"]}
    bell = Doorbell(heard.append, lambda address: opens[address].pop(0) if opens[address] else "")
    bell.watch({1: {"one": "a:1", "two": "b:1"}})
    with ThreadPoolExecutor(1) as ringers:
        bell.round(ringers)
        bell.round(ringers)
        opens["a:1"] = ["refused"]
        bell.round(ringers)
        opens["a:1"] = ["refused", "refused"]
        bell.round(ringers)
        bell.round(ringers)
        bell.watch({})
        bell.round(ringers)

    assert [(h.node, h.answers, h.why) for h in heard] == [
        ("one", "all", ""),
        ("two", "unknown", "the recorder never had an answer from b:1: no"),
        ("two", "all", ""),
        ("one", "some", "refused"),
        ("one", "none", "refused"),
        ("one", "all", ""),
    ]


def test_what_somebody_meets_who_opens_a_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        assert trouble(address) == ""
    assert trouble(address) == "the connection was refused"
    assert trouble("no such host:1")


def test_where_ports_are_published() -> None:
    def node(name: str, state: str, address: str) -> object:
        return {
            "ID": name, "Status": {"State": state, "Addr": address}, "Description": {"Hostname": f"host-{name}"},
            "ManagerStatus": {"Addr": "10.0.0.1:2377"},
        }  # fmt: skip

    ports = [{"PublishedPort": 80}, {"PublishedPort": 81, "PublishMode": "host"}, {"TargetPort": 5}]
    found = published_addresses(
        [node("a", "ready", "0.0.0.0"), node("b", "ready", "10.0.0.2"), node("c", "down", "10.0.0.3")],
        [{"ID": "w", "Endpoint": {"Ports": ports}}],
        [{"ServiceID": "w", "NodeID": "b", "Status": {"State": "running"}}],
    )

    assert found == {
        80: {"host-a": "10.0.0.1:80", "host-b": "10.0.0.2:80"},
        81: {"host-b": "10.0.0.2:81"},
    }
