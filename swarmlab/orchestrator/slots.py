"""A summary of every service's slots, so that a service is reconciled without a look at each of its tasks."""

import random
from collections.abc import Callable, Container, Iterable, Iterator

from swarmlab.objects import EndpointSpec, Service, Task, TaskState
from swarmlab.orchestrator.task import Slot, is_task_dirty
from swarmlab.store import Table


def in_any_order(slots: Iterable[Slot]) -> list[Slot]:
    """Slots in the order in which SwarmKit updates them: that of a Go map, which is another one each time."""
    found = list(slots)
    random.shuffle(found)
    return found


#: What tasks have in common that were made alike: if one of them is clean, so are the others.
_Make = tuple[int, int | None, EndpointSpec | None]


class _Alike:
    """How many wanted tasks are of one make, and one of them."""

    __slots__ = ("count", "example")

    def __init__(self, example: Task) -> None:
        # The example also keeps its spec alive, by whose identity the make is known.
        self.example = example
        self.count = 0


class ServiceSlots:
    """The slots of one replicated service that have tasks; a task is wanted up to the desired state RUNNING."""

    def __init__(self) -> None:
        #: Slots with wanted tasks, and how many.
        self.wanted: dict[int, int] = {}
        #: Slots that hold history only.
        self.idle: dict[int, None] = {}
        #: Slots with more than one wanted task.
        self.crowded: dict[int, None] = {}
        self._makes: dict[_Make, _Alike] = {}
        #: All lower numbers are in `wanted`.
        self._floor = 1

    def may_be_dirty(self, service: Service) -> bool:
        """Whether an update to the service's spec may have to replace wanted tasks: if not, all of them are clean."""
        return any(is_task_dirty(service, alike.example, None) for alike in self._makes.values())

    def free(self, taken: Container[int]) -> Iterator[int]:
        """The numbers without a wanted task that are not in `taken`, lowest first, without end."""
        while self._floor in self.wanted:
            self._floor += 1
        number = self._floor
        while True:
            if number not in self.wanted and number not in taken:
                yield number
            number += 1

    def count(self, slot: int, by: int, *, empty: bool) -> None:
        """Note `by` more wanted tasks in a slot, which is `empty` when it has no tasks at all any more."""
        wanted = self.wanted.get(slot, 0) + by
        if wanted:
            self.wanted[slot] = wanted
            self.idle.pop(slot, None)
        else:
            self.wanted.pop(slot, None)
            self._floor = min(self._floor, slot)
            if empty:
                self.idle.pop(slot, None)
            else:
                self.idle[slot] = None
        if wanted > 1:
            self.crowded[slot] = None
        else:
            self.crowded.pop(slot, None)

    def note(self, task: Task, by: int) -> None:
        """Note that there is (1) or is no longer (-1) such a wanted task."""
        make = _make(task)
        alike = self._makes.get(make)
        if alike is None:
            alike = self._makes[make] = _Alike(task)
        alike.count += by
        if not alike.count:
            del self._makes[make]


class Slots:
    """The slots of all replicated services, as the table of tasks has them at any moment."""

    def __init__(self, tasks: Table[Task]) -> None:
        self._tasks = tasks
        self._services: dict[str, ServiceSlots] = {}
        self.close: Callable[[], None] = tasks.follow(self._changed)

    def of(self, service_id: str) -> ServiceSlots:
        """The slots of one service."""
        return self._services.get(service_id) or ServiceSlots()

    def _changed(self, new: Task | None, old: Task | None) -> None:
        task = new if new is not None else old
        assert task is not None
        if not task.slot:
            return
        was = old is not None and old.desired_state <= TaskState.RUNNING
        is_ = new is not None and new.desired_state <= TaskState.RUNNING
        if new is not None and old is not None and was == is_ and new.endpoint is old.endpoint:
            return
        slots = self._services.get(task.service_id)
        if slots is None:
            slots = self._services[task.service_id] = ServiceSlots()
        if was:
            assert old is not None
            slots.note(old, -1)
        if is_:
            assert new is not None
            slots.note(new, 1)
        remaining = self._tasks.count("slot", task.slot_key)
        slots.count(task.slot, is_ - was, empty=not remaining)
        if not (remaining or slots.wanted or slots.idle):
            del self._services[task.service_id]


def _make(task: Task) -> _Make:
    return id(task.spec), task.spec_version, task.endpoint.spec if task.endpoint is not None else None
