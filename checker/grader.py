"""Grading: one pass over what happened, every condition watching each swarm that there was."""

import logging
from collections.abc import Callable, Iterable
from typing import TypeVar

from checker.conditions import AnyCondition, Finding
from checker.exercise import Exercise, Step
from checker.history import Event
from checker.reads import Read
from checker.result import Result, StepResult, Verdict
from checker.world import Swarm
from swarmlab.journal.reader import Entry

T = TypeVar("T")
_log = logging.getLogger(__name__)
_ENGINE = "engine:"
#: The kinds of objects that facts look at.
_KINDS = frozenset({"cluster", "node", "service", "task"})


class _Guard:
    """An observer whose exceptions stay its own: the other conditions are judged as if nothing had happened."""

    def __init__(self, condition: AnyCondition) -> None:
        self._condition = condition
        self._error = ""
        self._observer = self._guarded(condition.observe)

    def changed(self, swarm: Swarm) -> None:
        observer = self._observer
        if observer is not None:
            self._guarded(lambda: observer.changed(swarm))

    def asked(self, swarm: Swarm, read: Read) -> None:
        observer = self._observer
        if observer is not None:
            self._guarded(lambda: observer.asked(swarm, read))

    def verdict(self, swarm: Swarm) -> Verdict:
        condition, observer = self._condition, self._observer
        finding = self._guarded(lambda: observer.finding(swarm)) if observer is not None else None
        if finding is None:
            finding = Finding(False, f"grader error, not your fault: {self._error}", "that the grader can judge this")
        return Verdict(finding.met, finding.found, finding.expected, condition.why, condition.weight, self._error)

    def _guarded(self, call: Callable[[], T]) -> T | None:
        try:
            return call()
        except Exception as error:
            _log.exception("grading a condition failed")
            self._error = f"{type(error).__name__}: {error}"
            self._observer = None
            return None


class _Try:
    """One swarm that a learner made, and what the exercise's conditions saw of it."""

    def __init__(self, exercise: Exercise) -> None:
        self.swarm = Swarm()
        self._steps = [(step, [_Guard(condition) for condition in step.conditions]) for step in exercise.steps]
        self._guards = [guard for _, guards in self._steps for guard in guards]

    def take(self, entry: Entry) -> None:
        for change in entry.changes:
            self.swarm.apply(change)
        if any(change.kind in _KINDS for change in entry.changes):
            for guard in self._guards:
                guard.changed(self.swarm)

    def asked(self, read: Read) -> None:
        for guard in self._guards:
            guard.asked(self.swarm, read)

    def results(self) -> list[StepResult]:
        return [self._result(step, guards) for step, guards in self._steps]

    def _result(self, step: Step, guards: list[_Guard]) -> StepResult:
        return StepResult(step, [guard.verdict(self.swarm) for guard in guards])


def grade(exercise: Exercise, events: Iterable[Event]) -> Result:
    """Judge everything that happened.

    A learner may leave a swarm and make another. Each step counts where it went best, so neither an attempt that went
    wrong nor anything done later takes marks away.
    """
    tries: dict[str, _Try] = {}
    membership: dict[str, str] = {}
    for event in events:
        if isinstance(event, Read):
            swarm = membership.get(event.engine)
            if swarm in tries:
                tries[swarm].asked(event)
        elif event.scope.startswith(_ENGINE):
            _follow(event, membership)
        else:
            if event.scope not in tries:
                tries[event.scope] = _Try(exercise)
            tries[event.scope].take(event)
    results = [one.results() for one in tries.values() or [_Try(exercise)]]
    # Of equally good ones the latest: that is the one the learner remembers.
    best = [max(reversed(ones), key=lambda one: one.points) for ones in zip(*results, strict=True)]
    return Result(exercise, best)


def _follow(entry: Entry, membership: dict[str, str]) -> None:
    """Keep track of which swarm each engine is in; an engine that is in none can be asked about none."""
    for change in entry.changes:
        if change.kind == "engine" and change.new is not None:
            member = change.new.get("Membership") or {}
            membership[change.new["Name"]] = member.get("Swarm", "")
