"""The runner itself: it must see a difference where there is one, and none where there is only chance."""

import json
from pathlib import Path
from typing import Any

import pytest

from . import recording, scenario
from .normal import normal
from .recording import Comparison, alike

ID = "0123456789abcdefghijklmno"
OTHER = "abcdefghijklmno0123456789"
TEXT = """
# A title.
swarm manager worker
speed 5
docker node ls
@2 wait 10 docker info \\
  | grep x
let T docker info
api POST /services/create {"Name": "x"}
differs a reason
changes
node kill 2
"""


def steps(*observations: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"line": "docker node ls", **seen} for seen in observations]


def compare(
    expected: dict[str, Any], found: dict[str, Any], text: str = "docker node ls", real: bool = False
) -> Comparison:
    return Comparison(scenario.parse("x", text), steps(expected), steps(found), real=real)


def test_a_scenario_is_read() -> None:
    found = scenario.parse("x", TEXT)
    assert (found.roles, found.speed, found.needs_power) == (("manager", "worker"), 5.0, True)
    assert [(s.kind, s.node, s.arguments, s.differs) for s in found.steps] == [
        ("run", 1, ("docker node ls",), ""),
        ("wait", 2, ("10", "docker info   | grep x"), ""),
        ("let", 1, ("T", "docker info"), ""),
        ("api", 1, ("POST", "/services/create", '{"Name": "x"}'), ""),
        ("changes", 1, ("",), "a reason"),
        ("node", 1, ("kill", "2"), ""),
    ]
    assert [s.observed for s in found.steps] == [True, True, False, True, True, False]


@pytest.mark.parametrize(
    "text",
    ["", "swarm worker\ndocker", "wait docker", "node burn 1", "api PUT /x", "docker\ndiffers x", "differs x\npass 1"],
)
def test_a_scenario_that_makes_no_sense_is_refused(text: str) -> None:
    with pytest.raises(scenario.ScenarioError):
        scenario.parse("x", text)


@pytest.mark.parametrize("name", scenario.names())
def test_every_scenario_has_a_recording_of_it(name: str) -> None:
    observed = [step.line for step in scenario.load(name).steps if step.observed]
    assert [step["line"] for step in recording.load(name)] == observed


def test_every_recording_has_a_scenario() -> None:
    assert sorted(path.stem for path in recording.HERE.glob("*.json")) == scenario.names()


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (f"{ID} {ID[:12]} x{ID} {OTHER}", ["<node-1> <node-1> x" + ID + " <id>"]),
        ("a   b\n\n  c\r\nd", ["a b", "c", "d"]),
        ("Up 3 seconds ago, About a minute ago, Less than a second ago", ["Up <ago>, <ago>, <ago>"]),
        ("10.0.0.5:2377 10.0.1.0/24 127.0.0.12", ["<manager>:2377 <address> <address>"]),
        ("2026-01-02T03:04:05.678Z", ["<time>"]),
        ("SWMTKN-1-0a1b-2c3d", ["<token>"]),
        ("exit (137) 2/3 28.2.2", ["exit (137) 2/3 28.2.2"]),
    ],
)
def test_chance_is_taken_out_of_what_engines_say(text: str, lines: list[str]) -> None:
    assert normal(text, {ID: "<node-1>", "10.0.0.5": "<manager>"}) == lines


@pytest.mark.parametrize(
    ("found", "same"),
    [
        ({"came": True, "seconds": 15.0}, True),
        ({"came": True, "seconds": 19.0}, True),
        ({"came": True, "seconds": 24.0}, False),
        ({"came": False, "seconds": 15.0}, False),
    ],
)
def test_times_agree_roughly_and_all_else_exactly(found: dict[str, Any], same: bool) -> None:
    assert alike({"came": True, "seconds": 15.0}, found) is same


def test_a_difference_is_shown_with_both_sides() -> None:
    compared = compare({"rc": 0, "out": ["a", "b"]}, {"rc": 0, "out": ["a", "c"]})
    assert len(compared.failures) == 1
    assert all(part in compared.failures[0] for part in ("docker node ls", "recorded: a", "seen:     a", "b", "c"))
    assert compare({"rc": 0}, {"rc": 0}).failures == []


def test_a_known_difference_has_to_be_there_but_not_on_a_real_engine() -> None:
    text = "differs a reason\ndocker node ls"
    there = compare({"rc": 0}, {"rc": 1}, text)
    assert (there.failures, there.known) == ([], ["a reason"])
    assert "no longer differs" in compare({"rc": 0}, {"rc": 0}, text).failures[0]
    assert len(compare({"rc": 0}, {"rc": 1}, text, real=True).failures) == 1
    assert compare({"rc": 0}, {"rc": 0}, text, real=True).failures == []


def test_a_recording_of_another_version_of_the_scenario_is_refused() -> None:
    assert "record it again" in compare({"rc": 0}, {"rc": 0}, "docker info").failures[0]


def test_a_recording_can_be_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording, "HERE", tmp_path)
    recording.save("x", steps({"rc": 0}), "20.10.24")
    assert recording.load("x") == steps({"rc": 0})
    assert json.loads((tmp_path / "x.json").read_text())["engine"] == "20.10.24"
