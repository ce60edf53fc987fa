"""Solutions on engines as they are, recorded and graded: a lab's, and real ones, with the same verdicts."""

import os
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
from engines_stage import EnginesStage
from parity import perform

from checker.exercise import available, load
from checker.result import Result
from swarmlab.lab import manage
from tests.support.labs import running_lab

#: What is played in every test run: no traffic, no image that is not everywhere, and half a minute at most.
_QUICK = ("A5", "B6")


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The endpoint of a lab's engine."""
    with running_lab("parity", 1, tmp_path_factory.mktemp("labs")) as name:
        yield manage.status(name)["nodes"][0]["endpoint"]


Played = dict[tuple[str, str], Future[Result]]


@pytest.fixture(scope="module")
def played(lab: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    """The results on the lab and on a real engine, if there is one; both play at the same time."""
    real = os.environ.get("SWARMLAB_REAL_ENGINES", "").split(",")[0]

    def play(name: str, endpoint: str) -> Result:
        with EnginesStage([endpoint], tmp_path_factory.mktemp(name)) as stage:
            return perform(load(name), stage, mesh=False).result

    with ThreadPoolExecutor(1) as ours, ThreadPoolExecutor(1) as theirs:
        found = {("lab", name): ours.submit(play, name, lab) for name in _QUICK}
        yield found | ({("real", name): theirs.submit(play, name, real) for name in _QUICK} if real else {})


def verdicts(result: Result) -> dict[str, list[str]]:
    """For each step what came of its conditions, without what tells engines apart."""
    return {
        step.step.id: ["unknown" if v.error else "met" if v.met else v.found for v in step.verdicts]
        for step in result.steps
    }


@pytest.mark.parametrize("name", _QUICK)
def test_what_was_recorded_of_a_lab_is_all_earned(name: str, played: Played) -> None:
    result = played["lab", name].result()

    assert {text for texts in verdicts(result).values() for text in texts} <= {"met", "unknown"}
    assert all(error.startswith("final state only: ") for error in result.errors)
    assert 0 < result.points == result.possible


@pytest.mark.real_engine
@pytest.mark.parametrize("name", _QUICK)
def test_a_real_engine_gives_the_same_verdicts(name: str, played: Played) -> None:
    if ("real", name) not in played:
        pytest.skip("SWARMLAB_REAL_ENGINES names no engines")
    assert verdicts(played["real", name].result()) == verdicts(played["lab", name].result())


def test_the_table_has_every_exercise_as_it_is() -> None:
    table = (Path(__file__).parents[2] / "docs" / "parity.md").read_text(encoding="utf-8")
    rows = [line for line in table.splitlines() if line.startswith("| ")][2:]

    assert [row.split(" | ")[:2] for row in rows] == [
        [f"| {e.id}: {e.title}", str(e.possible)] for e in map(load, available())
    ]
    for row in rows:
        judged, earned = row.split(" | ")[2:4]
        assert judged == earned or "**" in row
