"""The alphabet of containers, and a short run of it where there are real engines."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.differential.alphabet import containers
from tests.conformance.differential.campaign import Campaign
from tests.conformance.differential.comparer import View, differences
from tests.conformance.differential.containers.flags import CHANGED, EXECUTED, MADE
from tests.conformance.differential.containers.generator import ContainerGenerator
from tests.conformance.differential.containers.side import EngineSide, engine_names
from tests.conformance.differential.containers.view import said, seen
from tests.conformance.differential.normaliser import Names
from tests.conformance.differential.side import Outcome, Seen
from tests.conformance.engines import LabEngines, RealEngines

ID, OTHER = "0123456789ab" + "c" * 52, "d" * 64
#: What is played on a real engine in every test run: mostly commands that are refused, which takes no time.
SEED, STEPS = 7, 8


def texts(seed: int, count: int = 400, spite: float = 0.3) -> list[str]:
    return [str(command) for command in ContainerGenerator(seed, spite).commands(count)]


def test_a_seed_always_gives_the_same_commands_and_another_one_others() -> None:
    assert texts(1) == texts(1)
    assert texts(1) != texts(2)


def test_every_flag_and_every_kind_of_command_comes_up() -> None:
    commands = "\n".join(text for seed in range(8) for text in texts(seed, 500))
    words = set(commands.split())
    assert {f"--{flag.name}" for flag in (*MADE, *EXECUTED, *CHANGED)} <= words
    kinds = (
        "run", "create", "start", "start -a", "start -ai", "stop", "kill", "restart", "pause", "unpause", "rm",
        "rename", "update", "exec", "logs", "wait", "attach", "cp", "diff", "export", "import", "commit",
        "network create", "network connect", "network disconnect", "network rm",
        "network prune", "network inspect", "volume create",
        "volume rm", "volume prune", "tag", "rmi", "history", "save", "load", "image prune", "system prune", "build",
        "ps", "images", "volume ls", "network ls", "inspect", "top", "port", "stats", "system df",
    )  # fmt: skip
    assert [kind for kind in kinds if f"docker {kind}" not in commands] == []


def test_without_spite_no_flag_has_a_wrong_value() -> None:
    wrong = [f"--{flag.name} {value} " for flag in MADE for value in flag.bad if value not in {"''", *flag.good}]
    assert [text for text in texts(3, 500, 0.0) if any(bad in text for bad in wrong)] == []
    assert any(bad in text for text in texts(3, 500) for bad in wrong)


@pytest.mark.parametrize("seed", range(5))
def test_bash_understands_every_command(seed: int) -> None:
    script = "\n".join(texts(seed, 200))
    done = subprocess.run(["bash", "-n"], input=script, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_nothing_that_stays_is_waited_for_without_a_limit() -> None:
    for text in (text for seed in range(8) for text in texts(seed, 300)):
        waits = "docker run" in text and not any(f" {how} " in text for how in ("-d", "-dit", "-di", "-dt"))
        assert "timeout" in text or not waits, text


NEVER = "0001-01-01T00:00:00Z"


def container(**state: Any) -> dict[str, Any]:
    known = {"Status": "exited", "StartedAt": "2026-01-01T00:00:00Z", "FinishedAt": NEVER}
    return {"Id": ID, "Name": "/box", "State": known | state, "Mounts": []}


def names() -> Names:
    found = engine_names({"/tmp/x": "<folder>"})
    found.call(ID, "<box>")
    found.call(ID[:12], "<box>")
    return found


def view(one: dict[str, Any], *events: dict[str, Any], restless: frozenset[str] = frozenset()) -> View:
    kinds = {"listed": [], "images": [], "networks": [], "volumes": [], "containers": [one]}
    return seen(Seen(objects=kinds, events=list(events)), names(), restless)


def test_a_container_in_another_state_is_a_difference() -> None:
    same = view(container(ExitCode=1, Pid=7))
    assert differences(same, view(container(ExitCode=1, Pid=8))) == []
    for other in (container(ExitCode=2), container(ExitCode=1, StartedAt=NEVER)):
        assert [difference.where for difference in differences(same, view(other))] == ["containers"]


def test_of_what_moves_by_itself_only_its_name_is_compared() -> None:
    moving = frozenset({"box"})
    assert differences(view(container(ExitCode=1), restless=moving), view(container(ExitCode=2), restless=moving)) == []
    assert differences(view(container(), restless=moving), view(container() | {"Name": "/b"}, restless=moving)) != []


def test_events_are_compared_by_all_that_they_say_and_how_often() -> None:
    event = {"Type": "container", "Action": "kill", "Actor": {"ID": ID, "Attributes": {"name": "box", "signal": "9"}}}
    other = event | {"Actor": {"ID": ID, "Attributes": {"name": "box", "signal": "15"}}}
    one = view(container(), event)
    assert differences(one, view(container(), event)) == []
    for events in ((other,), (event, event), ()):
        assert [difference.where for difference in differences(one, view(container(), *events))] == ["events"]


def test_what_a_command_says_is_compared_in_its_order() -> None:
    first = said(Outcome(0, "a\nb\n", "c\n"), names())
    assert differences(first, said(Outcome(0, "a\n b\n", "c"), names())) == []
    for other in (Outcome(0, "b\na\n", "c"), Outcome(1, "a\nb", "c"), Outcome(0, "a\nb\nc", "")):
        assert differences(first, said(other, names())) != []


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        (f"{ID[:12]} Up 3 seconds /tmp/x/dir", "<box> Up <time> <folder>/dir"),
        ("Up Less than a second (healthy)", "Up <time> (healthy)"),
        ("0.0.0.0:49153->80/tcp 172.30.0.2 172.18.0.2/16", "0.0.0.0:<port>->80/tcp 172.30.0.2 <subnet>.0.2/16"),
        ("bash: line 1: 12 Done printf x\n    14 Killed   | timeout", ""),
        (f"sha256:{OTHER} {OTHER[:12]} 02:42:ac:11:00:02", "<digest> <hash> <mac>"),
    ],
)
def test_what_is_the_machines_or_chance_gets_a_name(text: str, normal: str) -> None:
    assert names().text(text) == normal


@pytest.mark.parametrize(
    ("value", "moving"),
    [(f"{ID} running ", False), (f"{ID} running passes", True), (f"{ID} restarting ", True), (f"{ID} exited ", False)],
)
def test_what_will_change_by_itself_is_waited_for(value: str, *, moving: bool, tmp_path: Path) -> None:
    side = EngineSide(["unix:///nowhere"], tmp_path / "side", tmp_path / "images.tar")
    assert side._moves(value) is moving


@pytest.mark.real_engine
def test_random_commands_do_here_what_they_do_on_a_real_engine(
    lab: LabEngines, real: RealEngines, tmp_path: Path
) -> None:
    played = tmp_path / "played"
    played.mkdir()
    campaign = Campaign(containers(), [f"unix://{lab.sockets[0]}"], [f"unix://{real.sockets[0]}"], played)
    try:
        commands = ContainerGenerator(SEED, spite=1.0).commands(STEPS)
        found = [str(finding) for finding in campaign.run(commands, lambda number, command: None)]
    finally:
        campaign.close()
    assert not found, "\n".join(found)
