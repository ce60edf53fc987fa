"""The command `checker`: what exercises there are, and how far you are."""

import json
from enum import IntEnum
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.markdown import Markdown
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from checker import check as grade_exercise
from checker.conditions import AnyCondition
from checker.document import DocumentError
from checker.exercise import UnknownExerciseError, Variable, VariableError, available, load
from checker.lint import lint as lint_text
from checker.render import failed, mark, plain, summary
from checker.result import Result
from checker.source import NoJournalError
from checker.world import Swarm

app = typer.Typer(name="checker", no_args_is_help=True, add_completion=False, help=__doc__)
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Id = Annotated[str, typer.Argument(metavar="EXERCISE", help="The exercise's id, such as A1.")]


class Exit(IntEnum):
    """Exit codes: full marks (or no mistakes), not yet, and when no judgement was possible."""

    FULL = 0
    NOT_YET = 1
    ERROR = 2


@app.command("list")
def list_(json_: Json = False) -> None:
    """List the exercises."""
    exercises = [load(name) for name in available()]
    if json_:
        rows = [{"id": e.id, "title": e.title, "chapter": e.chapter, "possible": e.possible} for e in exercises]
        _json(rows)
        return
    table = Table("ID", "TITLE", "CHAPTER", "POINTS", box=None, pad_edge=False)
    for exercise in exercises:
        table.add_row(exercise.id, exercise.title, exercise.chapter, str(exercise.possible))
    Console().print(table)


@app.command()
def show(exercise: Id) -> None:
    """Show what an exercise asks for, step by step."""
    try:
        loaded = load(exercise)
    except UnknownExerciseError as error:
        _fail(error)
    lines = [f"# {loaded.id}: {loaded.title}", f"{loaded.about} ({loaded.chapter}; {loaded.possible} points)"]
    for step in loaded.steps:
        lines.append(f"**{step.title}** ({step.points})")
        lines += [f"* {_expected(condition)}\n\n  {condition.why}" for condition in step.conditions]
    Console().print(Markdown("\n\n".join(lines)))


@app.command()
def check(
    exercise: Id,
    json_: Json = False,
    journal: Annotated[Path | None, typer.Option(help="Grade from this journal file.")] = None,
    name: Annotated[str | None, typer.Option(help="The lab to grade. [default: $SWARMLAB_LAB, else default]")] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Set a variable.")] = None,
) -> None:
    """Grade an exercise from what happened in the lab. Exit code 0: full marks, 1: not yet, 2: could not be judged."""
    try:
        result = grade_exercise(exercise, journal=journal, lab=name, variables=dict(map(_assignment, set_ or [])))
    except (UnknownExerciseError, NoJournalError, VariableError, DocumentError) as error:
        _fail(error)
    if json_:
        _json(result.to_dict())
    else:
        _report(result)
    raise typer.Exit(Exit.ERROR if result.errors else Exit.FULL if result.full else Exit.NOT_YET)


@app.command()
def lint(
    files: Annotated[list[Path] | None, typer.Argument(help="Exercise files. [default: the checker's own]")] = None,
) -> None:
    """Find mistakes in exercise files."""
    try:
        texts = {str(file): file.read_text(encoding="utf-8") for file in files or []}
    except (OSError, UnicodeDecodeError) as error:
        _fail(error)
    texts = texts or {f"{name}.yaml": text for name, text in available().items()}
    mistakes = [mistake for name, text in texts.items() for mistake in lint_text(text, name)]
    for mistake in mistakes:
        typer.echo(mistake)
    if mistakes:
        raise typer.Exit(Exit.NOT_YET)
    typer.echo(f"{len(texts)} without mistakes")


def _report(result: Result) -> None:
    console = Console()
    console.print(Text(f"{result.exercise.id}  {result.exercise.title}", style="bold"))
    console.print(Text(summary(result)), end="\n\n")
    styles = {"✔": "green", "◐": "yellow", "✘": "red"}
    for step in result.steps:
        state = mark(step)
        points = f"{step.points}/{step.possible}"
        console.print(Text.assemble((f"{state:<10}", styles[state[0]]), f"{points:>7}  ", step.step.title))
        for verdict in failed(step):
            grid = Table.grid(padding=(0, 1))
            for title, value in (("found", verdict.found), ("expected", verdict.expected), ("why", verdict.why)):
                grid.add_row(Text(title, style="dim"), Text(plain(value)))
            console.print(Padding(grid, (0, 0, 0, 19)))


def _expected(condition: AnyCondition) -> str:
    """What a condition demands: the same words as in a report about a swarm in which nothing happened."""
    return condition.observe().finding(Swarm()).expected


def _assignment(text: str) -> tuple[str, Variable]:
    name, equals, value = text.partition("=")
    if not equals:
        raise typer.BadParameter(f"{text!r} is not NAME=VALUE")
    return name, value


def _json(value: object) -> None:
    typer.echo(json.dumps(value, indent=2))


def _fail(error: Exception) -> NoReturn:
    typer.echo(f"checker: {error}", err=True)
    raise typer.Exit(Exit.ERROR)


def main() -> None:
    """The console script."""
    app()
