"""What tasks have from the allocator, apart from the addresses themselves (SK: manager/allocator/network.go)."""

import msgspec

from swarmlab.objects import Endpoint, Network, Service, Task, TaskState
from swarmlab.store import Table


def holds_addresses(task: Task) -> bool:
    """Whether a task has been given addresses and has not given them back."""
    return task.state != TaskState.NEW and not task.state.terminal and any(a.addresses for a in task.networks)


def endpoint_of(task: Task, service: Service | None) -> Endpoint | None:
    """What a task is to have as its endpoint: its service's, if that has one by now."""
    return service.endpoint if service is not None and service.endpoint is not None else task.endpoint


def attached_anew(task: Task, service: Service | None, networks: Table[Network]) -> Task:
    """The task with its networks and its endpoint as they are now, for a new leader that takes it over.

    The networks have been written down before, so that the task is another to its agent, too.
    """
    attachments = tuple(
        msgspec.structs.replace(attachment, network_version=network.version)
        if (network := networks.get(attachment.network_id)) is not None
        else attachment
        for attachment in task.networks
    )
    return msgspec.structs.replace(task, networks=attachments, endpoint=endpoint_of(task, service))
