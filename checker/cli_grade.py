"""Commands for records of gradings: grade, report, submit, record, grade-all."""

import getpass
import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from checker.attempts import Attempts
from checker.cli_common import Exit, JournalFile, Name, fail, telling, write
from checker.exercise import available, load
from checker.gradeall import comparable, differences, gradebook
from checker.gradeall import grade_all as grade_folder
from checker.handin import grade_kept
from checker.record import SCHEMA, grade_record
from checker.reports import FORMS, table
from checker.session import probe
from checker.source import find_journal
from checker.submission import pack

Output = Annotated[Path | None, typer.Option("--output", "-o", help="Write to this file.")]
Form = StrEnum("Form", {name: name for name in FORMS})  # type: ignore[misc]


def grade(
    exercises: Annotated[list[str] | None, typer.Argument(help="Exercises. [default: those that were begun]")] = None,
    learner: Annotated[str, typer.Option(help="Whose work it is.")] = "",
    output: Output = None,
    journal: JournalFile = None,
    name: Name = None,
) -> None:
    """Make a record of the grading: points, evidence, seed, versions, as JSON."""
    with telling():
        path = find_journal(journal, name)
        ids = [load(exercise).id for exercise in exercises or ()] or [one.exercise for one in Attempts(path).all()]
        if journal is None:
            probe(ids or available(), name)
        graded = grade_kept(path, ids or tuple(available()))
        record = grade_record(graded.attempts, graded.results, engine=graded.engine, learner=learner)
        write(json.dumps(record, indent=2) + "\n", output)


def report(
    graded: Annotated[Path, typer.Argument(metavar="RECORD", help="A record that `checker grade` made.")],
    form: Annotated[Form, typer.Option("--format", "-f", help="The form of the report.")] = Form.markdown,  # type: ignore[attr-defined]
    output: Output = None,
) -> None:
    """Show a record as JSON, CSV (a row per condition), JUnit XML, Markdown or HTML."""
    with telling():
        try:
            write(FORMS[form](_read(graded)), output)
        except (ValueError, KeyError, TypeError) as error:
            fail(ValueError(f"{graded} is no record of a grading: {error}"))


def submit(
    output: Annotated[Path | None, typer.Option("--output", "-o", help="The file. [default: LEARNER.zip]")] = None,
    learner: Annotated[str, typer.Option(help="Whose work it is. [default: your login]")] = "",
    journal: JournalFile = None,
    name: Name = None,
) -> None:
    """Pack the journal, the attempts and the grading into one file, to hand in."""
    who = learner or getpass.getuser()
    target = output or Path(f"{who.replace('/', '-')}.zip")
    with telling():
        path = find_journal(journal, name)
        if journal is None:
            probe([one.exercise for one in Attempts(path).all()], name)
        record = pack(path, target, who)
    typer.echo(f"{target}: {record['points']} of {record['possible']} points in {len(record['exercises'])} exercises")


def grade_all(
    folder: Annotated[Path, typer.Argument(help="The folder with the submissions.")],
    exercises: Annotated[list[str] | None, typer.Option("--exercise", "-e", help="Only this one.")] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write the gradebook (CSV) here.")] = None,
    records: Annotated[Path | None, typer.Option(help="Write all records (JSON) here.")] = None,
    against: Annotated[
        Path | None, typer.Option(help="Print what differs from these records, made with --records earlier.")
    ] = None,
    workers: Annotated[int | None, typer.Option(help="How many at a time. [default: one a core]")] = None,
) -> None:
    """Grade many submissions from their journals. A broken one stops no other, and makes the exit code 1."""
    with telling():
        old = _old(against) if against is not None else None
        graded = grade_folder(folder, exercises or (), workers)
        if not graded:
            fail(FileNotFoundError(f"{folder} has no submissions (*.zip)"))
        rows = gradebook(graded)
        write(table(rows), output)
        if records is not None:
            write(json.dumps({one.file: one.record for one in graded}, indent=2) + "\n", records)
    for one in graded:
        before = one.handed_in if old is None else comparable(old.get(one.file))
        if one.record is not None and before is not None:
            for line in differences(before, one.record):
                typer.echo(f"{one.file}: {line}", err=True)
        if one.error:
            typer.echo(f"{one.file} {one.error}", err=True)
    raise typer.Exit(Exit.NOT_YET if any(one.error for one in graded) else Exit.FULL)


def record(
    file: Annotated[Path, typer.Argument(help="The journal to write; one that is there is gone on with.")],
    host: Annotated[str | None, typer.Option("--host", "-H", help="A manager. [default: $DOCKER_HOST]")] = None,
    every: Annotated[float, typer.Option(min=0.1, help="Look so often at least, in seconds.")] = 1.0,
    seconds: Annotated[float | None, typer.Option("--for", help="End after so many seconds.")] = None,
    ports: Annotated[bool, typer.Option(help="Open published ports all the time, to tell whether they answer.")] = True,
) -> None:
    """Write down what happens on a real engine, to be checked with --journal."""
    from checker.recorder import RecorderError
    from checker.recorder import record as record_engine

    with telling():
        try:
            record_engine(
                file, host=host, every=every, seconds=seconds, say=lambda text: typer.echo(text, err=True), ports=ports
            )
        except RecorderError as error:
            fail(error)


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command()(grade)
    app.command()(report)
    app.command()(submit)
    app.command()(record)
    app.command("grade-all")(grade_all)


def _read(file: Path) -> dict[str, Any]:
    found = json.loads(file.read_text(encoding="utf-8"))
    if not isinstance(found, dict) or found.get("schema") != SCHEMA:
        raise ValueError(f"its layout is not version {SCHEMA}")
    return found


def _old(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        fail(ValueError(f"{file} cannot be read: {error}"))
    if not isinstance(found, dict):
        fail(ValueError(f"{file} has no records of gradings"))
    return found
