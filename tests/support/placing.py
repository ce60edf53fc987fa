"""Tasks that wait for a node, and where they went."""

from collections import Counter

from swarmlab.objects import Endpoint, Task, TaskState, TaskStatus
from swarmlab.store import Kind
from tests.support.world import World, replace

S = TaskState


def nodes(world: World, count: int, **kinds: object) -> None:
    for number in range(1, count + 1):
        world.node(f"n{number}", **kinds)  # type: ignore[arg-type]


def pending(world: World, count: int, name: str = "web") -> list[Task]:
    """So many tasks of a service, PENDING since the same transaction."""
    first = len(world.tasks(name))
    with world.change() as tx:
        made = [
            tx.create(
                Kind.TASK,
                replace(_template(world, name), id=f"{name}{first + n:03}", slot=first + n + 1),
            )
            for n in range(count)
        ]
    return [task for task in made if isinstance(task, Task)]


def _template(world: World, name: str) -> Task:
    service = world.of(name)
    endpoint = service.spec.endpoint_spec
    assert endpoint is not None
    return Task(
        id="",
        spec=service.spec.task_template,
        service_id=service.id,
        service_name=name,
        spec_version=service.spec_version,
        status=TaskStatus(state=S.PENDING, message="pending task scheduling"),
        endpoint=Endpoint(spec=endpoint, ports=endpoint.ports),
    )


def placed(world: World, name: str = "web") -> dict[str, int]:
    return dict(Counter(t.node_id for t in world.tasks(name) if t.state == S.ASSIGNED))


def reason(world: World, name: str = "web") -> set[str]:
    return {t.status.err for t in world.tasks(name) if t.state == S.PENDING}
