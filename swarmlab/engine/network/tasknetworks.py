"""What a task's networks are on its engine (MB: daemon/cluster/executor/container/container.go, networkingConfig)."""

from collections.abc import Iterator
from typing import NamedTuple

from swarmlab.engine.errors import EngineError, bad_request
from swarmlab.engine.network.overlays import Overlays
from swarmlab.objects import NetworkAttachment, Task
from swarmlab.objects.local import ContainerNetwork, LocalNetwork
from swarmlab.objects.run import EndpointIPAMConfig, EndpointSettings

#: Why a container that has the machine's own network has no other, and the other way round.
HOST = "container cannot be disconnected from host network or connected to host network"
SHARED = "container sharing network namespace with another container or host cannot be connected to any other network"


class TaskPlace(NamedTuple):
    """A task's place on one network; `own` is what that is on the engine, None for an overlay network."""

    attachment: NetworkAttachment
    own: LocalNetwork | None = None
    predefined: bool = False

    @property
    def endpoint(self) -> ContainerNetwork:
        """The place as the container's record has it before it starts."""
        network_id = self.own.id if self.own is not None else self.attachment.network_id
        return ContainerNetwork(network_id=network_id, addresses=self.attachment.addresses)


class TaskNetworks(NamedTuple):
    """A task's places, in the order of its networks."""

    places: tuple[TaskPlace, ...] = ()

    @property
    def mode(self) -> str:
        """The container's network mode: a network that every engine has is one, if it is the first."""
        first = self.places[0] if self.places else None
        return first.own.name if first is not None and first.predefined and first.own is not None else ""

    @property
    def endpoints(self) -> tuple[ContainerNetwork, ...]:
        """See `Container`."""
        return tuple(place.endpoint for place in self.places)

    def attachments(self, container_id: str) -> dict[str, EndpointSettings]:
        """What the container asks of networks of the engine's own."""
        return {
            place.own.name: EndpointSettings(
                ipam_config=EndpointIPAMConfig(),
                aliases=None if place.predefined else (container_id[:12],),
                network_id=place.own.id,
            )
            for place in self.places
            if place.own is not None
        }

    @property
    def conflict(self) -> EngineError | None:
        """Why no container can be on all of them: one that has the machine's own network has no other."""
        for place in self.places[1:]:
            on_host = place.own is not None and place.own.driver == "host"
            if self.mode == "host" and not on_host:
                return bad_request(SHARED)
            if on_host:
                return bad_request(HOST)
        return None


NOWHERE = TaskNetworks()


def task_networks(task: Task, overlays: Overlays) -> TaskNetworks:
    """Where a task's container belongs; its networks are made here if they do not exist. Raises EngineError."""
    overlays.need(attachment.network_id for attachment in task.networks)
    return TaskNetworks(tuple(_places(task, overlays)))


def _places(task: Task, overlays: Overlays) -> Iterator[TaskPlace]:
    for attachment in task.networks:
        network = overlays.wanted(attachment.network_id)
        if network is None or not network.node_local:
            yield TaskPlace(attachment)
        else:
            yield TaskPlace(attachment, overlays.here(network), network.predefined)
