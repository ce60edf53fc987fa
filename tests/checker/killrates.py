"""Writes docs/mutants.md: how many mutants of each exercise's solution the checker catches.

PYTHONPATH=tests/checker python tests/checker/killrates.py > docs/mutants.md
"""

import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import NamedTuple

from plays import NOTHING, SOLUTION, Mutant, missed, perform, plays, words

from checker.exercise import Exercise, available, load
from checker.result import Result

HEAD = """\
# Proof that the checker is right

Made by `PYTHONPATH=tests/checker python tests/checker/killrates.py > docs/mutants.md`; the test suite plays all of it
(`tests/checker/test_plays.py`).

Each exercise is played with the genuine docker command, on a lab in virtual time. The solution must earn all points,
doing nothing none. *Routes* are other ways to the same end (a stack file, other options, ids, values in other words,
mistakes made good), which must earn all. *Mutants* are solutions with one mistake; each must miss, first at the step
with the mistake, with a message that names what is wrong. The numbers are: as should be, of all.

| Exercise | Points | Conditions | Solution | Nothing | Routes | Mutants | Killed |
| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"""


class Row(NamedTuple):
    """An exercise: points of its solution and of doing nothing, how many routes earn all, how many mutants miss."""

    exercise: Exercise
    solution: int | float
    nothing: int | float
    right: int
    killed: int


def page(rows: Sequence[Row]) -> str:
    """The page."""
    lines, routes, mutants = [HEAD], 0, 0
    for row in rows:
        name, found = row.exercise.id, plays(row.exercise.id)
        conditions = sum(len(step.conditions) for step in row.exercise.steps)
        lines.append(
            f"| {name}: {row.exercise.title} | {row.exercise.possible} | {conditions} | {row.solution} | {row.nothing} "
            f"| {row.right} of {len(found.equivalents)} | {len(found.mutants)} | {row.killed} |"
        )
        routes, mutants = routes + len(found.equivalents), mutants + len(found.mutants)
    right, killed = sum(row.right for row in rows), sum(row.killed for row in rows)
    lines.append(f"| **all** | | | | | {right} of {routes} | {mutants} | {killed} ({100 * killed / mutants:.0f} %) |")
    return "\n".join((*lines, ""))


def killed(result: Result, mutant: Mutant) -> bool:
    """Whether a mutant was caught at its step, for its reason."""
    return missed(result)[:1] == [mutant.fails] and mutant.says in words(result, mutant.fails)


def main() -> None:
    """Play everything and print the page."""
    rows = []
    known = {name: (SOLUTION, NOTHING, *plays(name).equivalents, *plays(name).mutants) for name in available()}
    with ProcessPoolExecutor() as pool:
        played = {(name, play.name): pool.submit(perform, name, play) for name, some in known.items() for play in some}
        results = {key: future.result() for key, future in played.items()}
    for name in available():
        solution, nothing = (results[name, play.name].points for play in (SOLUTION, NOTHING))
        right = sum(not missed(results[name, play.name]) for play in plays(name).equivalents)
        dead = sum(killed(results[name, mutant.name], mutant) for mutant in plays(name).mutants)
        rows.append(Row(load(name), solution, nothing, right, dead))
    sys.stdout.write(page(rows))


if __name__ == "__main__":
    main()
