"""A learner's attempts, in files beside the journal: when each began, with which seed, which hints were taken.

Nothing of this is kept in a notebook's widgets or variables: a notebook may be run again from top to bottom.
"""

import os
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from checker.exercise import Exercise, Variable, load
from checker.grader import Attempt
from checker.history import BEGINNING, Marker
from checker.source import NoJournalError

#: The folder beside a journal.
FOLDER = "checker"


class Record(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is kept of an attempt. `hints` counts each step's tiers shown; `given_up` says `solved` or `skipped`."""

    format: int = 1
    exercise: str
    seed: int = 0
    variables: dict[str, Variable] = {}
    marker: Marker = BEGINNING
    answers: dict[str, tuple[str, ...]] = {}
    hints: dict[str, int] = {}
    given_up: dict[str, str] = {}


class Attempts:
    """The attempts that belong to one journal. Raises NoJournalError for a file that is damaged."""

    def __init__(self, journal: Path) -> None:
        self._folder = journal.parent / FOLDER

    def get(self, exercise: str) -> Record:
        """The attempt at an exercise; one that begins with the journal if none was started."""
        file = self._file(exercise)
        try:
            record = msgspec.json.decode(file.read_bytes(), type=Record)
        except FileNotFoundError:
            return Record(exercise=exercise)
        except (msgspec.MsgspecError, OSError) as error:
            raise NoJournalError(f"{file} cannot be read ({error}); `checker start {exercise}` begins anew") from None
        if record.format != 1:
            raise NoJournalError(f"{file} was written by another version of the checker")
        return record

    def put(self, record: Record) -> None:
        """Keep an attempt; the file is whole at every moment."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        number, name = tempfile.mkstemp(dir=self._folder)
        try:
            with os.fdopen(number, "wb") as file:
                file.write(msgspec.json.format(msgspec.json.encode(record)))
            os.replace(name, self._file(record.exercise))
        except BaseException:
            with suppress(FileNotFoundError):
                os.unlink(name)
            raise

    def started(self, exercise: str) -> bool:
        """Whether there is an attempt at an exercise."""
        return self._file(exercise).exists()

    def all(self) -> list[Record]:
        """Every attempt that was started."""
        return [self.get(file.stem) for file in sorted(self._folder.glob("*.json"))]

    def _file(self, exercise: str) -> Path:
        return self._folder / f"{exercise}.json"


def prepared(record: Record, variables: dict[str, Variable] | None = None) -> Attempt:
    """The attempt as the grader needs it, with `variables` over those that it was started with."""
    exercise = load(record.exercise, {**record.variables, **(variables or {})}, record.seed)
    return Attempt(exercise, record.marker, record.answers, record.given_up, seed=record.seed)


def with_answer(record: Record, exercise: Exercise, step: str, chosen: Sequence[str]) -> Record:
    """The attempt with an answer to a question. Raises ValueError when the step asks none, or has no such statement."""
    from checker.conditions.answer import Answer

    found = exercise.step(step)
    questions = [c for c in found.conditions if isinstance(c, Answer)] if found is not None else []
    if not questions:
        raise ValueError(f"{exercise.id} has no question {step!r}")
    for key in chosen:
        if not any(key in question.statements for question in questions):
            raise ValueError(f"question {step!r} has no statement {key!r}")
    return msgspec.structs.replace(record, answers={**record.answers, step: tuple(chosen)})
