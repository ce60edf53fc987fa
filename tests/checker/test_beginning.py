"""What reports say of things that were there when the attempt began."""

from plays import words
from stage import Stage

from checker.exercise import load
from checker.grader import Attempt, grade
from checker.history import History


def test_what_has_not_changed_since_is_told_as_it_was() -> None:
    exercise = load("ACT2")
    with Stage(exercise.start.nodes) as stage:
        stage.play(exercise.start.commands)
        with History(stage.path) as history:
            result = grade(Attempt(exercise, history.marker(), {}), history)

    assert words(result, "ready") == "activity_swarm_web had no more than 1 running task of image activity_web:latest"
