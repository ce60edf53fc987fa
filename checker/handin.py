"""Grading everything that a learner has done in one lab, also before its engines were reset.

A reset puts the journal aside and begins a new one. An attempt is graded in the journal that it began in, as long as
that is still there.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from checker.attempts import Attempts, prepared
from checker.grader import Attempt, grade_attempts
from checker.history import History
from checker.result import Result


class Graded(NamedTuple):
    """Attempts with their results, in the order asked for; whose journal it is, and the journals that were used."""

    attempts: list[Attempt]
    results: list[Result]
    engine: str
    journals: tuple[Path, ...]


def grade_kept(journal: Path, exercises: Sequence[str]) -> Graded:
    """Grade exercises, each in its own journal. `journal` is the newest. Raises NoJournalError."""
    known = Attempts(journal)
    homes = {exercise: known.home(exercise) for exercise in exercises}
    found: dict[str, tuple[Attempt, Result]] = {}
    with History(journal) as newest:
        engine = newest.recorded or "swarmlab"
    for home in dict.fromkeys(homes.values()):
        ids = [exercise for exercise in homes if homes[exercise] == home]
        attempts = [prepared(Attempts(home).get(exercise)) for exercise in ids]
        with History(home) as history:
            found |= dict(zip(ids, zip(attempts, grade_attempts(attempts, history), strict=True), strict=True))
    pairs = [found[exercise] for exercise in exercises]
    journals = tuple(dict.fromkeys((journal, *homes.values())))
    return Graded([attempt for attempt, _ in pairs], [result for _, result in pairs], engine, journals)
