"""Containers put on networks, and taken off them, after they were made (MB: daemon/container_operations.go)."""

from collections.abc import Callable

import msgspec

from swarmlab.engine.container.containers import Containers
from swarmlab.engine.errors import EngineError, bad_request, conflict, internal, not_found
from swarmlab.engine.network.placement import HandNetwork, HandPlacement, attached
from swarmlab.engine.network.tasknetworks import HOST, SHARED
from swarmlab.objects.local import Container
from swarmlab.objects.run import EndpointSettings

_PRIVATE = "container cannot be connected to multiple networks with one of the networks in private (none) mode"
_FORBIDDEN = 403


class Connections:
    """`docker network connect` and `disconnect`. Containers are found by name or id, else 404, and before networks."""

    def __init__(
        self, containers: Containers, placement: HandPlacement, networks: Callable[[str], HandNetwork]
    ) -> None:
        self._containers = containers
        self._placement = placement
        self._networks = networks

    async def connect(self, network_name: str, reference: str, settings: EndpointSettings) -> None:
        """Put a container on a network, at once when it runs.

        For one that does not run, the network need not exist yet. Raises EngineError (400, 403, 404, 409, 500).
        """
        container = self._find(reference)
        network = self._network(network_name)
        if not container.state.runs:
            self._note(container, network.name if network is not None else network_name, network, settings)
            return
        if _shares(container):
            raise bad_request(SHARED)
        if network is None or network.scope == "swarm":
            if network is not None and self._has_endpoint(container, network):
                raise conflict(f"{container.name} is already attached to network {network.name}")
            await self._placement.join(network_name, settings, container)
            network = self._networks(network_name)
            container = self._containers.find(container.id)
        try:
            settings = attached(network, settings, container)
            if network.name in container.attachments or self._has_endpoint(container, network):
                raise EngineError(
                    _FORBIDDEN, f"endpoint with name {container.name} already exists in network {network.name}"
                )
            _check(container, network)
            endpoint = self._placement.endpoint(network, settings, container)
        except EngineError:
            self._placement.release(container.id, network.id)
            raise
        attachments = {**container.attachments, network.name: settings}
        self._containers.attach(container.id, attachments, (*container.endpoints, endpoint))
        self._placement.tell("connect", network.id, container)

    def disconnect(self, network_name: str, reference: str, *, force: bool) -> None:
        """Take a container off a network. Raises EngineError (400, 404, 500)."""
        network = self._network(network_name)
        try:
            container = self._find(reference)
        except EngineError as error:
            if not force:
                raise
            if network is None:
                raise not_found(f"network {network_name} not found") from None
            raise EngineError(error.status, f"endpoint {reference} not found") from None
        if network is None and container.state.runs and not force:
            raise not_found(f"network {network_name} not found")
        name = network.name if network is not None else network_name
        self._check_connected(container, network, name)
        attachments = {key: each for key, each in container.attachments.items() if key != name}
        network_id = network.id if network is not None else ""
        endpoints = tuple(each for each in container.endpoints if each.network_id != network_id)
        self._containers.attach(container.id, attachments, endpoints)
        if network is not None:
            # A real engine tells of the end of the endpoint, and of the command.
            for _ in range(2 if container.state.runs else 1):
                self._placement.tell("disconnect", network_id, container)
            self._placement.release(container.id, network_id)

    def _check_connected(self, container: Container, network: HandNetwork | None, name: str) -> None:
        """Raise EngineError (400, 500) when a container cannot be taken off a network, as it is not on it."""
        if network is None or not container.state.runs:
            if name not in container.attachments:
                raise internal(f"container {container.id} is not connected to the network {name}")
        elif container.wanted.network_mode == "host" and network.driver == "host":
            raise bad_request(HOST)
        elif name not in container.attachments and not self._has_endpoint(container, network):
            raise internal(f"container {container.id} is not connected to network {name}")

    def _find(self, reference: str) -> Container:
        if not reference:
            raise bad_request('invalid name or ID supplied: ""')
        return self._containers.find(reference)

    def _network(self, name: str) -> HandNetwork | None:
        try:
            return self._networks(name)
        except EngineError:
            return None

    def _note(self, container: Container, name: str, network: HandNetwork | None, settings: EndpointSettings) -> None:
        """Remember where a container shall be when it runs; what it asked of the network before stays so."""
        if name in container.attachments:
            return
        if network is not None:
            _check(container, network)
            settings = attached(network, settings, container)
        # Which network the name means is settled when the container starts.
        settings = msgspec.structs.replace(settings, network_id="")
        self._containers.attach(container.id, {**container.attachments, name: settings}, container.endpoints)

    @staticmethod
    def _has_endpoint(container: Container, network: HandNetwork) -> bool:
        return container.state.runs and any(each.network_id == network.id for each in container.endpoints)


def _shares(container: Container) -> bool:
    return container.wanted.network_mode.startswith("container:")


def _check(container: Container, network: HandNetwork) -> None:
    """Raise EngineError (400) when a container's networks do not go with one more."""
    mode = container.wanted.network_mode
    if _shares(container) or (mode == "host" and network.driver != "host"):
        raise bad_request(SHARED)
    if network.driver == "host":
        raise bad_request(HOST)
    others = [name for name in container.attachments if name != network.name]
    if others and (network.name == "none" or "none" in others):
        raise bad_request(_PRIVATE)
