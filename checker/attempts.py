"""A learner's attempts, in files beside the journal: when each began, with which seed, which hints were taken.

Nothing of this is kept in a notebook's widgets or variables: a notebook may be run again from top to bottom.

An attempt belongs to the journal that it began in. After the lab was reset, the same exercise with the same seed begins
anew in the new journal. What was reached before is kept as `Best`, for progress; marks are given from journals only.
"""

import os
import re
import sqlite3
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import msgspec

from checker.exercise import Exercise, Variable, load
from checker.grader import Attempt
from checker.history import BEGINNING, Marker
from checker.source import NoJournalError
from swarmlab.journal.reader import JournalReader

#: The folder beside a journal.
FOLDER = "checker"
#: Names of journals that resets have put aside, beside the newest.
ASIDE = re.compile(r"journal-\d+\.sqlite")
#: The folder in it for what was reached.
_BEST = "best"
_FORMAT = 1
T = TypeVar("T", bound="Record | Best")


class Record(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is kept of an attempt.

    `begun` says whether it was started, rather than beginning with the journal. `hints` counts each step's tiers shown;
    `given_up` says `solved` or `skipped`; `evidence` is what probes found, by what was wanted.
    """

    format: int = _FORMAT
    exercise: str
    seed: int = 0
    variables: dict[str, Variable] = {}
    marker: Marker = BEGINNING
    answers: dict[str, tuple[str, ...]] = {}
    hints: dict[str, int] = {}
    given_up: dict[str, str] = {}
    evidence: dict[str, str] = {}
    begun: bool = True


class Best(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The most points that each step of an exercise has had, in all attempts since the lab was made."""

    format: int = _FORMAT
    exercise: str
    steps: dict[str, int | float] = {}


class Attempts:
    """The attempts that belong to one journal. Raises NoJournalError for a file that is damaged."""

    def __init__(self, journal: Path) -> None:
        self._journal = journal
        self._folder = journal.parent / FOLDER

    def get(self, exercise: str) -> Record:
        """The attempt at an exercise; one that begins with the journal if none was started in it."""
        record = self._read(self._file(exercise), Record)
        if record is None:
            return Record(exercise=exercise, marker=Marker(journal=self._id), begun=False)
        if record.marker.journal in {"", self._id}:
            return record
        # Hints, evidence and given-up steps belong to work that is gone; an answer is the learner's own as before.
        marker = Marker(journal=self._id)
        return msgspec.structs.replace(record, marker=marker, hints={}, given_up={}, evidence={}, begun=False)

    def home(self, exercise: str) -> Path:
        """The journal that the attempt began in, be it put aside by a reset; this one if that is gone."""
        record = self._read(self._file(exercise), Record)
        return self._journals.get(record.marker.journal, self._journal) if record is not None else self._journal

    def put(self, record: Record) -> None:
        """Keep an attempt; the file is whole at every moment."""
        self._write(self._file(record.exercise), record)

    def started(self, exercise: str) -> bool:
        """Whether an attempt at an exercise was started in this journal."""
        return self.get(exercise).begun

    def all(self) -> list[Record]:
        """Every attempt of which something is kept."""
        return [self.get(file.stem) for file in sorted(self._folder.glob("*.json"))]

    def best(self, exercise: str) -> Mapping[str, int | float]:
        """The most points that each step has had."""
        found = self._read(self._best_file(exercise), Best)
        return found.steps if found is not None else {}

    def reached(self, exercise: str, points: Mapping[str, int | float]) -> Mapping[str, int | float]:
        """Keep the points of an exercise's steps where they are the most so far; returns the most."""
        before = self.best(exercise)
        most = {**before, **{step: max(now, before.get(step, 0)) for step, now in points.items() if now}}
        if most != before:
            self._write(self._best_file(exercise), Best(exercise=exercise, steps=most))
        return most

    @cached_property
    def _id(self) -> str:
        return _id_of(self._journal)

    @cached_property
    def _journals(self) -> Mapping[str, Path]:
        """Journals by their ids: this one, and those that resets have put aside."""
        aside = [path for path in self._journal.parent.iterdir() if ASIDE.fullmatch(path.name)]
        found = {}
        for path in sorted(aside):
            # One that is damaged cannot tell whose it is; nobody can be graded by it either.
            with suppress(NoJournalError):
                found[_id_of(path)] = path
        return {**found, self._id: self._journal}

    def _read(self, file: Path, kind: type[T]) -> T | None:
        try:
            found = msgspec.json.decode(file.read_bytes(), type=kind)
        except FileNotFoundError:
            return None
        except (msgspec.MsgspecError, OSError) as error:
            advice = f"`checker start {file.stem}` begins anew" if kind is Record else "delete it"
            raise NoJournalError(f"{file} cannot be read ({error}); {advice}") from None
        if found.format != _FORMAT:
            raise NoJournalError(f"{file} was written by another version of the checker")
        return found

    def _write(self, file: Path, content: Record | Best) -> None:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        number, name = tempfile.mkstemp(dir=file.parent)
        try:
            with os.fdopen(number, "wb") as partial:
                partial.write(msgspec.json.format(msgspec.json.encode(content)))
            os.replace(name, file)
        except BaseException:
            with suppress(FileNotFoundError):
                os.unlink(name)
            raise

    def _file(self, exercise: str) -> Path:
        return self._folder / f"{exercise}.json"

    def _best_file(self, exercise: str) -> Path:
        return self._folder / _BEST / f"{exercise}.json"


def _id_of(journal: Path) -> str:
    try:
        with JournalReader(journal) as reader:
            return reader.meta().get("id", "")
    except (sqlite3.DatabaseError, OSError) as error:
        raise NoJournalError(f"{journal} cannot be read as a journal: {error}") from None


def prepared(record: Record, variables: dict[str, Variable] | None = None) -> Attempt:
    """The attempt as the grader needs it, with `variables` over those that it was started with."""
    exercise = load(record.exercise, {**record.variables, **(variables or {})}, record.seed)
    return Attempt(exercise, record.marker, record.answers, record.given_up, record.evidence, seed=record.seed)


def with_answer(record: Record, exercise: Exercise, step: str, chosen: Sequence[str]) -> Record:
    """The attempt with an answer to a question. Raises ValueError when the step asks none, or has no such statement."""
    from checker.conditions.answer import Answer

    found = exercise.step(step)
    questions = [c for c in found.conditions if isinstance(c, Answer)] if found is not None else []
    if not questions:
        raise ValueError(f"{exercise.id} has no question {step!r}")
    known = {key.lower(): key for question in questions for key in question.statements}
    # `A, c` is `a c`.
    keys = [key for text in chosen for key in re.split(r"[\s,;]+", text) if key]
    for key in keys:
        if key.lower() not in known:
            raise ValueError(f"question {step!r} has no statement {key!r} (there are {', '.join(known.values())})")
    return msgspec.structs.replace(record, answers={**record.answers, step: tuple(known[key.lower()] for key in keys)})
