"""Grading many submissions from their journals, in parallel, without running anything that learners wrote."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import msgspec

from checker.document import DocumentError
from checker.exercise import UnknownExerciseError, VariableError, available
from checker.handin import grade_kept
from checker.record import SCHEMA, grade_record
from checker.source import NoJournalError
from checker.submission import SubmissionError, unpack

#: Submissions end so.
SUFFIX = ".zip"


class EarnedStep(msgspec.Struct, frozen=True):
    """The points of a step in a record."""

    id: str
    points: int | float


class EarnedExercise(msgspec.Struct, frozen=True):
    """The steps of an exercise in a record."""

    exercise: str
    steps: tuple[EarnedStep, ...]


class Earned(msgspec.Struct, frozen=True):
    """What is compared of two records."""

    schema: int
    exercises: tuple[EarnedExercise, ...]


class Graded(NamedTuple):
    """One submission: its file's name, its new record and the one it came with; or why it could not be graded."""

    file: str
    record: dict[str, Any] | None
    handed_in: Earned | None
    error: str = ""


def grade_all(folder: Path, exercises: Sequence[str] = (), workers: int | None = None) -> list[Graded]:
    """Grade every submission of a folder, in the order of their names. One that is broken stops no other.

    Raises NotADirectoryError, and UnknownExerciseError for an exercise that does not exist.
    """
    if not folder.is_dir():
        raise NotADirectoryError(f"{folder} is no folder")
    for exercise in exercises:
        if exercise not in available():
            raise UnknownExerciseError(f"there is no exercise {exercise!r} (there are {', '.join(available())})")
    files = sorted(folder.glob(f"*{SUFFIX}"))
    with ProcessPoolExecutor(max_workers=workers) as pool:
        futures = [pool.submit(grade_file, file, tuple(exercises)) for file in files]
        return [_result(future, file, exercises) for future, file in zip(futures, files, strict=True)]


def _result(future: "Future[Graded]", file: Path, exercises: Sequence[str]) -> Graded:
    """What came of a file; once more in a process of its own when a process ended, be it that of another file."""
    try:
        return future.result()
    except BrokenProcessPool:
        try:
            with ProcessPoolExecutor(max_workers=1) as pool:
                return pool.submit(grade_file, file, tuple(exercises)).result()
        except BrokenProcessPool:
            return Graded(
                file.name, None, None, "could not be graded: the process ended (was there too little memory?)"
            )


def grade_file(file: Path, exercises: Sequence[str] = ()) -> Graded:
    """Grade one submission: every exercise, or these."""
    name = ""
    try:
        with TemporaryDirectory() as name:
            folder = Path(name)
            manifest, handed_in = unpack(file, folder)
            journal = folder / "journal.sqlite"
            graded = grade_kept(journal, exercises or tuple(available()))
            record = grade_record(graded.attempts, graded.results, engine=graded.engine, learner=manifest.learner)
            return Graded(file.name, record, comparable(handed_in))
    except (SubmissionError, NoJournalError, VariableError, DocumentError) as error:
        # Where it was unpacked is nobody's business, and different each time.
        return Graded(file.name, None, None, str(error).replace(f"{name}/", ""))
    except Exception as error:  # One file must not stop the others, whatever is wrong with it.
        return Graded(file.name, None, None, f"could not be graded: {type(error).__name__}: {error}")


def gradebook(graded: Sequence[Graded]) -> list[dict[str, Any]]:
    """A row for each submission, with a column for each exercise. Where there is an error there are no points."""
    names = list(dict.fromkeys(e["exercise"] for g in graded if g.record for e in g.record["exercises"]))
    rows = []
    for one in graded:
        record = one.record
        points = {e["exercise"]: e["points"] for e in record["exercises"]} if record else {}
        unchecked = (
            sum(bool(c["error"]) for e in record["exercises"] for s in e["steps"] for c in s["conditions"])
            if record
            else 0
        )
        rows.append(
            {
                "file": one.file,
                "learner": record["learner"] if record else "",
                **{name: points.get(name, "") for name in names},
                "points": record["points"] if record else "",
                "possible": record["possible"] if record else "",
                "unchecked": unchecked,
                "error": one.error,
            }
        )
    return rows


def comparable(record: Any) -> Earned | None:
    """What somebody else's record says of points; None when it is no record, or one of another layout."""
    try:
        found = msgspec.convert(record, Earned)
    except (msgspec.ValidationError, RecursionError):
        return None
    return found if found.schema == SCHEMA else None


def differences(old: Earned, new: dict[str, Any]) -> Iterator[str]:
    """What two records of one submission do not agree about, a line for each step."""
    before = {(e.exercise, s.id): s.points for e in old.exercises for s in e.steps}
    for exercise in new["exercises"]:
        for step in exercise["steps"]:
            was = before.get((exercise["exercise"], step["id"]))
            if was is not None and was != step["points"]:
                found = [c["found"] for c in step["conditions"] if not c["met"]]
                reason = f" ({found[0]})" if found else ""
                yield f"{exercise['exercise']} {step['id']}: {was} -> {step['points']}{reason}"
