"""Containers put on networks, and taken off them, after they were made (MB: daemon/container_operations.go)."""

from collections.abc import Callable

import msgspec

from swarmlab.engine.containers import Containers
from swarmlab.engine.errors import EngineError, bad_request, internal
from swarmlab.engine.placement import HandNetwork, HandPlacement, attached
from swarmlab.objects.local import Container
from swarmlab.objects.run import EndpointSettings

_HOST = "container cannot be disconnected from host network or connected to host network"
_SHARED = "container sharing network namespace with another container or host cannot be connected to any other network"
_PRIVATE = "container cannot be connected to multiple networks with one of the networks in private (none) mode"
_FORBIDDEN = 403


class Connections:
    """`docker network connect` and `disconnect`. Networks and containers are found by name or id, else 404."""

    def __init__(
        self, containers: Containers, placement: HandPlacement, networks: Callable[[str], HandNetwork]
    ) -> None:
        self._containers = containers
        self._placement = placement
        self._networks = networks

    def connect(self, network_name: str, reference: str, settings: EndpointSettings) -> None:
        """Put a container on a network, at once when it runs. Raises EngineError (400, 403, 404)."""
        network = self._networks(network_name)
        if not reference:
            raise bad_request('invalid name or ID supplied: ""')
        container = self._containers.find(reference)
        is_on = network.name in container.attachments or self._has_endpoint(container, network)
        if is_on and not container.state.runs:
            # It stays as it was asked for at first.
            return
        if is_on:
            raise EngineError(
                _FORBIDDEN, f"endpoint with name {container.name} already exists in network {network.name}"
            )
        _check(container, network)
        settings = attached(network, settings, container)
        endpoints = container.endpoints
        if not container.state.runs:
            # Which network the name means is settled when the container starts.
            settings = msgspec.structs.replace(settings, network_id="")
        else:
            endpoints = (*endpoints, self._placement.endpoint(network, settings, container))
        self._containers.attach(container.id, {**container.attachments, network.name: settings}, endpoints)
        if container.state.runs:
            self._placement.tell("connect", network.id, container)

    def disconnect(self, network_name: str, reference: str, *, force: bool) -> None:
        """Take a container off a network. Raises EngineError (400, 404, 500)."""
        network = self._networks(network_name)
        try:
            container = self._containers.find(reference)
        except EngineError as error:
            if force and reference:
                raise EngineError(error.status, f"endpoint {reference} not found") from None
            raise
        if container.host is not None and container.host.network_mode == "host" and network.driver == "host":
            raise bad_request(_HOST)
        if network.name not in container.attachments and not self._has_endpoint(container, network):
            article = "" if container.state.runs else "the "
            raise internal(f"container {container.id} is not connected to {article}network {network.name}")
        attachments = {name: each for name, each in container.attachments.items() if name != network.name}
        endpoints = tuple(each for each in container.endpoints if each.network_id != network.id)
        self._containers.attach(container.id, attachments, endpoints)
        # A real engine tells of the end of the endpoint, and of the command.
        for _ in range(2 if container.state.runs else 1):
            self._placement.tell("disconnect", network.id, container)

    @staticmethod
    def _has_endpoint(container: Container, network: HandNetwork) -> bool:
        return container.state.runs and any(each.network_id == network.id for each in container.endpoints)


def _check(container: Container, network: HandNetwork) -> None:
    """Raise EngineError (400) when a container's networks do not go with one more."""
    mode = container.host.network_mode if container.host is not None else ""
    if mode.startswith("container:") or (mode == "host" and network.driver != "host"):
        raise bad_request(_SHARED)
    if network.driver == "host":
        raise bad_request(_HOST)
    others = [name for name in container.attachments if name != network.name]
    if others and (network.name == "none" or "none" in others):
        raise bad_request(_PRIVATE)
