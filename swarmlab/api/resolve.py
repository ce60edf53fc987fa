"""What an argument means, for every kind alike: full id, then exact name, then id prefix (MB: daemon/cluster)."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Protocol, TypeVar

from swarmlab.api.errors import bad_request, not_found
from swarmlab.manager.controlapi import ControlAPI
from swarmlab.manager.errors import StatusError
from swarmlab.objects import Config, Network, Node, Secret, Service, Task
from swarmlab.objects.volume import ClusterVolume


class _Identified(Protocol):
    @property
    def id(self) -> str: ...


T = TypeVar("T", bound=_Identified)


def _resolve(
    kind: str, argument: str, get: Callable[[str], T], every: Callable[[], Iterable[T]], name: Callable[[T], str]
) -> T:
    """The one object that is meant. Raises ApiError: 404 when there is none, 400 when there are several."""
    with suppress(StatusError):
        return get(argument)
    everything = list(every())
    found = [obj for obj in everything if name(obj) == argument]
    if not found:
        found = [obj for obj in everything if obj.id.startswith(argument)]
    if not found:
        raise not_found(f"{kind} {argument} not found")
    if len(found) > 1:
        raise bad_request(f"{kind} {argument} is ambiguous ({len(found)} matches found)")
    return found[0]


def _spec_name(obj: Service | Network | Secret | Config) -> str:
    return obj.spec.name


def find_node(control: ControlAPI, argument: str) -> Node:
    """A node by id, hostname or id prefix."""
    return _resolve("node", argument, control.node, control.nodes, lambda node: node.description.hostname)


def find_service(control: ControlAPI, argument: str) -> Service:
    """A service by id, name or id prefix."""
    return _resolve("service", argument, control.service, control.services, _spec_name)


def find_task(control: ControlAPI, argument: str) -> Task:
    """A task by id, name or id prefix."""
    return _resolve("task", argument, control.task, control.tasks, lambda task: task.name)


def find_network(control: ControlAPI, argument: str) -> Network:
    """A network of the swarm by id, name or id prefix."""
    return _resolve("network", argument, control.network, control.networks, _spec_name)


def find_secret(control: ControlAPI, argument: str) -> Secret:
    """A secret by id, name or id prefix."""
    return _resolve("secret", argument, control.secret, control.secrets, _spec_name)


def find_config(control: ControlAPI, argument: str) -> Config:
    """A config by id, name or id prefix."""
    return _resolve("config", argument, control.config, control.configs, _spec_name)


def find_volume(control: ControlAPI, argument: str) -> ClusterVolume:
    """A volume of the cluster by id, name or id prefix."""
    return _resolve("volume", argument, control.volume, control.volumes, lambda volume: volume.name)
