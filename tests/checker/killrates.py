"""Writes docs/mutants.md: how many mutants of each exercise's solution the checker catches.

PYTHONPATH=tests/checker python tests/checker/killrates.py > docs/mutants.md
"""

import sys
from concurrent.futures import ProcessPoolExecutor

from plays import NOTHING, SOLUTION, Mutant, missed, perform, plays, words

from checker.exercise import available, load
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


def say(line: str) -> None:
    """Write a line."""
    sys.stdout.write(f"{line}\n")


def killed(result: Result, mutant: Mutant) -> bool:
    """Whether a mutant was caught at its step, for its reason."""
    return missed(result)[:1] == [mutant.fails] and mutant.says in words(result, mutant.fails)


def main() -> None:
    """Play everything and print the table."""
    say(HEAD)
    routes = mutants = kills = 0
    known = {name: (SOLUTION, NOTHING, *plays(name).equivalents, *plays(name).mutants) for name in available()}
    with ProcessPoolExecutor() as pool:
        played = {(name, play.name): pool.submit(perform, name, play) for name, some in known.items() for play in some}
        results = {key: future.result() for key, future in played.items()}
    for name in available():
        exercise, found = load(name), plays(name)
        solution, nothing = (results[name, play.name].points for play in (SOLUTION, NOTHING))
        right = sum(not missed(results[name, play.name]) for play in found.equivalents)
        dead = sum(killed(results[name, mutant.name], mutant) for mutant in found.mutants)
        conditions = sum(len(step.conditions) for step in exercise.steps)
        say(
            f"| {name}: {exercise.title} | {exercise.possible} | {conditions} | {solution} | {nothing} "
            f"| {right} of {len(found.equivalents)} | {len(found.mutants)} | {dead} |"
        )
        routes, mutants, kills = routes + right, mutants + len(found.mutants), kills + dead
    say(f"| **all** | | | | | {routes} | {mutants} | {kills} ({100 * kills / mutants:.0f} %) |")


if __name__ == "__main__":
    main()
