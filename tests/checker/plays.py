"""How each exercise is played on stage: its solution, other routes to it (equivalents), and ways to miss it (mutants).

A play changes the lines of some steps of the solution. Those of an equivalent must earn full marks. A mutant must miss:
its first missed step is the one that it names, and the report there says what the mutant says.
"""

import shlex
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import msgspec
import pytest
from stage import Stage
from typer.testing import CliRunner

from checker import answer, check, cli
from checker.conditions.answer import Answer
from checker.conditions.probe import Outcome, Probe
from checker.document import Document
from checker.exercise import Exercise, Variable, available, load
from checker.grader import Attempt, grade
from checker.history import History
from checker.result import Result
from swarmlab import lab as labs
from swarmlab.journal import Journal, Seal

_FOLDER = Path(__file__).with_name("plays")


class Play(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`edits` are other lines for steps, `answers` other answers. `seed` and `variables` are those of the attempt.

    `typed` is how a question is answered instead, one try after the other: what follows `checker answer`, or a call
    of `answer(…)` as in a notebook.
    """

    name: Annotated[str, msgspec.Meta(min_length=1)]
    edits: dict[str, tuple[str, ...]] = {}
    answers: dict[str, tuple[str, ...]] = {}
    seed: int = 0
    variables: dict[str, Variable] = {}
    typed: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.name


class Mutant(Play, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`fails` is the first step that is missed; what the report says there contains `says`."""

    fails: str
    says: str
    mistake: str = ""


#: The exercise's own solution; and only what is there before the exercise begins.
SOLUTION, NOTHING = Play(name="solution"), Play(name="nothing")


class Plays(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The plays of an exercise."""

    #: Whether containers have to run, as for `docker exec`.
    containers: bool = False
    equivalents: tuple[Play, ...] = ()
    mutants: tuple[Mutant, ...] = ()


@cache
def plays(exercise: str) -> Plays:
    """Those of an exercise."""
    file = _FOLDER / f"{exercise}.yaml"
    document = Document.parse(file.read_text(encoding="utf-8"), file.name)
    return document.convert(Plays, document.value)


def every_play() -> Iterator[tuple[str, Play]]:
    """All of them, each with its exercise."""
    for exercise in available():
        found = plays(exercise)
        for play in (*found.equivalents, *found.mutants):
            yield exercise, play


def perform(exercise_id: str, play: Play) -> Result:
    """The result of a play."""
    exercise = load(exercise_id, play.variables, play.seed)
    lines = play != NOTHING
    answers = {**_right_answers(exercise), **play.answers} if lines else {}
    if not any((step.solution or play.edits.get(step.id)) for step in exercise.steps) and not exercise.start.commands:
        # A question: there is nothing to do in a lab.
        if play.typed:
            return _typed(exercise_id, play.typed)
        return grade(Attempt(exercise, answers=answers), None)
    with Stage(exercise.start.nodes, containers=plays(exercise.id).containers) as stage:
        stage.play(exercise.start.commands)
        with History(stage.path) as history:
            marker = history.marker()
        evidence: dict[str, str] = {}
        attempt = Attempt(exercise, marker, answers, evidence=evidence)
        for step in exercise.steps if lines else ():
            stage.play(play.edits.get(step.id, step.solution))
            if any(isinstance(condition, Probe) for condition in step.conditions):
                _check(attempt, evidence, stage)
        return _check(attempt, evidence, stage)


def _typed(exercise: str, lines: Sequence[str]) -> Result:
    """What comes of answering a question by command and in a notebook; a line that is no choice is refused."""
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        journal = Path(folder, "journal.sqlite")
        Journal(journal, Seal(Path(folder, "key"))).close()
        patch.setattr(labs, "status", lambda name=None: {"journal": str(journal)})
        for line in lines:
            if line.startswith("answer("):
                eval(line, {"answer": answer})
            else:
                done = CliRunner().invoke(cli.app, ["answer", *shlex.split(line.removeprefix("! "))])
                assert (done.exit_code != 0) == line.startswith("! "), done.output
        return check(exercise)


def _check(attempt: Attempt, evidence: dict[str, str], stage: Stage) -> Result:
    """Check as learners do, in between, too: what can be seen now is kept."""
    make = stage.prober()

    def prober(probe: Probe) -> Outcome:
        outcome = make(probe)
        if outcome.met:
            evidence[probe.phrase()] = outcome.found
        return outcome

    with History(stage.path) as history:
        return grade(msgspec.structs.replace(attempt, prober=prober), history)


def missed(result: Result) -> list[str]:
    """The steps without full marks, in order."""
    return [step.step.id for step in result.steps if not step.full]


def words(result: Result, step_id: str) -> str:
    """What the report says of a missed step."""
    (step,) = (step for step in result.steps if step.step.id == step_id)
    return " | ".join(verdict.found for verdict in step.verdicts if not verdict.met)


def _right_answers(exercise: Exercise) -> dict[str, tuple[str, ...]]:
    return {
        step.id: tuple(key for key, statement in condition.statements.items() if statement.right)
        for step in exercise.steps
        for condition in step.conditions
        if isinstance(condition, Answer)
    }
