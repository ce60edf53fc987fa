"""Puts the containers of one engine on the lab's virtual networks, and tells them so in their files."""

import ipaddress
from collections.abc import Callable, Iterator
from typing import NamedTuple

from swarmlab.engine.errors import EngineError
from swarmlab.engine.network.hostlines import HostLines
from swarmlab.engine.network.links import Interfaces, Links
from swarmlab.engine.network.placement import Placement
from swarmlab.network import Binding, Fabric, Member, Place
from swarmlab.objects import Task
from swarmlab.objects.local import Container
from swarmlab.runtime import base

_HOSTS = """\
127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
fe00::0\tip6-localnet
ff00::0\tip6-mcastprefix
ff02::1\tip6-allnodes
ff02::2\tip6-allrouters
"""
_HOST_MODE = "127.0.0.1\tlocalhost\n"
#: Docker's own server, and what stands on the default bridge where the machine's are out of reach.
_EMBEDDED_DNS = "nameserver 127.0.0.11\n"
_NO_DNS = "# no name server outside of the lab\n"
_HOST_GATEWAY = "host-gateway"


class NetworkFacts(NamedTuple):
    """What a container has to know of a network. `kind` is as in `Place`; `id` is what it has in common with others."""

    id: str
    name: str
    kind: str
    internal: bool = False
    default: bool = False


class Wiring:
    """See `Placement`: does what another placement does, and connects what it has placed."""

    def __init__(
        self,
        node: str,
        fabric: Fabric,
        placement: Placement,
        networks: Callable[[str], NetworkFacts | None],
        gateway: Callable[[], tuple[str, str] | None],
        find: Callable[[str], Container],
        host_gateway: str,
        links: Links,
    ) -> None:
        """`networks` tells of a network by id, `gateway` the docker_gwbridge's id and address with prefix length.

        `find` finds a container of the engine, `host_gateway` is the node as containers see it.
        """
        self._node = node
        self._fabric = fabric
        self._placement = placement
        self._networks = networks
        self._gateway = gateway
        self._find = find
        self._host_gateway = host_gateway
        self._runs: dict[str, base.Container] = {}
        self._interfaces = Interfaces(links)
        self._lines = HostLines()
        #: The addresses on the docker_gwbridge, by container.
        self._outward: dict[str, str] = {}

    async def reserve(self, container: Container) -> None:
        """See `Placement`."""
        await self._placement.reserve(container)

    def release(self, container_id: str) -> None:
        """See `Placement`."""
        self._placement.release(container_id)

    def place(self, container: Container, runs: base.Container) -> Container:
        """See `Placement`."""
        placed = self._placement.place(container, runs)
        self._runs[container.id] = runs
        self._connect(placed)
        return placed

    def moved(self, container: Container) -> None:
        """See `Placement`."""
        self._placement.moved(container)
        if container.id in self._runs:
            self._connect(container)

    def displace(self, container: Container) -> None:
        """See `Placement`."""
        self._forget(container.id)
        self._placement.displace(container)

    def power_lost(self, *, abruptly: bool) -> None:
        """Nothing runs any more. When it went `abruptly`, others still think that it does."""
        if abruptly:
            self._fabric.lose(self._node)
            self._runs.clear()
            self._outward.clear()
        for container_id in list(self._runs):
            self._forget(container_id)

    # --- inside ----------------------------------------------------------------------------------------------------

    def _forget(self, container_id: str) -> None:
        self._runs.pop(container_id, None)
        self._outward.pop(container_id, None)
        self._interfaces.forget(container_id)
        self._lines.forget(container_id)
        self._fabric.leave(container_id)

    def _connect(self, container: Container) -> None:
        mode = container.host.network_mode if container.host is not None else ""
        if mode.startswith("container:"):
            owner = mode.partition(":")[2]
            self._fabric.share(container.id, owner)
            if owner in self._runs:
                self._identify(container, *self._texts(self._find(owner)))
            return
        places = self._interfaces.named(container.id, self._places(container))
        self._lines.update(container, places)
        self._fabric.join(
            Member(
                container.id,
                self._node,
                container.name,
                places,
                announced=not container.task_id,
                on_host=container.wanted.network_mode == "host",
            )
        )
        self._identify(container, *self._texts(container))

    def _places(self, container: Container) -> Iterator[Place]:
        needs_way_out, has_way_out = False, False
        for endpoint in container.endpoints:
            facts = self._networks(endpoint.network_id)
            if facts is None or not endpoint.addresses:
                continue
            gateway = next(iter(endpoint.gateways), "")
            if not facts.internal:
                needs_way_out |= facts.kind in {"overlay", "ingress"}
                has_way_out |= bool(gateway)
            settings = container.attachments.get(facts.name)
            aliases = (settings.aliases if settings is not None else None) or (container.id[:12], container.hostname)
            yield Place(
                network=facts.id,
                network_name=facts.name,
                addresses=endpoint.addresses,
                gateway=gateway,
                kind=facts.kind,
                names=tuple(dict.fromkeys((container.name, *aliases))),
                named=not facts.default,
                internal=facts.internal,
                mac=settings.mac_address if settings is not None else "",
                links=tuple(_link(text) for text in (settings.links if settings is not None else None) or ()),
            )
        if needs_way_out and not has_way_out and (bridge := self._gateway()) is not None:
            network_id, router = bridge
            yield Place(
                network=network_id,
                network_name="docker_gwbridge",
                addresses=(self._outward_address(container.id, router),),
                gateway=router.partition("/")[0],
                kind="gateway",
                named=False,
            )

    def _outward_address(self, container_id: str, router: str) -> str:
        """A container's address on the docker_gwbridge: the lowest free one after the ingress network's own."""
        if container_id not in self._outward:
            own = ipaddress.ip_interface(router)
            taken = {*self._outward.values(), str(own)}
            first = int(own.ip) + 2
            candidates = (f"{ipaddress.ip_address(first + step)}/{own.network.prefixlen}" for step in range(1 << 16))
            self._outward[container_id] = next(text for text in candidates if text not in taken)
        return self._outward[container_id]

    def _texts(self, container: Container) -> tuple[str, str]:
        """What the container's hosts and resolv.conf files say (MB: daemon/container_operations_unix.go)."""
        if container.wanted.network_mode == "host":
            return _HOST_MODE, self._resolv(container, named=False)
        places = self._fabric.sandbox(container.id).places
        lines = [_HOSTS]
        lines += [f"{address}\t{name}\n" for name, address in self._extra(container)]
        lines += [f"{address}\t{names}\n" for address, names in self._links(container)]
        named = any(place.named for place in places)
        return "".join((*lines, self._lines.of(container.id))), self._resolv(container, named=named)

    def _resolv(self, container: Container, *, named: bool) -> str:
        """The resolv.conf file; on `named` networks Docker's own server stands before those that were asked for.

        Source: libnetwork: sandbox_dns_unix.go, resolvconf/resolvconf.go.
        """
        asked = container.wanted
        options = asked.dns_options
        lines = f"search {' '.join(asked.dns_search)}\n" if asked.dns_search and asked.dns_search != (".",) else ""
        if named:
            lines += _EMBEDDED_DNS
            if not any(option.startswith("ndots:") for option in options):
                options = (*options, "ndots:0")
        else:
            servers = asked.dns or self._fabric.outside.servers()
            lines += "".join(f"nameserver {server}\n" for server in servers) or _NO_DNS
        return lines + (f"options {' '.join(options)}\n" if options else "")

    def _extra(self, container: Container) -> Iterator[tuple[str, str]]:
        for entry in container.wanted.extra_hosts:
            name, _, address = entry.partition(":")
            yield name, self._host_gateway if address == _HOST_GATEWAY else address.strip("[]")

    def _links(self, container: Container) -> Iterator[tuple[str, str]]:
        """Links of the default bridge: the alias, the container's host name and its name."""
        for link in container.wanted.links:
            name, _, alias = link.partition(":")
            try:
                other = self._find(name)
            except EngineError:
                continue
            alias = alias.rpartition("/")[2] or other.name
            for place in self._fabric.sandbox(other.id).places:
                if not place.named:
                    yield place.hosts[0], " ".join(dict.fromkeys((alias, other.hostname, other.name)))

    def _identify(self, container: Container, hosts: str, resolv: str) -> None:
        self._runs[container.id].identify(
            (
                base.File("/etc/hosts", hosts.encode(), mode=0o644),
                base.File("/etc/resolv.conf", resolv.encode(), mode=0o644),
            )
        )


def _link(text: str) -> tuple[str, str]:
    """The alias and the name of a link; a name alone stands for itself."""
    name, _, alias = text.partition(":")
    return alias or name, name


def binding(task: Task, container_id: str) -> Binding:
    """A task's part in its service (MB: daemon/cluster/executor/container/container.go, serviceConfig)."""
    endpoint = task.endpoint
    vips = {
        vip.network_id: vip.addr.partition("/")[0]
        for vip in (endpoint.virtual_ips if endpoint is not None else ())
        if vip.addr
    }
    return Binding(
        task_id=task.id,
        container_id=container_id,
        service_id=task.service_id,
        service_name=task.service_name,
        networks=tuple(attachment.network_id for attachment in task.networks),
        vips=vips,
        aliases={attachment.network_id: attachment.aliases for attachment in task.networks},
    )
