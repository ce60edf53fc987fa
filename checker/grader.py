"""Grading: one pass over what happened, every condition watching each swarm that there was."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from typing import TypeVar

import msgspec

from checker.conditions import AnyCondition, Finding, Observer
from checker.conditions.answer import AnswerObserver
from checker.conditions.probe import Probe, ProbeObserver, Prober
from checker.exercise import Exercise, Step
from checker.facts.base import NotRecordedError
from checker.history import BEGINNING, History, Marker
from checker.reads import Read
from checker.result import Result, StepResult, Verdict
from checker.world import NO_PORTS, Swarm
from swarmlab.journal.reader import ChangeRecord, Entry

T = TypeVar("T")
_log = logging.getLogger(__name__)
_ENGINE = "engine:"


class Attempt(msgspec.Struct, frozen=True):
    """A learner's attempt at an exercise: when it began, what was answered, which steps do not count and why.

    `evidence` is what probes found at earlier checks, by what was wanted; `prober` makes probes now.
    """

    exercise: Exercise
    marker: Marker = BEGINNING
    answers: Mapping[str, Sequence[str]] = {}
    given_up: Mapping[str, str] = {}
    evidence: Mapping[str, str] = {}
    prober: Prober | None = None
    seed: int = 0


class _Guard:
    """An observer whose exceptions stay its own: the other conditions are judged as if nothing had happened."""

    def __init__(
        self, condition: AnyCondition, swarm: Swarm, answers: Sequence[str] | None, recorded: str | None
    ) -> None:
        self._condition = condition
        self._error = ""
        self._observer: Observer | None = self._guarded(condition.observe)
        self.interests = self._observer.interests if self._observer is not None else frozenset[str]()
        if recorded is not None and condition.not_recorded:
            self._give_up(f"final state only: a recording of {recorded} does not hold {condition.not_recorded}")
            return
        observer = self._observer
        if isinstance(observer, AnswerObserver) and answers is not None:
            observer.answered(answers)
        if observer is not None:
            self._guarded(lambda: observer.begin(swarm))

    def seen(self, evidence: Mapping[str, str]) -> None:
        condition, observer = self._condition, self._observer
        if isinstance(condition, Probe) and isinstance(observer, ProbeObserver) and condition.phrase() in evidence:
            observer.seen(evidence[condition.phrase()])

    @property
    def is_probe(self) -> bool:
        return isinstance(self._condition, Probe)

    @property
    def is_unknown(self) -> bool:
        """Whether nothing can come of it any more."""
        return bool(self._error)

    def probe(self, swarm: Swarm, prober: Prober) -> None:
        observer = self._observer
        if isinstance(observer, ProbeObserver):
            self._guarded(lambda: observer.probe(swarm, prober))

    def changed(self, swarm: Swarm) -> None:
        observer = self._observer
        if observer is not None:
            try:
                observer.changed(swarm)
            except Exception as error:
                self._fail(error)

    def asked(self, swarm: Swarm, read: Read) -> None:
        observer = self._observer
        if observer is not None:
            self._guarded(lambda: observer.asked(swarm, read))

    def verdict(self, swarm: Swarm) -> tuple[Verdict, bool]:
        """The verdict, and whether the step can do without it."""
        condition, observer = self._condition, self._observer
        finding = self._guarded(lambda: observer.finding(swarm)) if observer is not None else None
        if finding is None:
            finding = Finding(False, f"could not be checked: {self._error}", "that the checker can judge this")
        verdict = Verdict(
            met=finding.met,
            found=finding.found,
            expected=finding.expected,
            why=condition.why,
            weight=condition.weight,
            error=self._error or finding.unknown,
            at=finding.at,
        )
        return verdict, finding.spare

    def met(self, swarm: Swarm) -> bool:
        """Whether the condition is met, without words."""
        observer = self._observer
        finding = self._guarded(lambda: observer.finding(swarm)) if observer is not None else None
        return finding is not None and finding.met

    def _guarded(self, call: Callable[[], T]) -> T | None:
        try:
            return call()
        except Exception as error:
            self._fail(error)
            return None

    def _fail(self, error: Exception) -> None:
        if isinstance(error, NotRecordedError):
            self._give_up(str(error))
            return
        _log.exception("grading a condition failed")
        self._give_up(f"grader error, not your fault: {type(error).__name__}: {error}")

    def _give_up(self, why: str) -> None:
        self._error = why
        self._observer = None


class _Try:
    """One swarm that a learner made, and what the exercise's conditions saw of it."""

    def __init__(self, attempt: Attempt, swarm: Swarm, recorded: str | None) -> None:
        self.swarm = swarm
        self._attempt = attempt
        self._steps: list[tuple[Step, list[_Guard], list[_Guard]]] = []
        for step in attempt.exercise.steps:
            answers = attempt.answers.get(step.id)
            guards = [_Guard(condition, swarm, answers, recorded) for condition in step.conditions]
            for guard in guards:
                guard.seen(attempt.evidence)
            signs = [_Guard(mistake.sign, swarm, answers, recorded) for mistake in step.mistakes]
            self._steps.append((step, guards, signs))
        self._guards = [guard for _, guards, signs in self._steps for guard in (*guards, *signs)]
        self._index: dict[str, list[_Guard]] = {}
        for guard in self._guards:
            for key in guard.interests:
                self._index.setdefault(key, []).append(guard)

    def changed(self, keys: Iterable[str]) -> None:
        touched: dict[int, _Guard] = {}
        for key in keys:
            for guard in self._index.get(key, ()):
                touched[id(guard)] = guard
        for guard in touched.values():
            guard.changed(self.swarm)

    def asked(self, read: Read) -> None:
        for guard in self._guards:
            guard.asked(self.swarm, read)

    def probe(self, prober: Prober) -> None:
        """Make the probes of steps that lack nothing else.

        A page that the checker opens is in the journal as if the learner had; it comes too late to earn points.
        """
        for _, guards, _ in self._steps:
            if all(guard.is_probe or guard.is_unknown or guard.met(self.swarm) for guard in guards):
                for guard in guards:
                    guard.probe(self.swarm, prober)

    def results(self) -> list[StepResult]:
        return [self._result(*step) for step in self._steps]

    def _result(self, step: Step, guards: list[_Guard], signs: list[_Guard]) -> StepResult:
        every = [guard.verdict(self.swarm) for guard in guards]
        verdicts = [verdict for verdict, spare in every if not spare] or [verdict for verdict, _ in every]
        mistakes: list[str] = []
        if not all(verdict.met for verdict in verdicts):
            pairs = zip(step.mistakes, signs, strict=True)
            mistakes = [f"{mistake.name}: {mistake.says}" for mistake, sign in pairs if sign.met(self.swarm)]
        return StepResult(step, verdicts, mistakes, self._attempt.given_up.get(step.id, ""))


class _Group:
    """The attempt at one exercise, over all swarms of a journal."""

    def __init__(self, attempt: Attempt, history: History | None) -> None:
        self.attempt = attempt
        self._recorded = history.recorded if history is not None else None
        self._reads = history.reads(attempt.marker) if history is not None else []
        self._position = 0
        self._begun = False
        self._tries: dict[str, _Try] = {}

    def before(self, entry: Entry | None, swarms: Mapping[str, Swarm], membership: Mapping[str, str]) -> None:
        """What belongs before a transaction (or, for None, to the end): the beginning, and what was asked."""
        if not self._begun and (entry is None or entry.seq > self.attempt.marker.seq):
            self._begun = True
            for scope, swarm in swarms.items():
                self._tries[scope] = _Try(self.attempt, swarm, self._recorded)
        while self._position < len(self._reads):
            read = self._reads[self._position]
            if entry is not None and read.after >= entry.seq:
                return
            self._position += 1
            scope = membership.get(read.engine, "")
            if scope in self._tries:
                self._tries[scope].asked(read)

    def appears(self, scope: str, swarm: Swarm) -> None:
        """There is a new swarm, empty as yet."""
        if self._begun:
            self._tries[scope] = _Try(self.attempt, swarm, self._recorded)

    def changed(self, scope: str, keys: Iterable[str]) -> None:
        found = self._tries.get(scope)
        if found is not None:
            found.changed(keys)

    def result(self, alive: Set[str]) -> Result:
        """What it came to; `alive` are the swarms that engines are in now, which can be probed.

        A learner may leave a swarm and make another. Each step counts where it went best.

        So neither an attempt that went wrong nor anything done later takes marks away. Of equally good ones the latest
        counts: that is the one the learner remembers.
        """
        prober = self.attempt.prober
        for scope, one in self._tries.items():
            if prober is not None and scope in alive:
                one.probe(prober)
        tries = list(self._tries.values()) or [_Try(self.attempt, Swarm(), self._recorded)]
        results = [one.results() for one in tries]
        best = [max(reversed(ones), key=lambda one: one.earned) for ones in zip(*results, strict=True)]
        return Result(self.attempt.exercise, best, self.attempt.seed)


def grade_attempts(attempts: Sequence[Attempt], history: History | None) -> list[Result]:
    """Judge everything that happened, for several exercises at once. Raises NoJournalError for a damaged journal."""
    groups = [_Group(attempt, history) for attempt in attempts]
    swarms: dict[str, Swarm] = {}
    membership: dict[str, str] = {}
    for entry in history.entries() if history is not None else ():
        for group in groups:
            group.before(entry, swarms, membership)
        scope, changes = entry.scope, entry.changes
        if scope.startswith(_ENGINE):
            engine = scope.removeprefix(_ENGINE)
            _follow(entry, membership, swarms)
            # Containers and ports belong to the swarm that their engine is in.
            scope = membership.get(engine, "")
            changes = tuple(_of_engine(engine, change) for change in changes if change.kind in {"container", "port"})
            if not changes or scope not in swarms:
                continue
        swarm = swarms.get(scope)
        if swarm is None:
            swarm = swarms[scope] = Swarm()
            for group in groups:
                group.appears(scope, swarm)
        swarm.at, swarm.by_client = entry.at, not entry.actor.get("loop")
        known = history is not None and history.ports_from is not None and entry.seq >= history.ports_from
        swarm.ports_unknown = "" if known else NO_PORTS
        keys = {key for change in changes for key in swarm.apply(change)}
        for group in groups:
            group.changed(scope, keys)
    for group in groups:
        group.before(None, swarms, membership)
    # A recording has nothing about engines; its last swarm is the one that is there.
    alive = set(membership.values()) or set(list(swarms)[-1:])
    return [group.result(alive) for group in groups]


def grade(attempt: Attempt | Exercise, history: History | None) -> Result:
    """Judge one attempt, or the exercise from the journal's beginning on. Without a history nothing has happened."""
    whole = attempt if isinstance(attempt, Attempt) else Attempt(attempt)
    return grade_attempts([whole], history)[0]


def _follow(entry: Entry, membership: dict[str, str], swarms: Mapping[str, Swarm]) -> None:
    """Keep track of which swarm each engine is in; an engine that is in none can be asked about none."""
    for change in entry.changes:
        if change.kind == "engine" and change.new is not None:
            name, member = change.new["Name"], change.new.get("Membership") or {}
            before, membership[name] = membership.get(name, ""), member.get("Swarm", "")
            if before in swarms and before != membership[name]:
                swarms[before].leaves(name)


def _of_engine(engine: str, change: ChangeRecord) -> ChangeRecord:
    """A change as the swarm's: ports of different engines have the same numbers."""
    return change._replace(id=f"{engine}/{change.id}") if change.kind == "port" else change
