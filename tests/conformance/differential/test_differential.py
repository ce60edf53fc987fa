"""The differential run itself, and a short one where there are real engines."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from tests.conformance.engines import LabEngines, RealEngines

from . import faults
from .alphabet import swarm
from .campaign import Campaign
from .comparer import Difference, View, differences, outcome_view, swarm_view
from .flags import ADDED, COMMON, CREATED, UPDATED
from .generator import Generator
from .known import unexplained
from .normaliser import Names
from .shrink import shrink
from .side import Outcome, Seen
from .sides import moves

ID = "0123456789abcdefghijklmno"
OTHER = "abcdefghijklmno0123456789"
#: What is played on a real engine in every test run: mostly commands that are refused, which takes no time.
SEED, STEPS = 7, 8


def texts(seed: int, count: int = 400, nodes: int = 1, *, faulty: bool = False) -> list[str]:
    return [str(command) for command in Generator(seed, nodes, faulty=faulty).commands(count)]


def test_a_seed_always_gives_the_same_commands_and_another_one_others() -> None:
    assert texts(1) == texts(1)
    assert texts(1) != texts(2)


def test_every_flag_and_every_kind_of_command_comes_up() -> None:
    commands = "\n".join(text for seed in range(8) for text in texts(seed, 500, 2))
    added = {f"--{flag.name}" for flag in (*COMMON, *ADDED, *CREATED, *UPDATED)} | {f"--{f.name}-add" for f in ADDED}
    words = set(commands.split())
    assert added <= words
    kinds = (
        "service scale",
        "service rollback",
        "service rm",
        "network create",
        "network rm",
        "secret create",
        "config rm",
    )
    kinds += ("node update", "node promote", "swarm update", "stack deploy", "stack rm", "volume create", "service ls")
    kinds += ("service update --detach=false", "service create --name job", "swarm ca --rotate")
    assert [kind for kind in kinds if f"docker {kind}" not in commands] == []
    assert re.search(r"^docker service update .*; sleep 0.7; docker service rollback", commands, re.MULTILINE)
    assert re.search(r"^docker swarm update --\S+( \S+)? --", commands, re.MULTILINE)
    assert "docker swarm init --force-new-cluster" in "\n".join(texts(1, 500))


def test_without_spite_no_flag_has_a_wrong_value() -> None:
    wrong = {f"--{flag.name} {value}" for flag in (*COMMON, *CREATED) for value in flag.bad}
    kind = Generator(3, spite=0.0)
    assert [c.text for c in kind.commands(500) if any(f"{bad} " in c.text for bad in wrong)] == []
    assert any(f"{bad} " in text for text in texts(3, 500) for bad in wrong)


def test_faults_are_of_every_kind_and_never_leave_all_nodes_off() -> None:
    commands = [text for seed in range(4) for text in texts(seed, 300, faults.NODES, faulty=True)]
    kinds = ("node stop", "node kill", "node start", "node restart 1", "docker node promote", "docker node demote")
    kinds += ("docker swarm leave", "docker swarm join", "--availability drain", "docker node rm --force")
    assert [kind for kind in kinds if not any(kind in command for command in commands)] == []
    assert not any(command in {"node stop 1", "node kill 1"} for command in commands)
    assert any("--force --update-delay" in text and "sleep 0.7; docker node update" in text for text in commands)


def test_a_node_is_switched_on_only_after_it_was_switched_off() -> None:
    off: set[str] = set()
    for text in texts(5, 500, faults.NODES, faulty=True):
        if text.startswith("node "):
            _, action, number = text.split()
            assert (number in off) or action != "start"
            (off.add if action in {"stop", "kill"} else off.discard)(number)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("faulty", [False, True])
def test_bash_understands_every_command(seed: int, *, faulty: bool) -> None:
    commands = (text for text in texts(seed, 200, 3, faulty=faulty) if not text.startswith(("api ", "node ")))
    script = "\n".join(text.split(" ", 1)[1] if text.startswith("@") else text for text in commands)
    done = subprocess.run(["bash", "-n"], input=script, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_deployed_compose_files_are_json_that_names_services() -> None:
    deployed = [text for text in texts(1) if "stack deploy" in text]
    assert deployed
    for text in deployed:
        assert "services" in json.loads(text.split("<<<'", 1)[1].replace("'\"'\"'", "'").removesuffix("'"))


def names() -> Names:
    found = Names({"node-11": "<node-1>", "10.77.0.11": "<address-1>"})
    found.learn({"services": [{"ID": ID, "Spec": {"Name": "web"}}], "tasks": [{"ID": OTHER}]})
    return found


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        (f"service {ID} of {OTHER} on node-11, node-111", "service <web> of <id> on <node-1>, node-111"),
        ("at 10.77.0.11:2377 and 10.0.1.0/24, 8.8.8.8", "at <address-1>:2377 and <address>, 8.8.8.8"),
        ("a  b\n\n c", "a b\nc"),
        ("exit (137) 2/3", "exit (137) 2/3"),
        ("SWMTKN-1-0a-9z SWMKEY-1-a/b+c=", "<token> <key>"),
    ],
)
def test_what_is_the_machines_or_chance_gets_a_name(text: str, normal: str) -> None:
    assert names().text(text) == normal


def test_a_name_that_contains_another_machines_name_is_left_alone() -> None:
    found = Names({"node-1": "<node-1>", "node-2": "<node-2>"})
    found.learn({"nodes": [{"ID": ID, "Description": {"Hostname": "node-2"}}]})
    assert found.text(f"{ID} of node-2") == "<node-2> of <node-2>"


def test_values_keep_everything_but_what_no_two_swarms_share() -> None:
    value = {"ID": ID, "Version": {"Index": 7}, "Spec": {"Replicas": 2.0, "Target": ID, "Labels": {}, "Args": []}}
    assert names().value(value) == {"Spec": {"Replicas": 2, "Target": "<web>", "Args": []}}


def task(state: str, error: str = "", slot: int = 1, created: str = "1", desired: str = "running") -> dict:
    return {
        "ID": OTHER,
        "ServiceID": ID,
        "Slot": slot,
        "CreatedAt": created,
        "DesiredState": desired,
        "Status": {"State": state, "Err": error},
        "Spec": {"ContainerSpec": {"Image": "alpine"}},
    }


def view(*tasks: dict, restless: frozenset[str] = frozenset()) -> tuple[str, ...]:
    seen = Seen(objects={"services": [{"ID": ID, "Spec": {"Name": "web"}}], "tasks": list(tasks)})
    return swarm_view(seen, names(), restless)["tasks"]


def test_a_task_that_ended_otherwise_is_a_difference() -> None:
    assert view(task("running")) != view(task("failed", "task: non-zero exit (1)"))
    assert view(task("failed", "x")) != view(task("failed", "y"))
    assert view(task("running")) != view(task("running"), task("running", slot=2))
    assert view(task("running")) != view(task("running", desired="shutdown"))


def test_tasks_of_removed_jobs_and_of_other_removed_services_are_told_apart() -> None:
    gone = task("failed", "x", desired="shutdown") | {"ServiceID": "gone"}
    told = view(gone, gone | {"Slot": 2, "JobIteration": {}})
    assert [line.split(" ended")[0] for line in told] == ["gone", "gone job"]


def test_how_often_a_container_has_failed_is_none() -> None:
    failed = [task("failed", "x", created=str(n)) for n in range(3)]
    assert view(*failed) == view(*failed[:1])


def test_of_what_still_moves_the_kinds_of_failure_are_compared() -> None:
    def seen(*tasks: dict) -> View:
        services = [{"ID": ID, "Spec": {"Name": "web"}}]
        return swarm_view(Seen(objects={"services": services, "tasks": list(tasks)}), names(), frozenset({"web.1"}))

    failed = seen(task("failed", "x"), task("ready"))
    assert differences(failed, seen(task("failed", "x"), task("failed", "x", created="2"), task("running"))) == []
    assert differences(failed, seen(task("starting"))) == []
    [difference] = differences(failed, seen(task("failed", "y")))
    assert difference.where == "restless web"


def test_events_of_the_swarm_are_compared_by_what_they_say() -> None:
    event = {
        "Type": "service",
        "Action": "update",
        "scope": "swarm",
        "Actor": {"Attributes": {"name": "web"}},
    }
    other = event | {"Actor": {"Attributes": {"name": "web", "replicas.new": "2"}}}
    first, second = (swarm_view(Seen(events=[e]), names(), frozenset()) for e in (event, other))
    assert [difference.where for difference in differences(first, second)] == ["events"]


def test_what_a_command_says_and_returns_is_compared() -> None:
    said = outcome_view(Outcome(1, "", "Error: a\n"), names())
    assert differences(said, outcome_view(Outcome(1, "", "Error:   a"), names())) == []
    for other in (Outcome(0, "", "Error: a"), Outcome(1, "Error: a", ""), Outcome(1, "", "Error: b")):
        assert [d.where for d in differences(said, outcome_view(other, names()))] == ["command"]


def test_of_progress_only_what_it_came_to_is_compared() -> None:
    def said(*lines: str) -> View:
        return outcome_view(Outcome(0, "\n".join(lines), ""), names())

    began, half, done = (f"overall progress: {n} out of 2 tasks" for n in range(3))
    converged = ("verify: Waiting 1 seconds to verify that tasks are stable...", "verify: Service web converged")
    slow = said("web", began, "1/2: ", "2/2: ", began, "1/2: No such image", half, half, done, *converged)
    assert differences(slow, said("web", began, "1/2:  ", done, converged[1])) == []
    given_up = ("Operation continuing in background.", "Use `docker service ps web` to check progress.")
    assert differences(said("web", half), said("web", began, "<node-1>: task: x", half, *given_up)) == []
    assert differences(slow, said("web", began, "1/2:  ", half)) != []


def test_only_what_is_known_to_differ_is_passed_over() -> None:
    known = Difference("services", ("a x.Privileges.NoNewPrivileges=false", "a y=1"), ("a x.Privileges={}", "a y=1"))
    assert unexplained([known]) == []
    kept = Difference("tasks", ("one has 1",), ("gone job ended complete | finished | | exit 0", "one has 1"))
    assert unexplained([kept]) == []
    assert unexplained([Difference("tasks", (), ("gone job ended failed | started | x",))]) == []
    assert unexplained([Difference("tasks", (), ("gone ended failed | started | x",))]) != []
    more = Difference("services", known.ours, ("a x.Privileges={}", "a y=2"))
    assert unexplained([more]) == [Difference("services", ("a y=1",), ("a y=2",))]


def test_a_list_of_commands_shrinks_to_those_that_matter() -> None:
    tried: list[list[int]] = []

    def fails(commands: list[int]) -> bool:
        tried.append(commands)
        return {3, 17} <= set(commands)

    assert shrink(range(40), fails, lambda: True) == [3, 17, 39]
    assert len(tried) < 40
    assert shrink(range(5), fails, lambda: False) == [0, 1, 2, 3, 4]


@pytest.mark.real_engine
def test_random_commands_do_here_what_they_do_on_a_real_engine(
    lab: LabEngines, real: RealEngines, tmp_path: Path
) -> None:
    campaign = Campaign(swarm(), [f"unix://{lab.sockets[0]}"], [f"unix://{real.sockets[0]}"], tmp_path)
    commands = Generator(SEED, spite=1.0).commands(STEPS)
    try:
        found = [str(finding) for finding in campaign.run(commands, lambda number, command: None)]
    finally:
        campaign.close()
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("value", "moving"),
    [
        ("updating", True),
        ("completed", False),
        ("ready manager", False),
        ("id:shutdown:running:False: ", True),
        ("id:shutdown:running:False:still ", False),
        ("id:running:pending:True: ", False),
        ("id:running:running:False: id:ready:ready:False: ", True),
    ],
)
def test_what_will_change_by_itself_is_waited_for(value: str, *, moving: bool) -> None:
    assert moves(value) is moving
