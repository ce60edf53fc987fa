"""The state of a swarm at an instant: what facts look at."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from swarmlab.journal.reader import ChangeRecord

Fields = Mapping[str, Any]
#: The desired states of a task that is to run; a replacement is only to be ready until its predecessor has stopped.
_WANTED = ("ready", "running")


class Tally:
    """The tasks of one service, counted by desired and observed state, and why the pending ones wait."""

    def __init__(self) -> None:
        self._states: Counter[tuple[str, str]] = Counter()
        self._reasons: Counter[str] = Counter()

    @property
    def running(self) -> int:
        """Tasks that run and are meant to."""
        return self._states["running", "running"]

    @property
    def stopped(self) -> int:
        """Tasks that were shut down and are kept as history."""
        return self._states["shutdown", "shutdown"]

    @property
    def pending(self) -> int:
        """Tasks that should run, now or when their predecessor has stopped, and have no node."""
        return sum(self._states[desired, "pending"] for desired in _WANTED)

    @property
    def reasons(self) -> list[str]:
        """What the scheduler says of pending tasks, most frequent first."""
        return [reason for reason, count in self._reasons.most_common() if count > 0]

    def waiting(self, reason: str) -> int:
        """Pending tasks whose explanation contains `reason`."""
        return sum(count for text, count in self._reasons.items() if reason in text)

    def count(self, task: Fields, number: int) -> None:
        """Add a task `number` times; -1 takes it away."""
        status = task.get("Status") or {}
        state, desired = status.get("State", "new"), task.get("DesiredState") or "running"
        self._states[desired, state] += number
        if state == "pending" and desired in _WANTED and status.get("Err"):
            self._reasons[status["Err"]] += number


class Swarm:
    """One swarm, from its beginning on. Objects are as the journal has them, with the Engine API's names."""

    def __init__(self) -> None:
        self.cluster: Fields | None = None
        self.nodes: dict[str, Fields] = {}
        self.services: dict[str, Fields] = {}
        self._tallies: dict[str, Tally] = {}

    def service(self, name: str) -> Fields | None:
        """The service with that name."""
        return next((s for s in self.services.values() if s["Spec"].get("Name") == name), None)

    def tasks(self, service_id: str) -> Tally:
        """The tasks of a service."""
        return self._tallies.setdefault(service_id, Tally())

    def apply(self, change: ChangeRecord) -> None:
        """Take over one change of an object."""
        match change.kind:
            case "cluster":
                self.cluster = change.new
            case "node":
                _put(self.nodes, change)
            case "service":
                _put(self.services, change)
            case "task":
                for task, number in ((change.old, -1), (change.new, 1)):
                    if task is not None:
                        self.tasks(task.get("ServiceID", "")).count(task, number)


def _put(table: dict[str, Fields], change: ChangeRecord) -> None:
    if change.new is None:
        table.pop(change.id, None)
    else:
        table[change.id] = change.new
