"""The summary of a service's slots is what a look at all its tasks would find."""

from itertools import islice

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from swarmlab.objects import Endpoint, EndpointSpec, Service, ServiceSpec, Task, TaskState
from swarmlab.orchestrator.slots import Slots
from swarmlab.orchestrator.task import is_task_dirty
from swarmlab.store import Table
from tests.support.specs import service_spec

replace = msgspec.structs.replace
SPECS = (service_spec(image="a").task_template, service_spec(image="b").task_template)
ENDPOINTS = (Endpoint(), Endpoint(spec=EndpointSpec(mode="dnsrr")))
DESIRED = (TaskState.READY, TaskState.RUNNING, TaskState.SHUTDOWN, TaskState.REMOVE)

tasks = st.builds(
    Task,
    id=st.sampled_from("abcdefgh"),
    service_id=st.just("web"),
    slot=st.integers(1, 4),
    spec=st.sampled_from(SPECS),
    spec_version=st.integers(0, 1),
    desired_state=st.sampled_from(DESIRED),
    endpoint=st.sampled_from(ENDPOINTS),
)


def table() -> Table[Task]:
    return Table(slot=lambda task: (task.slot_key,), service=lambda task: (task.service_id,))


def write(store: Table[Task], task: Task, deletes: bool) -> None:
    """Create, change (never the slot and the spec, as no loop does) or delete."""
    known = store.get(task.id)
    if deletes and known is not None:
        store.put(None, known)
    elif not deletes:
        changed = task if known is None else replace(known, desired_state=task.desired_state, endpoint=task.endpoint)
        store.put(changed, known)


@given(st.lists(st.tuples(tasks, st.booleans()), max_size=30), st.integers(0, 30))
def test_it_agrees_with_the_table(writes: list[tuple[Task, bool]], begins: int) -> None:
    store = table()
    for task, deletes in writes[:begins]:
        write(store, task, deletes)
    slots = Slots(store)
    for task, deletes in writes[begins:]:
        write(store, task, deletes)
    found = slots.of("web")
    wanted = [task for task in store if task.desired_state <= TaskState.RUNNING]
    numbers = {task.slot for task in wanted}
    assert found.wanted == {n: sum(task.slot == n for task in wanted) for n in numbers}
    assert set(found.idle) == {task.slot for task in store} - numbers
    assert set(found.crowded) == {n for n, count in found.wanted.items() if count > 1}
    assert list(islice(found.free({2}), 3)) == [n for n in range(1, 9) if n not in numbers | {2}][:3]
    service = Service(id="web", spec=ServiceSpec(name="web", task_template=SPECS[0]), spec_version=1)
    assert found.may_be_dirty(service) == any(is_task_dirty(service, task, None) for task in wanted)


def test_tasks_without_a_slot_are_not_its_business() -> None:
    store = table()
    slots = Slots(store)
    store.put(Task(id="a", service_id="web", node_id="n1", spec=SPECS[0]), None)
    assert not slots.of("web").wanted


def test_it_hears_nothing_after_its_end() -> None:
    store = table()
    slots = Slots(store)
    slots.close()
    store.put(Task(id="a", service_id="web", slot=1, spec=SPECS[0]), None)
    assert not slots.of("web").wanted
