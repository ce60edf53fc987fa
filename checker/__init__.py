"""Exercises as data, the vocabulary they are written in, and the grading of what was done in a lab."""

import sqlite3
from collections.abc import Mapping
from pathlib import Path

from checker.exercise import Variable, load
from checker.grader import grade
from checker.history import events
from checker.result import Result
from checker.source import NoJournalError, find_journal
from swarmlab.journal.reader import JournalReader

__all__ = ["Result", "check"]


def check(
    exercise: str,
    *,
    journal: Path | None = None,
    lab: str | None = None,
    variables: Mapping[str, Variable] | None = None,
    steps: str = "",
) -> Result:
    """Grade an exercise (`A1`) from what happened in a lab since it was started or reset.

    `journal` is a journal file; without it the lab's own is read: that of the lab named `lab`, else $SWARMLAB_LAB, else
    `default`. `variables` replace the exercise's own, such as the service's name. `steps` limits the report to some
    steps, counted from 1 (`4-7`, or `3`).

    Raises UnknownExerciseError, VariableError, NoJournalError, DocumentError when a variable's value makes no sense,
    and ValueError for `steps` of another form.
    """
    loaded = load(exercise, variables)
    first, _, last = steps.partition("-")
    numbers = range(int(first), int(last or first) + 1) if steps else None
    path = find_journal(journal, lab)
    try:
        with JournalReader(path) as reader:
            result = grade(loaded, events(reader))
    except sqlite3.DatabaseError as error:
        raise NoJournalError(f"{path} cannot be read as a journal: {error}") from None
    return result if numbers is None else result.only(numbers)
