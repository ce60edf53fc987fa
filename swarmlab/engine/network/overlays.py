"""The swarm's networks as they exist on one node (MB: daemon/network.go, daemon/cluster/executor/container).

A task that needs a network makes it on its node; it goes when the swarm wants nothing of the node there any more, and
the last container has left it. So an engine still knows a network that was removed from the swarm while tasks stop.
Networks of the swarm whose driver is of one node alone (bridge, macvlan, …) are networks of the engine's own then.
"""

from collections.abc import Callable, Iterable

import msgspec

from swarmlab.clock import Clock, Timer
from swarmlab.engine.events import Events
from swarmlab.engine.network.links import Links
from swarmlab.engine.network.localnetworks import LocalNetworks
from swarmlab.objects import Network
from swarmlab.objects.local import Container, LocalNetwork, Overlay
from swarmlab.objects.requests import NetworkConfigFrom, NetworkCreateRequest
from swarmlab.store import Actor, Commit, Kind, Store

#: What a real engine needs at least to make the ingress network, in seconds of swarm time from the beginning of its
#: work as a node: one that has made the swarm, and one that has joined it.
INGRESS_OF_FIRST, INGRESS_OF_JOINED = 0.05, 0.5
#: From then on to its own end of that network, with the bridge to the outside. A first node was measured to need half a
#: second; clients get their answers sooner here, and see as many of them without it as there.
SANDBOX_OF_FIRST, SANDBOX_OF_JOINED = 0.25, 0.4
#: A network that nothing is on any more is taken down after so many seconds.
TEARDOWN = 0.15


class Overlays:
    """Owns the records of the swarm's networks on one engine."""

    def __init__(
        self,
        engine: str,
        store: Store,
        clock: Clock,
        events: Events,
        containers: Callable[[], Iterable[Container]],
        own: LocalNetworks,
    ) -> None:
        """`containers` are all of the engine's, `own` its own networks: the bridge to the outside is one of them."""
        self._actor = Actor(engine=engine, loop="overlays")
        self._store = store
        self._clock = clock
        self._events = events
        self._containers = containers
        self._own = own
        self._swarm: Store | None = None
        self._node_id = ""
        self._hears: Callable[[], bool] = lambda: False
        self._timers: dict[Callable[[], None], Timer] = {}
        self._sandbox_setup = SANDBOX_OF_FIRST

    # --- looking ---------------------------------------------------------------------------------------------------

    def list(self) -> list[Overlay]:
        """Every network of the swarm that exists here."""
        return list(self._store.tables.overlays)

    def find(self, network_id: str) -> Overlay | None:
        """One of them by its id."""
        return self._store.tables.overlays.get(network_id)

    def here(self, network: Network) -> LocalNetwork | None:
        """The engine's own network that one of the swarm's is here: it has the same id, or comes with every engine."""
        return self._own.find(network.spec.name if network.predefined else network.id)

    def wanted(self, network_id: str) -> Network | None:
        """A network of the swarm by its id, as far as the node hears of it."""
        return self._swarm.tables.networks.get(network_id) if self._swarm is not None else None

    # --- life ------------------------------------------------------------------------------------------------------

    def follow(self, swarm: Store, node_id: str, hears: Callable[[], bool], *, joined: bool) -> Callable[[], None]:
        """Be this node of a swarm, which it has made or `joined`, until the function that is returned is called.

        What happens in the swarm while the node does not hear of it (`hears()`) changes nothing here.
        """
        self._swarm, self._node_id, self._hears = swarm, node_id, hears
        self._sandbox_setup = SANDBOX_OF_JOINED if joined else SANDBOX_OF_FIRST
        unwatch = (
            swarm.watch(self._on_swarm, Kind.NODE),
            self._store.watch(lambda _: self._later(TEARDOWN, self._tear_down), Kind.CONTAINER),
        )
        self._later(INGRESS_OF_JOINED if joined else INGRESS_OF_FIRST, self._make_ingress)
        self._later(TEARDOWN, self._tear_down)

        def end() -> None:
            for stop in unwatch:
                stop()
            for timer in self._timers.values():
                timer.cancel()
            self._timers.clear()
            self._swarm = None

        return end

    def need(self, network_ids: Iterable[str]) -> None:
        """A container that is about to be on these networks makes those of the swarm that do not exist here.

        Raises EngineError (403, 404, 500) when the engine cannot make one of its own.
        """
        for network_id in network_ids:
            network = self.wanted(network_id)
            if network is None or network.driver_state is None or self.find(network_id) is not None:
                continue
            if not network.node_local:
                self._own.gateway_bridge()
                self._tell("create", self._make(network, self._attachments().get(network.id, "")))
            elif self.here(network) is None:
                self._own.create(_request(network), network.id)

    def clear(self) -> None:
        """The node has left its swarm: nothing is left of its networks, and no event tells of it."""
        for overlay in self.list():
            self._delete(overlay)
        for network in self._of_swarm():
            self._own.forget(network)

    # --- inside ----------------------------------------------------------------------------------------------------

    def _later(self, seconds: float, work: Callable[[], None]) -> None:
        if work not in self._timers:
            self._timers[work] = self._clock.call_later(seconds, lambda: self._due(work))

    def _due(self, work: Callable[[], None]) -> None:
        del self._timers[work]
        work()

    def _attachments(self) -> dict[str, str]:
        """The node's own ends of networks, as the swarm wants them: addresses by the id of the network."""
        node = self._swarm.tables.nodes.get(self._node_id) if self._swarm is not None else None
        return dict(node.attachments) if node is not None else {}

    def _on_swarm(self, commit: Commit) -> None:
        if not self._hears() or not any(change.id == self._node_id for change in commit.changes):
            return
        attachments = self._attachments()
        for overlay in self.list():
            address = attachments.get(overlay.id)
            if address is None:
                self._later(TEARDOWN, self._tear_down)
            elif address != overlay.address and not overlay.network.spec.ingress:
                self._change(overlay, address)
        if self._missing_ingress():
            self._later(INGRESS_OF_FIRST, self._make_ingress)

    def _missing_ingress(self) -> tuple[Network, ...]:
        """The ingress network, when the node shall be on it and is not."""
        assert self._swarm is not None
        attachments = self._attachments()
        networks = [network for network in self._swarm.tables.networks if network.spec.ingress]
        return tuple(network for network in networks if network.id in attachments and self.find(network.id) is None)

    def _make_ingress(self) -> None:
        if self._hears():
            for network in self._missing_ingress():
                self._make(network, "")
        self._later(self._sandbox_setup, self._enter_ingress)

    def _enter_ingress(self) -> None:
        self._own.gateway_bridge()
        attachments = self._attachments()
        for overlay in self.list():
            if overlay.network.spec.ingress and not overlay.address and overlay.id in attachments:
                self._own.links.take(Links.PAIR)
                self._tell("create", self._change(overlay, attachments[overlay.id]))

    def _tear_down(self) -> None:
        if not self._hears():
            return
        used = {
            endpoint.network_id
            for container in self._containers()
            if container.state.runs or container.state.status == "created"
            for endpoint in container.endpoints
        }
        wanted = self._attachments().keys() | used
        for overlay in self.list():
            if overlay.id not in wanted:
                self._delete(overlay)
                self._tell("destroy", overlay)
        for network in self._of_swarm():
            if network.id not in used:
                self._own.remove(network)

    def _of_swarm(self) -> Iterable[LocalNetwork]:
        return [network for network in self._own.list() if network.scope == "swarm"]

    def _make(self, network: Network, address: str) -> Overlay:
        self._own.links.take(Links.OVERLAY)
        with self._store.transaction(self._actor) as tx:
            return tx.create(Kind.OVERLAY, Overlay(id=network.id, network=network, address=address))

    def _change(self, overlay: Overlay, address: str) -> Overlay:
        with self._store.transaction(self._actor) as tx:
            return tx.update(Kind.OVERLAY, msgspec.structs.replace(overlay, address=address))

    def _delete(self, overlay: Overlay) -> None:
        with self._store.transaction(self._actor) as tx:
            tx.delete(Kind.OVERLAY, overlay.id)

    def _tell(self, action: str, overlay: Overlay) -> None:
        name = overlay.network.spec.name
        self._events.publish("network", action, overlay.id, {"name": name, "type": "overlay"})


def _request(network: Network) -> NetworkCreateRequest:
    """What an engine is asked for that shall have the network: of its driver's options it hears nothing."""
    spec = network.spec
    source = spec.config_from
    return NetworkCreateRequest(
        name=spec.name,
        driver=network.driver,
        scope="swarm",
        enable_ipv6=spec.ipv6_enabled,
        internal=spec.internal,
        attachable=spec.attachable,
        labels=spec.labels,
        config_from=NetworkConfigFrom(network=source.network) if source is not None else None,
    )
