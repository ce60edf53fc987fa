"""Both sides of every exercise's gate, with the genuine docker command in virtual time: solutions, routes, mutants."""

import multiprocessing
import os
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from pathlib import Path

import pytest
from killrates import Row, page
from plays import NOTHING, SOLUTION, Mutant, Play, every_play, missed, perform, plays, words

from checker.exercise import available, load
from checker.result import Result
from tests.official import watch

_ALL = list(every_play())
#: So many plays are on at a time: most of them wait for docker commands, and some for containers.
_AT_A_TIME = (os.cpu_count() or 1) + 2

Played = dict[tuple[str, str], Future[Result]]


@pytest.fixture(scope="module")
def played(request: pytest.FixtureRequest) -> Iterator[Played]:
    """The results of all plays that were selected, by exercise and name."""
    items = [one for one in request.session.items if isinstance(one, pytest.Function) and one.module is request.module]
    wanted = [one.callspec.params for one in items if "played" in one.fixturenames]
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(_AT_A_TIME, spawn, initializer=watch.install) as pool:
        yield {(p["exercise"], p["play"].name): pool.submit(perform, p["exercise"], p["play"]) for p in wanted}
        pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize("play", [NOTHING], ids=str)
@pytest.mark.parametrize("exercise", available())
def test_doing_nothing_scores_nothing(exercise: str, play: Play, played: Played) -> None:
    assert played[exercise, play.name].result().points == 0


@pytest.mark.parametrize("play", [SOLUTION], ids=str)
@pytest.mark.parametrize("exercise", available())
def test_the_solution_scores_all(exercise: str, play: Play, played: Played) -> None:
    result = played[exercise, play.name].result()

    assert missed(result) == [], "\n".join(words(result, step) for step in missed(result))
    assert result.errors == []
    assert result.points == result.possible == load(exercise).possible


@pytest.mark.parametrize(("exercise", "play"), [(e, p) for e, p in _ALL if not isinstance(p, Mutant)], ids=str)
def test_another_route_scores_all(exercise: str, play: Play, played: Played) -> None:
    result = played[exercise, play.name].result()

    assert missed(result) == [], "\n".join(words(result, step) for step in missed(result))


@pytest.mark.parametrize(("exercise", "play"), [(e, p) for e, p in _ALL if isinstance(p, Mutant)], ids=str)
def test_a_mutant_is_caught(exercise: str, play: Mutant, played: Played) -> None:
    result = played[exercise, play.name].result()

    assert missed(result)[:1] == [play.fails]
    assert play.says in words(result, play.fails)
    (step,) = (step for step in result.steps if step.step.id == play.fails)
    assert play.mistake in " ".join(step.mistakes)
    if play.mistake:
        assert step.mistakes


@pytest.mark.parametrize("exercise", available())
def test_there_are_enough_plays(exercise: str) -> None:
    found = plays(exercise)

    assert len(found.mutants) >= 8
    assert len(found.equivalents) >= 3


def test_the_table_is_up_to_date() -> None:
    """What the other tests of this module require of every play, written down."""
    rows = []
    for name in available():
        exercise, found = load(name), plays(name)
        rows.append(Row(exercise, exercise.possible, 0, len(found.equivalents), len(found.mutants)))

    assert (Path(__file__).parents[2] / "docs" / "mutants.md").read_text(encoding="utf-8") == page(rows)
