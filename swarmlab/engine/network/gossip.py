"""What the nodes on a network of the swarm tell each other about it (MB: libnetwork/networkdb, agent.go)."""

from collections.abc import Callable, Iterable, Mapping

from swarmlab.engine.engine import DockerEngine, NetworkService
from swarmlab.engine.network.parentlinks import gossiped
from swarmlab.engine.swarm import addresses
from swarmlab.network import Presence
from swarmlab.objects import Service


def peers(network_id: str, engines: Iterable[DockerEngine]) -> list[tuple[str, str]]:
    """The ids and addresses of those of the engines that the network is on."""
    return [
        (member.node_id, _address(member.advertise_addr))
        for engine in engines
        if (member := engine.cluster.membership) is not None and _is_on(network_id, engine)
    ]


def _is_on(network_id: str, engine: DockerEngine) -> bool:
    own = engine.networks.find(network_id)
    return engine.overlays.find(network_id) is not None or (own is not None and gossiped(own))


def services(
    network_id: str,
    engines: Mapping[str, DockerEngine],
    present: Iterable[Presence],
    service: Callable[[str, str], Service | None],
) -> Mapping[str, NetworkService]:
    """What is on the network on those engines, services by name.

    `present` is who is there on any engine. `service` finds a service by the ids of its swarm and its own; the ports
    that it publishes are told on the ingress network only.
    """
    found: dict[str, NetworkService] = {}
    for who in (*_load_balancers(network_id, engines), *present):
        engine = engines.get(who.node)
        member = engine.cluster.membership if engine is not None else None
        if engine is None or member is None:
            continue
        published = service(member.swarm, who.service_id) if _is_ingress(network_id, engine) else None
        endpoint = published.endpoint if published is not None else None
        known = found.get(who.service) or NetworkService(who.vip, endpoint.ports if endpoint else (), ())
        task = (who.container_id, who.name, who.address, _address(member.advertise_addr))
        found[who.service] = known._replace(tasks=(*known.tasks, task))
    return found


def _load_balancers(network_id: str, engines: Mapping[str, DockerEngine]) -> Iterable[Presence]:
    """The ends of the ingress network on the engines."""
    for name, engine in engines.items():
        overlay = engine.overlays.find(network_id)
        if overlay is not None and overlay.network.spec.ingress and overlay.address:
            end = f"{overlay.network.spec.name}-endpoint"
            yield Presence("ingress-sbox", end, name, overlay.address.partition("/")[0])


def _is_ingress(network_id: str, engine: DockerEngine) -> bool:
    overlay = engine.overlays.find(network_id)
    return overlay is not None and overlay.network.spec.ingress


def _address(advertised: str) -> str:
    """The address of a node, without the port."""
    return addresses.split(advertised, "")[0]
