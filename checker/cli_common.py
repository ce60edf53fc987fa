"""What the commands share: options, exit codes, errors."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import IntEnum
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from checker.document import DocumentError
from checker.exercise import UnknownExerciseError, Variable, VariableError
from checker.session import UnknownStepError
from checker.solve import SolutionError
from checker.source import NoJournalError

Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Id = Annotated[str, typer.Argument(metavar="EXERCISE", help="The exercise's id, such as A1.")]
JournalFile = Annotated[Path | None, typer.Option("--journal", help="Use this journal file.")]
Name = Annotated[str | None, typer.Option("--name", help="The lab. [default: $SWARMLAB_LAB, else default]")]
Engines = Annotated[
    list[str] | None,
    typer.Option("--engine", metavar="ENDPOINT", help="With --journal: probe this engine; a manager first."),
]
Assignments = Annotated[list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Set a variable.")]
StepId = Annotated[str, typer.Option("--step", help="A step's id or number. [default: the next one to do]")]


class Exit(IntEnum):
    """Exit codes: full marks (or no mistakes), not yet, and when no judgement was possible."""

    FULL = 0
    NOT_YET = 1
    ERROR = 2


@contextmanager
def telling() -> Iterator[None]:
    """Errors that are no faults of the program become a line, and exit code 2."""
    try:
        yield
    except (
        UnknownExerciseError, NoJournalError, VariableError, DocumentError, UnknownStepError, SolutionError, OSError,
    ) as error:  # fmt: skip
        fail(error)


def assignments(texts: Sequence[str] | None) -> dict[str, Variable]:
    """`NAME=VALUE` pairs."""
    found: dict[str, Variable] = {}
    for text in texts or ():
        name, equals, value = text.partition("=")
        if not equals:
            raise typer.BadParameter(f"{text!r} is not NAME=VALUE")
        found[name] = value
    return found


def write(text: str, output: Path | None) -> None:
    """To the file, whole or not at all; without one to standard output."""
    if output is None:
        typer.echo(text, nl=False)
        return
    partial = output.with_name(f".{output.name}.part")
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(output)
    finally:
        partial.unlink(missing_ok=True)


def print_json(value: object) -> None:
    """For programs."""
    typer.echo(json.dumps(value, indent=2))


def fail(error: Exception) -> NoReturn:
    """End with the error's text."""
    typer.echo(f"checker: {error}", err=True)
    raise typer.Exit(Exit.ERROR)
