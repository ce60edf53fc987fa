"""Writes docs/parity.md: what the solutions earn on real engines, through the same checks.

SWARMLAB_REAL_ENGINES=unix:///…,unix:///…,unix:///… PYTHONPATH=tests/checker \
    python tests/checker/parity.py > docs/parity.md

takes about a quarter of an hour. SWARMLAB_REAL_NODE_SCRIPT names what switches nodes: `script kill|stop|start NUMBER`.
"""

import os
import re
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from engines_stage import STAND_INS, EnginesStage, engine, images, mesh_works

from checker.exercise import Exercise, available, load
from checker.probes import engines_access
from checker.result import Result
from checker.session import Session
from checker.solve import SolutionError

_HEAD = """\
# The same exercises on real engines

Made by `tests/checker/parity.py`, which says how; `tests/checker/test_parity.py` plays some of it in every test run
that is given engines.

Each solution is played with the genuine docker command on {engines}, while `checker record`
writes down what happens, and graded through the same checks as in a lab. *Judged* is how many points the recording lets
be judged, *earned* how many of these the solution earned. In a lab of swarmlab all points are judged and earned
([mutants.md](mutants.md)). What is not judged costs nothing: the reports say *final state only*, and why.

| Exercise | Points | Judged | Earned | What is not judged, and why |
| --- | ---: | ---: | ---: | --- |"""
#: Lines that open a published port.
_TRAFFIC = re.compile(r"swarmlab url")
_RECORDED = re.compile("final state only: a recording of .* does not hold (.*)")
#: What the recorder says of a port that never answered.
_NEVER = re.compile("the recorder never had an answer from .*")
_NO_TRAFFIC = "published ports pass no traffic here, for the kernel has no IPVS"
#: Work inside images, which needs what is not there (pip, a registry).
_INSIDE = re.compile(r"docker (build|run) ")


class Played(NamedTuple):
    """An exercise on engines: its result, and what was different from the solution as it stands."""

    result: Result
    notes: Sequence[str]


def needs(exercise: Exercise) -> set[str]:
    """The stand-ins that an exercise uses."""
    text = available()[exercise.id]
    return {name for name in STAND_INS if re.search(rf"(?<!\w){re.escape(name.removesuffix(':latest'))}(?!\w)", text)}


def perform(exercise: Exercise, stage: EnginesStage, *, mesh: bool) -> Played:
    """Play the solution, and check after every step, as a learner does."""
    notes = []
    inside = bool(needs(exercise))
    # What is in stand-ins is not what the exercise is about.
    session = Session(exercise.id, journal=stage.journal, engines=() if inside else stage.endpoints)
    if not inside and not mesh:
        session.access = lambda: engines_access(stage.endpoints)._replace(no_traffic=_NO_TRAFFIC)

    def playable(lines: Sequence[str]) -> list[str]:
        return [line for line in lines if (mesh or not _TRAFFIC.search(line)) and not (inside and _INSIDE.match(line))]

    stage.play(playable(exercise.start.commands))
    session.start()
    for step in exercise.steps:
        for condition in step.conditions:
            if hasattr(condition, "statements"):
                session.answer([key for key, statement in condition.statements.items() if statement.right], step.id)
        try:
            stage.play(playable(step.solution))
        except SolutionError as error:
            notes.append(f"**{step.id}**: {' '.join(str(error).split())}")
        session.check()
    lines = [line for step in exercise.steps for line in step.solution]
    if not mesh and any(map(_TRAFFIC.search, lines)):
        notes.append(f"pages are not opened: {_NO_TRAFFIC}")
    if inside:
        notes.append(f"stand-ins for {', '.join(sorted(needs(exercise)))}: no registry and no pip here")
    return Played(session.check(), notes)


def row(exercise: Exercise, played: Played) -> str:
    """The line of the table."""
    result = played.result
    unknown: dict[str, list[str]] = {}
    for step in result.steps:
        for verdict in step.verdicts:
            if verdict.error:
                why = _NEVER.sub(_NO_TRAFFIC, _RECORDED.sub(r"\1 is not recorded", verdict.error))
                unknown.setdefault(why, []).append(step.step.id)
    texts = [f"{', '.join(dict.fromkeys(steps))}: {why}" for why, steps in unknown.items()]
    texts += [f"**{s.step.id} missed**: {v.found}" for s in result.steps for v in s.verdicts if not (v.met or v.error)]
    texts += [note for note in played.notes if not any(why in note for why in unknown)]
    return (
        f"| {exercise.id}: {exercise.title} | {exercise.possible} | {result.possible} | {result.points} | "
        f"{'; '.join(texts)} |"
    )


def say(line: str) -> None:
    """Write a line."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> None:
    """Play everything, and print the page."""
    endpoints = [text for text in os.environ.get("SWARMLAB_REAL_ENGINES", "").split(",") if text]
    power = os.environ.get("SWARMLAB_REAL_NODE_SCRIPT", "")
    if len(endpoints) < 3:
        sys.exit("Set SWARMLAB_REAL_ENGINES to the endpoints of three Docker engines that nobody else uses.")
    with engine(endpoints[0]) as client:
        version = client.version()
    say(_HEAD.format(engines=f"{len(endpoints)} Docker engines {version['Version']}"))
    mesh = mesh_works(endpoints)
    for name in sys.argv[1:] or available():
        exercise = load(name)
        lent = images(endpoints) if needs(exercise) else nullcontext()
        with TemporaryDirectory() as folder, lent, EnginesStage(endpoints, Path(folder), power) as stage:
            say(row(exercise, perform(exercise, stage, mesh=mesh)))


if __name__ == "__main__":
    main()
