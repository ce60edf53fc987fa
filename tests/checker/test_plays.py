"""Both sides of every exercise's gate, with the genuine docker command in virtual time: solutions, routes, mutants."""

from pathlib import Path

import pytest
from plays import Mutant, Play, every_play, missed, perform, plays, words

from checker.exercise import available, load

_ALL = list(every_play())


@pytest.mark.parametrize("exercise", available())
def test_doing_nothing_scores_nothing(exercise: str) -> None:
    assert perform(exercise, Play(name="nothing"), lines=False).points == 0


@pytest.mark.parametrize("exercise", available())
def test_the_solution_scores_all(exercise: str) -> None:
    result = perform(exercise, Play(name="solution"))

    assert missed(result) == [], "\n".join(words(result, step) for step in missed(result))
    assert result.errors == []
    assert result.points == result.possible == load(exercise).possible


@pytest.mark.parametrize(("exercise", "play"), [(e, p) for e, p in _ALL if not isinstance(p, Mutant)], ids=str)
def test_another_route_scores_all(exercise: str, play: Play) -> None:
    result = perform(exercise, play)

    assert missed(result) == [], "\n".join(words(result, step) for step in missed(result))


@pytest.mark.parametrize(("exercise", "mutant"), [(e, p) for e, p in _ALL if isinstance(p, Mutant)], ids=str)
def test_a_mutant_is_caught(exercise: str, mutant: Mutant) -> None:
    result = perform(exercise, mutant)

    assert missed(result)[:1] == [mutant.fails]
    assert mutant.says in words(result, mutant.fails)
    (step,) = (step for step in result.steps if step.step.id == mutant.fails)
    assert mutant.mistake in " ".join(step.mistakes)
    if mutant.mistake:
        assert step.mistakes


@pytest.mark.parametrize("exercise", available())
def test_there_are_enough_plays(exercise: str) -> None:
    found = plays(exercise)
    question = not any(step.solution for step in load(exercise).steps)

    assert len(found.mutants) >= (3 if question else 8)
    assert len(found.equivalents) >= (0 if question else 3)


def test_the_table_is_up_to_date() -> None:
    table = (Path(__file__).parents[2] / "docs" / "mutants.md").read_text(encoding="utf-8")
    for name in available():
        exercise, found = load(name), plays(name)
        row = next(line for line in table.splitlines() if line.startswith(f"| {name}: "))
        mutants = len(found.mutants)
        assert row.startswith(f"| {name}: {exercise.title} | {exercise.possible} |")
        assert row.endswith(f"| {len(found.equivalents)} of {len(found.equivalents)} | {mutants} | {mutants} |")
