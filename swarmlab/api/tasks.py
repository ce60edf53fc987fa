"""`/tasks` (MB: daemon/cluster/tasks.go, SK: manager/controlapi/task.go)."""

from collections.abc import Callable
from http import HTTPStatus

from swarmlab.api.call import Answer, Call, Route, answer, encoded
from swarmlab.api.encode_tasks import TaskEncoder
from swarmlab.api.errors import ApiError
from swarmlab.api.query import Filters
from swarmlab.api.resolve import find_node, find_service, find_task
from swarmlab.manager.controlapi import ControlAPI
from swarmlab.manager.errors import StatusError
from swarmlab.objects import Network, Task, TaskState
from swarmlab.orchestrator.task import is_task_dirty

_STATES = {state.text: state for state in TaskState}


def list_tasks(call: Call) -> Answer:
    """`GET /tasks`, by id."""
    control = call.control
    filters = call.filters("name", "id", "label", "service", "node", "desired-state", "_up-to-date", "runtime")
    filters = filters.replaced("service", lambda value: find_service(control, value).id)
    filters = filters.replaced("node", lambda value: find_node(control, value).id)
    wanted = _wanted_states(filters)
    services, nodes = filters.get("service"), filters.get("node")
    tasks = control.tasks_of(services or None, nodes or None) if services or nodes else control.tasks()
    is_wanted = _matcher(filters, wanted)
    found = [task for task in tasks if is_wanted(task)]
    if "_up-to-date" in filters:
        found = _up_to_date(control, found)
    found.sort(key=lambda task: task.id)
    return encoded(_encoder(control).tasks(found))


def _wanted_states(filters: Filters) -> frozenset[TaskState]:
    for value in filters.get("desired-state"):
        if value and value.lower() not in _STATES:
            raise ApiError(HTTPStatus.INTERNAL_SERVER_ERROR, f"Invalid desired-state filter: '{value}'")
    return frozenset(_STATES[value.lower()] for value in filters.get("desired-state") if value)


def _matcher(filters: Filters, states: frozenset[TaskState]) -> Callable[[Task], bool]:
    """A test of what the control API has not narrowed down already."""
    # Without a filter only tasks of services are shown, all of which run containers.
    runtimes = set(filters.get("runtime")) or {"container"}
    containers, attachments = bool(runtimes & {"container", ""}), "attachment" in runtimes

    def is_wanted(task: Task) -> bool:
        return (
            (attachments if task.is_attachment else containers)
            and (not states or task.desired_state in states)
            and filters.prefix("name", task.name)
            and filters.prefix("id", task.id)
            and filters.labels("label", task.service_labels, empty_matches=True)
        )

    return is_wanted


def _up_to_date(control: ControlAPI, tasks: list[Task]) -> list[Task]:
    """Those that an update would leave as they are."""
    services = {service.id: service for service in control.services()}
    nodes = {node.id: node for node in control.nodes()}
    return [
        task
        for task in tasks
        if (service := services.get(task.service_id)) is not None
        and not is_task_dirty(service, task, nodes.get(task.node_id))
    ]


def _encoder(control: ControlAPI) -> TaskEncoder:
    def network(network_id: str) -> Network | None:
        try:
            return control.network(network_id)
        except StatusError:
            return None

    return TaskEncoder(network)


def inspect_task(call: Call) -> Answer:
    """`GET /tasks/{id}`."""
    control = call.control
    return answer(_encoder(control).task(find_task(control, call.name)))


ROUTES = (
    Route("GET", "/tasks", list_tasks),
    Route("GET", "/tasks/{name}", inspect_task),
)
