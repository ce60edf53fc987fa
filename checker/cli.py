"""The command `checker`: what exercises there are, and how far you are."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markdown import Markdown
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from checker import check as grade_exercise
from checker import cli_grade, cli_work
from checker.cli_common import (
    Assignments,
    Engines,
    Exit,
    Id,
    JournalFile,
    Json,
    Name,
    assignments,
    fail,
    print_json,
    telling,
)
from checker.conditions import AnyCondition
from checker.conditions.answer import Answer
from checker.exercise import available, load
from checker.lint import lint as lint_text
from checker.render import failed, mark, plain, summary
from checker.result import Result
from checker.world import Swarm

app = typer.Typer(name="checker", no_args_is_help=True, add_completion=False, help=__doc__)


@app.command("list")
def list_(json_: Json = False) -> None:
    """List the exercises."""
    exercises = [load(name) for name in available()]
    if json_:
        rows = [{"id": e.id, "title": e.title, "chapter": e.chapter, "possible": e.possible} for e in exercises]
        print_json(rows)
        return
    table = Table("ID", "TITLE", "CHAPTER", "POINTS", box=None, pad_edge=False)
    for exercise in exercises:
        table.add_row(exercise.id, exercise.title, exercise.chapter, str(exercise.possible))
    Console().print(table)


@app.command()
def show(exercise: Id) -> None:
    """Show what an exercise asks for, step by step."""
    with telling():
        loaded = load(exercise)
    lines = [f"# {loaded.id}: {loaded.title}", f"{loaded.about} ({loaded.chapter}; {loaded.possible} points)"]
    for step in loaded.steps:
        lines.append(f"**{step.title}** ({step.points})")
        for condition in step.conditions:
            lines.append(f"* {_expected(condition)}\n\n  {condition.why}")
            if isinstance(condition, Answer):
                lines.append(condition.question)
                lines += [f"* {key}: {statement.text}" for key, statement in condition.statements.items()]
    Console().print(Markdown("\n\n".join(lines)))


@app.command()
def check(
    exercise: Id,
    json_: Json = False,
    journal: JournalFile = None,
    name: Name = None,
    set_: Assignments = None,
    engine: Engines = None,
) -> None:
    """Grade an exercise from what happened in the lab. Exit code 0: full marks, 1: not yet, 2: could not be judged."""
    values = assignments(set_)
    with telling():
        result = grade_exercise(exercise, journal=journal, lab=name, variables=values, engines=engine or ())
    if json_:
        print_json(result.to_dict())
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
        fail(error)
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
        console.print(Text.assemble((f"{state:<10}", styles.get(state[0], "")), f"{points:>7}  ", step.step.title))
        if step.full and step.step.explanation:
            console.print(Padding(Text(f"note: {plain(step.step.explanation)}"), (0, 0, 0, 19)))
        for mistake in step.mistakes:
            console.print(Padding(Text(f"known mistake: {plain(mistake)}", style="yellow"), (0, 0, 0, 19)))
        for verdict in failed(step):
            grid = Table.grid(padding=(0, 1))
            for title, value in (("found", verdict.found), ("expected", verdict.expected), ("why", verdict.why)):
                grid.add_row(Text(title, style="dim"), Text(plain(value)))
            console.print(Padding(grid, (0, 0, 0, 19)))


def _expected(condition: AnyCondition) -> str:
    """What a condition demands: the same words as in a report about a swarm in which nothing happened."""
    return condition.observe().finding(Swarm()).expected


cli_work.register(app)
cli_grade.register(app)


def main() -> None:
    """The console script."""
    app()
