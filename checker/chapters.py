"""Where each step that is graded comes from and where it is done: `python -m checker.chapters > docs/chapters.md`."""

import re
import sys
from collections.abc import Iterator
from typing import NamedTuple

from checker.exercise import Exercise, Step, available, load
from checker.labs import NoNotebookError, source, stem_of

_HEAD = """\
# From the chapters to the checks

Every step that gives points: the section of the chapter that it follows, the place in the notebook where it is done,
and the id by which `checker hint`, `checker solve` and `assert_passed` know it. This page is made of the exercises and
the notebooks' sources: `python -m checker.chapters > docs/chapters.md`.

| chapter, section | notebook | place | step | check |
|---|---|---|---|---|"""
_HEADING = re.compile(r"^## (.+)$", re.MULTILINE)
_STEP = re.compile(r"\*\*Step (\d+)\b")
_NUMBER = re.compile(r"\d+")


class Row(NamedTuple):
    """One step. `notebook` is the name of its file without the ending, or empty; `place` is a heading in it."""

    exercise: Exercise
    step: Step
    notebook: str
    place: str


def rows() -> Iterator[Row]:
    """All steps of all exercises."""
    for name in available():
        exercise = load(name)
        for number, step in enumerate(exercise.steps, 1):
            try:
                stem = stem_of(name)
            except NoNotebookError:
                yield Row(exercise, step, "", "")
            else:
                yield Row(exercise, step, stem, place(source(stem), exercise, number))


def place(text: str, exercise: Exercise, number: int) -> str:
    """The heading in a source under which a step is done, empty when there is none.

    It is where a check looks at this step among a few, else where `Step 4` stands (if the notebook's steps are the
    exercise's, not the chapter's), else where the whole exercise is checked or an answer given. What comes before all
    headings only explains how to work.
    """
    checks = list(re.finditer(rf'\b(?:check|answer|assert_passed)\("{exercise.id}"(?:, steps="([\d-]+)")?', text))
    numbered = {int(match[1]): match for match in reversed(list(_STEP.finditer(text)))}
    found = [match for match in checks if match[1] and _covers(match[1], number)]
    if set(numbered) == set(range(1, len(exercise.steps) + 1)):
        found.append(numbered[number])
    for match in (*found, *(match for match in checks if not match[1])):
        if headings := _HEADING.findall(text, 0, match.start()):
            return str(headings[-1])
    return ""


def table() -> str:
    """The page."""
    lines = [_HEAD]
    for row in rows():
        notebook = f"[{row.notebook.partition('-')[0]}](../labs/{row.notebook}.ipynb)" if row.notebook else "none yet"
        cells = (row.exercise.chapter, notebook, row.place, row.step.title, f"`{row.exercise.id}` `{row.step.id}`")
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _covers(steps: str, number: int) -> bool:
    numbers = [int(found) for found in _NUMBER.findall(steps)]
    return numbers[0] <= number <= numbers[-1]


if __name__ == "__main__":
    sys.stdout.write(table())
