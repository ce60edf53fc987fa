"""Exercises as data, the vocabulary they are written in, and the grading of what was done in a lab."""

from collections.abc import Mapping
from pathlib import Path

from checker.attempts import Attempts, prepared
from checker.exercise import Variable, load
from checker.grader import grade
from checker.history import History
from checker.result import Result
from checker.source import find_journal

__all__ = ["Result", "check"]


def check(
    exercise: str,
    *,
    journal: Path | None = None,
    lab: str | None = None,
    variables: Mapping[str, Variable] | None = None,
    steps: str = "",
) -> Result:
    """Grade an exercise (`A1`) from what happened in a lab since `checker start`, or else since its beginning or reset.

    `journal` is a journal file; without it the lab's own is read: that of the lab named `lab`, else $SWARMLAB_LAB, else
    `default`. `variables` replace the exercise's own, such as the service's name. `steps` limits the report to some
    steps, counted from 1 (`4-7`, or `3`).

    Raises UnknownExerciseError, VariableError, NoJournalError, DocumentError when a variable's value makes no sense,
    and ValueError for `steps` of another form.
    """
    known = load(exercise, variables).id
    first, _, last = steps.partition("-")
    numbers = range(int(first), int(last or first) + 1) if steps else None
    path = find_journal(journal, lab)
    attempt = prepared(Attempts(path).get(known), dict(variables or {}))
    with History(path) as history:
        result = grade(attempt, history)
    return result if numbers is None else result.only(numbers)
