"""What a learner does with an exercise: start it, check it, take hints, answer, let it be solved, skip steps."""

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import msgspec

from checker.attempts import Attempts, Record, prepared, with_answer
from checker.conditions.answer import Answer
from checker.conditions.probe import Probe
from checker.exercise import Exercise, Step, Variable, load
from checker.grader import Attempt, grade
from checker.history import History
from checker.probes import Access, Prober, engines_access, lab_access
from checker.progress import Standing
from checker.result import Result
from checker.source import find_journal, own_engines

_replace = msgspec.structs.replace
#: Seeds are short enough to be told to somebody.
_SEEDS = 10_000


class UnknownStepError(LookupError):
    """Raised when an exercise has no such step."""


def any_seed() -> int:
    """A seed that isn't the book's."""
    return random.randrange(1, _SEEDS)  # noqa: S311  (variety, not secrecy)


class Session:
    """One exercise in one lab. Everything that lasts is in files; making this object changes nothing.

    `journal` is a journal file; without it the recording that $CHECKER_JOURNAL names, if any, is read, else the lab's
    own: that of the lab named `lab`, else $SWARMLAB_LAB, else `default`. With a journal file `engines` are the
    endpoints where it is going on (a manager first), if anywhere.
    Raises UnknownExerciseError, NoJournalError.
    """

    def __init__(
        self, exercise: str, *, journal: Path | None = None, lab: str | None = None, engines: Sequence[str] = ()
    ) -> None:
        self.id = load(exercise).id
        if journal is None and lab is None:
            journal, engines = own_engines()
        self.journal = find_journal(journal, lab)
        self._attempts = Attempts(self.journal)
        #: A journal alone is not the learner's own to keep notes beside.
        self._in_lab = journal is None
        #: Finds where to probe; a journal alone has nothing that could be.
        self.access: Callable[[], Access] | None = None
        if engines:
            self.access = lambda: engines_access(engines)
        elif journal is None:
            self.access = lambda: lab_access(lab)

    @property
    def record(self) -> Record:
        """What is kept of the attempt."""
        return self._attempts.get(self.id)

    def attempt(self, variables: Mapping[str, Variable] | None = None) -> Attempt:
        """The attempt for the grader. Raises VariableError, DocumentError."""
        return prepared(self.record, dict(variables or {}))

    def exercise(self) -> Exercise:
        """The exercise with the attempt's values."""
        return self.attempt().exercise

    def start(
        self, seed: int | None = 0, variables: Mapping[str, Variable] | None = None, *, again: bool = True
    ) -> Record:
        """Begin anew: what happened before does not count any more. Seed 0 has the book's values, None takes any.

        With `again=False` an attempt that was started already in this journal goes on, if it has that seed (or any,
        for None) and those variables, so that a notebook can be run again.
        """
        if not again and self._attempts.started(self.id):
            record = self.record
            if seed in {None, record.seed} and dict(variables or {}) == record.variables:
                return record
        chosen = any_seed() if seed is None else seed
        load(self.id, variables, chosen)
        with History(self.journal) as history:
            record = Record(exercise=self.id, seed=chosen, variables=dict(variables or {}), marker=history.marker())
        self._attempts.put(record)
        return record

    def check(self, variables: Mapping[str, Variable] | None = None) -> Result:
        """Grade the attempt, with probes of what is there now; keep what answered, and what was reached."""
        prober = Prober(self.access) if self.access is not None else None
        attempt = _replace(self.attempt(variables), prober=prober)
        with History(self.journal) as history:
            result = grade(attempt, history)
        if prober is not None and prober.seen:
            record = self.record
            self._attempts.put(_replace(record, evidence={**record.evidence, **prober.seen}))
        if self._in_lab and not variables:
            self._attempts.reached(self.id, {step.step.id: step.points for step in result.steps})
        return result

    def standing(self) -> Standing:
        """How far the learner is: each step counts where it went best, also before the lab was reset."""
        result = self.check()
        most = self._attempts.best(self.id)
        points = round(sum(max(step.points, most.get(step.step.id, 0)) for step in result.steps), 2)
        return Standing(
            self.id, result.exercise.title, int(points) if points == int(points) else points, result.exercise.possible
        )

    def step(self, reference: str) -> Step:
        """A step by its id or its number from 1. Raises UnknownStepError."""
        steps = self.exercise().steps
        if reference.isdecimal() and 1 <= int(reference) <= len(steps):
            return steps[int(reference) - 1]
        found = self.exercise().step(reference)
        if found is None:
            ids = ", ".join(step.id for step in steps)
            raise UnknownStepError(f"{self.id} has no step {reference!r} (there are {ids})")
        return found

    def next_step(self) -> Step | None:
        """The first step that is neither done nor given up."""
        return next((r.step for r in self.check().steps if not r.full and not r.given_up), None)

    def hint(self, reference: str = "") -> tuple[Step | None, int, str]:
        """The step, the tier and the text of the next hint for a step, by default the next one to do.

        The first tier says where to look; asking again for the same step gives the second, which has the answer.
        """
        step = self.step(reference) if reference else self.next_step()
        if step is None or not step.hints:
            return step, 0, ""
        record = self.record
        tier = min(record.hints.get(step.id, 0) + 1, len(step.hints))
        self._attempts.put(_replace(record, hints={**record.hints, step.id: tier}))
        return step, tier, step.hints[tier - 1]

    def answer(self, chosen: Sequence[str], reference: str = "") -> None:
        """Answer a question; the last answer counts. Raises UnknownStepError, and ValueError for what is no choice."""
        step, _ = self.question(reference)
        self._attempts.put(with_answer(self.record, self.exercise(), step.id, chosen))

    def give_up(self, step: Step, how: str) -> None:
        """Note that a step was `solved` by the checker, or `skipped`: it gives no credit in this attempt."""
        record = self.record
        self._attempts.put(_replace(record, given_up={**record.given_up, step.id: how}))

    def question(self, reference: str = "") -> tuple[Step, Answer]:
        """The question of a step, by default the first of the exercise. Raises UnknownStepError when there is none."""
        for step in [self.step(reference)] if reference else self.exercise().steps:
            for condition in step.conditions:
                if isinstance(condition, Answer):
                    return step, condition
        raise UnknownStepError(f"{self.id} asks no question" + (f" in step {reference}" if reference else ""))


def probe(exercises: Iterable[str], lab: str | None) -> None:
    """Make the probes of what is there in a lab now, and keep the evidence. Raises what `Session` does."""
    for exercise in exercises:
        if any(isinstance(condition, Probe) for step in load(exercise).steps for condition in step.conditions):
            Session(exercise, lab=lab).check()
