"""Commands for learners at work: start, watch, hint, answer, solve, skip, progress, notebook."""

import os
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from checker.cli_common import Assignments, Engines, Exit, Id, JournalFile, Name, StepId, assignments, fail, telling
from checker.conditions.answer import Answer
from checker.exercise import available
from checker.history import History
from checker.labs import NoNotebookError
from checker.progress import Progress
from checker.render import mark, summary
from checker.result import Result
from checker.session import Session, any_seed
from checker.solve import lab_environment, run_lines

#: How often the journal is looked at, in seconds.
_LOOK = 0.5


def start(
    exercise: Id,
    seed: Annotated[int | None, typer.Option(help="Other names and numbers; 0 has the book's.")] = 0,
    random: Annotated[bool, typer.Option("--random", help="Take any seed.")] = False,
    prepare: Annotated[bool, typer.Option("--prepare", help="Carry out what must be there first.")] = False,
    set_: Assignments = None,
    journal: JournalFile = None,
    name: Name = None,
) -> None:
    """Begin an exercise (or begin it anew): what happened before does not count any more."""
    with telling():
        session = Session(exercise, journal=journal, lab=name)
        commands = session.exercise().start.commands
        if prepare and commands:
            run_lines(commands, lab_environment(name), None, typer.echo)
        record = session.start(None if random else seed, assignments(set_))
        begun = session.exercise()
    typer.echo(f"{session.id} has begun, with seed {record.seed}.")
    if begun.variables:
        typer.echo("  " + ", ".join(f"{key} = {value}" for key, value in begun.variables.items()))
    if begun.start.nodes > 1:
        typer.echo(f"  It needs a lab of {begun.start.nodes} nodes.")
    if commands and not prepare:
        typer.echo("  Before its first step there must be what these commands make (`--prepare` carries them out):")
        for line in begun.start.commands:
            typer.echo(f"    {line}")


def watch(exercise: Id, journal: JournalFile = None, name: Name = None, engine: Engines = None) -> None:
    """Check again at every change of the cluster, until all is done or you press Ctrl-C."""
    with telling():
        session = Session(exercise, journal=journal, lab=name, engines=engine or ())
        result, seen = session.check(), _end(session)
        try:
            with Live(_picture(result), console=Console(), auto_refresh=False) as live:
                while not result.full:
                    time.sleep(_LOOK)
                    now = _end(session)
                    if now != seen:
                        result, seen = session.check(), now
                        live.update(_picture(result), refresh=True)
        except KeyboardInterrupt:
            pass
    raise typer.Exit(Exit.FULL if result.full else Exit.NOT_YET)


def hint(exercise: Id, step: StepId = "", journal: JournalFile = None, name: Name = None) -> None:
    """A hint for a step; asked again, the answer."""
    with telling():
        found, tier, text = Session(exercise, journal=journal, lab=name).hint(step)
    if found is None:
        typer.echo("Everything is done.")
        return
    typer.echo(f"{found.title} (hint {tier} of {len(found.hints)})\n  {text}" if text else f"{found.title}: no hints")


def answer(
    exercise: Id,
    chosen: Annotated[list[str], typer.Argument(metavar="STATEMENT...", help="Those that are right, such as a c.")],
    step: Annotated[str, typer.Option("--step", help="The question's id or number.")] = "",
    journal: JournalFile = None,
    name: Name = None,
) -> None:
    """Answer a question; the last answer counts."""
    with telling():
        session = Session(exercise, journal=journal, lab=name)
        try:
            session.answer(chosen, step)
        except ValueError as error:
            fail(error)
    typer.echo(f"Noted. `checker check {session.id}` tells what it is worth.")


def solve(
    exercise: Id,
    step: Annotated[str, typer.Option("--step", help="Only this step. [default: all that are not done]")] = "",
    folder: Annotated[Path | None, typer.Option(help="Work in this folder. [default: one that is deleted]")] = None,
    journal: JournalFile = None,
    name: Name = None,
) -> None:
    """Carry out the solution in the lab, step by step. What the checker solves gives no credit."""
    with telling():
        session = Session(exercise, journal=journal, lab=name)
        open_steps = [r.step for r in session.check().steps if not r.full]
        lines: list[str] = []
        for one in [session.step(step)] if step else open_steps:
            # First the note: were this cut short, half a solution must not count.
            session.give_up(one, "solved")
            for condition in one.conditions:
                if isinstance(condition, Answer):
                    session.answer([k for k, s in condition.statements.items() if s.right], one.id)
            lines += one.solution
        with History(session.journal) as history:
            # What is recorded is not ours: the docker command is to talk to it already.
            environment = dict(os.environ) if history.recorded else lab_environment(name)
        # All in one folder: later steps use the files of earlier ones.
        run_lines(lines, environment, folder, typer.echo)
    typer.echo("Solved; these steps give no credit.")


def skip(exercise: Id, step: StepId = "", journal: JournalFile = None, name: Name = None) -> None:
    """Leave a step out: hints and watch go on to the next one. It gives no credit."""
    with telling():
        session = Session(exercise, journal=journal, lab=name)
        found = session.step(step) if step else session.next_step()
        if found is None:
            typer.echo("Everything is done.")
            return
        session.give_up(found, "skipped")
    typer.echo(f"Skipped: {found.title}")


def progress(
    exercises: Annotated[list[str] | None, typer.Argument(help="[default: all]")] = None, name: Name = None
) -> None:
    """How far you are, with what you reached before the lab was reset."""
    with telling():
        typer.echo(repr(Progress([Session(one, lab=name).standing() for one in exercises or available()])))


def notebook(
    exercise: Id,
    seed: Annotated[int | None, typer.Option(help="Whose names and numbers it has. [default: any]")] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The file. [default: beside the others]")
    ] = None,
) -> None:
    """Write the notebook about an exercise with the names and numbers of a seed."""
    with telling():
        try:
            # Making notebooks needs libraries that nothing else here does.
            from checker.notebooks import personal

            made = personal(exercise, any_seed() if seed is None else seed, output)
        except NoNotebookError as error:
            fail(error)
    typer.echo(str(made))


def register(app: typer.Typer) -> None:
    """Add these commands."""
    for command in (start, watch, hint, answer, solve, skip, progress, notebook):
        app.command()(command)


def _end(session: Session) -> object:
    with History(session.journal) as history:
        return history.marker(), session.record


def _picture(result: Result) -> Group:
    styles = {"✔": "green", "◐": "yellow", "✘": "red"}
    lines = [Text(f"{result.exercise.id}  {result.exercise.title}", style="bold"), Text(summary(result))]
    for step in result.steps:
        state = mark(step)
        lines.append(Text.assemble((f"{state:<10}", styles.get(state[0], "")), f" {step.step.title}"))
    return Group(*lines)
