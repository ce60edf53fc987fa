"""Solved notebooks on engines as they are, recorded and graded: the same cells, the same checks."""

import os
import re
from pathlib import Path

import pytest

from checker.exercise import load
from checker.labs import exercises_of
from tests.checker.engines_stage import mesh_works
from tests.labs.on_engines import LABS, adapt, alike, obstacles, play

#: What is run in every test run that is given engines: no traffic, and half a minute.
_QUICK = "B6-configs"
_THOROUGH = bool(os.environ.get("SWARMLAB_THOROUGH"))
#: The longest that all cells of a notebook take, in seconds, when time passes as it does.
_LIMIT = 1800


def test_lines_that_engines_cannot_do_are_left_out_with_the_reason() -> None:
    against = obstacles(mesh=False, power="")
    code = "!docker node ls\n!curl -s \\\n  $(swarmlab url 80 node-1)\n!swarmlab node kill node-2\n!docker rm node-12"

    adapted = adapt(code, {"node-1": "node-2", "node-2": "node-7"}, against).splitlines()

    assert adapted[0] == "!docker node ls"
    assert re.fullmatch(r"print\('\(left out: .* no IPVS\)'\)", adapted[1])
    assert re.fullmatch(r"print\('\(left out: nothing switches .*\)'\)", adapted[2])
    assert adapted[3] == "!docker rm node-12"
    function = "def measure(port):\n    address = !swarmlab url 80"
    assert adapt(function, {}, against) == function
    assert adapt(code, {}, obstacles(mesh=True, power="switch")) == code
    assert (
        adapt("%%writefile x\nswarmlab url 80 node-1", {"node-1": "n"}, against) == "%%writefile x\nswarmlab url 80 n"
    )


@pytest.mark.real_engine
@pytest.mark.timeout(_LIMIT)
@pytest.mark.parametrize("name", LABS if _THOROUGH else [_QUICK])
def test_a_solved_notebook_earns_on_real_engines_all_that_can_be_judged(name: str) -> None:
    engines = [text for text in os.environ.get("SWARMLAB_REAL_ENGINES", "").split(",") if text][: LABS[name]]
    if len(engines) < LABS[name]:
        pytest.skip(f"SWARMLAB_REAL_ENGINES does not name {LABS[name]} engines")
    mesh = _THOROUGH and mesh_works(engines)

    played = play(name, engines, os.environ.get("SWARMLAB_REAL_NODE_SCRIPT", ""), mesh=mesh)

    assert not played.failed
    assert [result["exercise"] for result in played.results] == exercises_of(name)
    assert all(0 < result["points"] == result["possible"] for result in played.results)
    if name == _QUICK:
        assert alike(name, played)[1] == []


def test_the_table_has_every_notebook() -> None:
    page = Path(__file__).parents[2] / "docs" / "parity-notebooks.md"
    rows = [line for line in page.read_text(encoding="utf-8").splitlines() if line.startswith("| ")][2:]

    assert [row.split(" | ")[:2] for row in rows] == [
        [f"| {name}", str(sum(load(one).possible for one in exercises_of(name)))] for name in LABS
    ]
    for row in rows:
        judged, earned = row.split(" | ")[2:4]
        assert judged == earned or "**" in row
