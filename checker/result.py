"""What grading comes to."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from checker import render
from checker.exercise import Exercise, Step

Points = int | float


class Verdict(msgspec.Struct, frozen=True):
    """One condition: whether it is met, what was found, what was expected, and why it matters.

    `error` says what kept the condition from being judged, empty otherwise; that is not the learner's fault, so the
    condition then counts neither for nor against. `at` is the instant that `found` is about in Unix nanoseconds, or 0.
    """

    met: bool
    found: str
    expected: str
    why: str
    weight: int = 1
    error: str = ""
    at: int = 0


class StepResult(msgspec.Struct, frozen=True):
    """One step with its verdicts, and the known mistakes that were seen.

    `given_up` is `solved` or `skipped` when the learner let the checker do it or left it out: there is no credit then.
    """

    step: Step
    verdicts: Sequence[Verdict]
    mistakes: Sequence[str] = ()
    given_up: str = ""

    @property
    def points(self) -> Points:
        """The points of the conditions that are met, to two decimals."""
        return 0 if self.given_up else self.earned

    @property
    def earned(self) -> Points:
        """The same, whoever did it."""
        return self._share(sum(v.weight for v in self.verdicts if v.met))

    @property
    def possible(self) -> Points:
        """The points of the conditions that could be judged, to two decimals."""
        return self._share(sum(v.weight for v in self.verdicts if not v.error))

    @property
    def full(self) -> bool:
        """Whether all that could be judged is met, and something could be."""
        return 0 < self.possible == self.points

    def _share(self, weight: int) -> Points:
        return _plain(self.step.points * weight / sum(v.weight for v in self.verdicts))


class Result(msgspec.Struct, frozen=True):
    """An exercise with the results of its steps. In a notebook it shows itself as a report."""

    exercise: Exercise
    steps: Sequence[StepResult]
    seed: int = 0

    @property
    def points(self) -> Points:
        """The sum over the steps."""
        return _plain(sum(step.points for step in self.steps))

    @property
    def possible(self) -> Points:
        """The sum over the steps."""
        return _plain(sum(step.possible for step in self.steps))

    @property
    def full(self) -> bool:
        """Whether every step has full marks."""
        return all(step.full for step in self.steps)

    @property
    def errors(self) -> list[str]:
        """What could not be checked."""
        return [verdict.error for step in self.steps for verdict in step.verdicts if verdict.error]

    def only(self, numbers: Iterable[int]) -> "Result":
        """The result of some steps, counted from 1. Numbers that no step has are ignored."""
        wanted = set(numbers)
        return Result(self.exercise, [step for i, step in enumerate(self.steps, 1) if i in wanted], self.seed)

    def to_dict(self) -> dict[str, Any]:
        """The result as `checker check --json` prints it."""
        return {
            "exercise": self.exercise.id,
            "points": self.points,
            "possible": self.possible,
            "seed": self.seed,
            "steps": [
                {
                    "id": result.step.id,
                    "title": result.step.title,
                    "points": result.points,
                    "possible": result.possible,
                    "given_up": result.given_up,
                    "mistakes": list(result.mistakes),
                    "conditions": [
                        {
                            "met": v.met,
                            "found": v.found,
                            "expected": v.expected,
                            "why": v.why,
                            "weight": v.weight,
                            "at": v.at,
                            "error": v.error,
                        }
                        for v in result.verdicts
                    ],
                }
                for result in self.steps
            ],
        }

    def __repr__(self) -> str:
        return render.text(self)

    def _repr_html_(self) -> str:
        return render.html(self)


def _plain(number: float) -> Points:
    rounded = round(number, 2)
    return int(rounded) if rounded == int(rounded) else rounded
