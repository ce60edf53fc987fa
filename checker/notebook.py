"""What notebooks call. Everything shows itself as HTML, and as text where there is none; state is in files only."""

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from checker.exercise import Variable, available, load
from checker.progress import Progress
from checker.result import Result
from checker.session import Session

if TYPE_CHECKING:
    from checker.quiz import Quiz

__all__ = ["Note", "answer", "assert_passed", "check", "hint", "progress", "quiz", "start"]


class Note:
    """A few lines that show themselves in a notebook."""

    def __init__(self, *lines: str) -> None:
        self.lines = lines

    def __repr__(self) -> str:
        return "\n".join(self.lines)

    def _repr_html_(self) -> str:
        return "".join(f"<div>{escape(line)}</div>" for line in self.lines)


def check(
    exercise: str,
    *,
    journal: Path | None = None,
    lab: str | None = None,
    variables: Mapping[str, Variable] | None = None,
    steps: str = "",
    engines: Sequence[str] = (),
) -> Result:
    """Grade an exercise (`A1`) from what happened in a lab since `checker start`, or else since its beginning or reset.

    `journal` is a journal file; without it the lab's own is read: that of the lab named `lab`, else $SWARMLAB_LAB, else
    `default`. `variables` replace the exercise's own, such as the service's name. `steps` limits the report to some
    steps, counted from 1 (`4-7`, or `3`). `engines` are endpoints of what `journal` records, a manager first, to be
    probed.

    Raises UnknownExerciseError, VariableError, NoJournalError, DocumentError when a variable's value makes no sense,
    and ValueError for `steps` of another form.
    """
    first, _, last = steps.partition("-")
    numbers = range(int(first), int(last or first) + 1) if steps else None
    load(exercise, variables)
    result = Session(exercise, journal=journal, lab=lab, engines=engines).check(variables)
    return result if numbers is None else result.only(numbers)


def start(exercise: str, seed: int | None = 0, *, again: bool = False, lab: str | None = None) -> Note:
    """Begin an exercise: what happened before does not count. Running the cell again goes on, unless `again`.

    After a reset, or with another seed, it begins anew in any case.
    """
    session = Session(exercise, lab=lab)
    record = session.start(seed, again=again)
    values = ", ".join(f"{name} = {value}" for name, value in session.exercise().variables.items())
    return Note(f"{session.id} has begun, with seed {record.seed}.", *([values] if values else []))


def hint(exercise: str, step: str | int = "", *, lab: str | None = None) -> Note:
    """A hint for a step, by default the next one to do; asking again gives the answer."""
    found, tier, text = Session(exercise, lab=lab).hint(str(step))
    if found is None:
        return Note("Everything is done.")
    return (
        Note(f"{found.title} (hint {tier} of {len(found.hints)})", text) if text else Note(f"{found.title}: no hints")
    )


def answer(exercise: str, *chosen: str, step: str | int = "", lab: str | None = None) -> Result:
    """Answer a question with the statements that are right: `answer("Q1", "a", "c")`. The last answer counts."""
    session = Session(exercise, lab=lab)
    session.answer(chosen, str(step))
    return session.check()


def quiz(exercise: str, *, step: str | int = "", lab: str | None = None) -> "Quiz":
    """Boxes to tick for a question, in place of `answer`. The last answer counts here too."""
    from checker.quiz import Quiz  # Widgets take a while to import, and only notebooks have them.

    return Quiz(Session(exercise, lab=lab), str(step))


def progress(*exercises: str, lab: str | None = None) -> Progress:
    """How far you are in all exercises, or in these. What you reached before the lab was reset counts as well."""
    return Progress([Session(exercise, lab=lab).standing() for exercise in exercises or available()])


def assert_passed(exercise: str, step: str | int = "", *, journal: Path | None = None, lab: str | None = None) -> None:
    """For cells that are graded automatically (nbgrader): nothing when a step, or all, has full marks.

    Raises AssertionError with the report otherwise.
    """
    session = Session(exercise, journal=journal, lab=lab)
    result = session.check()
    if step != "":
        wanted = session.step(str(step)).id
        result = result.only(i for i, one in enumerate(result.steps, 1) if one.step.id == wanted)
    if not result.full:
        raise AssertionError(f"not passed yet\n{result!r}")
