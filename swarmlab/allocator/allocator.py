"""The allocator: gives networks subnets, services addresses and ports, tasks addresses; then tasks become PENDING.

Source: SK: manager/allocator/{allocator,network}.go.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice

import msgspec

from swarmlab.allocator.errors import AllocationError
from swarmlab.allocator.networks import NetworkAllocator
from swarmlab.allocator.ports import PortAllocator, ingress_ports
from swarmlab.allocator.tasks import attached_anew, endpoint_of, holds_addresses
from swarmlab.clock import Clock, Timer, Turns
from swarmlab.objects import (
    Driver,
    Endpoint,
    EndpointSpec,
    EndpointVirtualIP,
    IPAMOptions,
    Network,
    NetworkAttachment,
    Node,
    Service,
    Task,
    TaskState,
)
from swarmlab.store import Commit, Kind, Store, Transaction

NAME = "allocator"
#: What could not be allocated is tried again after so many seconds, or when something is given back.
RETRY_INTERVAL = 300.0
BATCH = 200


class Allocator:
    """Owns every address and port of the swarm. A `new_leader` writes what it takes over, a known one does not."""

    def __init__(self, store: Store, clock: Clock, *, new_leader: bool = True) -> None:
        self._store = store
        self._new_leader = new_leader
        self._clock = clock
        self._networks = NetworkAllocator((), 24)
        self._ports = PortAllocator()
        self._pending_networks: dict[str, None] = {}
        self._pending_services: dict[str, None] = {}
        self._pending_tasks: dict[str, None] = {}
        self._pending_nodes: dict[str, None] = {}
        #: What could not be allocated: each set of pending ids with the ids that wait for their next chance.
        self._waiting: list[tuple[dict[str, None], str]] = []
        #: Nodes that a network has no address left for: one of them tries again for each that is given back.
        self._nodes_lacking: dict[str, dict[str, None]] = {}
        #: What a new leader has taken over and still has to write down: it does so even where nothing changes.
        self._taken_over: set[str] = set()
        self._retry: Timer | None = None
        self._turns = Turns(clock)
        self._unwatch: Callable[[], None] = lambda: None

    def start(self) -> None:
        """Take over what was given out before, give out what is missing, then follow the store."""
        tables = self._store.tables
        self._restore()
        self._unwatch = self._store.watch(self._on_commit, Kind.NETWORK, Kind.SERVICE, Kind.TASK, Kind.NODE)
        if self._new_leader:
            self._taken_over.update(n.id for n in tables.networks)
            self._taken_over.update(n.id for n in tables.nodes if n.attachments)
            self._taken_over.update(s.id for s in tables.services if s.endpoint is not None and s.endpoint.virtual_ips)
            self._taken_over.update(t.id for t in tables.tasks if holds_addresses(t))
        self._pending_networks.update((n.id, None) for n in tables.networks)
        self._pending_nodes.update((n.id, None) for n in tables.nodes)
        self._pending_services.update((s.id, None) for s in tables.services)
        self._pending_tasks.update(
            (t.id, None) for t in tables.tasks if t.state == TaskState.NEW or t.id in self._taken_over
        )
        self._tick()

    def _restore(self) -> None:
        """Take over what the store says is given out."""
        tables = self._store.tables
        for cluster in tables.clusters:
            self._networks = NetworkAllocator(cluster.default_addr_pool, cluster.subnet_size)
        for network in tables.networks:
            self._networks.restore(network)
        for node in tables.nodes:
            for network_id, address in node.attachments.items():
                self._networks.take(network_id, address)
        for service in tables.services:
            self._ports.restore(service)
            for vip in service.endpoint.virtual_ips if service.endpoint is not None else ():
                self._networks.take(vip.network_id, vip.addr)
        for task in tables.tasks:
            if holds_addresses(task):
                for attachment in task.networks:
                    for address in attachment.addresses:
                        self._networks.take(attachment.network_id, address)

    def stop(self) -> None:
        """Stop following the store. A loop is not started again: a new leader makes new ones."""
        self._unwatch()
        self._turns.stop()
        if self._retry is not None:
            self._retry.cancel()

    # --- events ----------------------------------------------------------------------------------------------------

    def _on_commit(self, commit: Commit) -> None:
        chance = False
        for kind, old, new in commit.changes:
            if kind is Kind.NETWORK:
                chance |= self._network_changed(old, new)  # type: ignore[arg-type]
            elif kind is Kind.SERVICE:
                chance |= self._service_changed(old, new)  # type: ignore[arg-type]
            elif kind is Kind.TASK:
                chance |= self._task_changed(old, new)  # type: ignore[arg-type]
            elif kind is Kind.NODE:
                chance |= self._node_changed(old, new)  # type: ignore[arg-type]
        if chance:
            self._retry_waiting()
        self._tick()

    # Each of the following returns whether what waits may have a chance now.

    def _network_changed(self, old: Network | None, new: Network | None) -> bool:
        if new is None:
            assert old is not None
            self._pending_networks.pop(old.id, None)
            self._nodes_lacking.pop(old.id, None)
            self._networks.release(old)
            self._pending_nodes.update((n.id, None) for n in self._store.tables.nodes if old.id in n.attachments)
            return True
        if not self._networks.known(new.id):
            self._pending_networks[new.id] = None
        return True

    def _service_changed(self, old: Service | None, new: Service | None) -> bool:
        if new is not None:
            self._pending_services[new.id] = None
            return True
        assert old is not None
        self._pending_services.pop(old.id, None)
        self._ports.free(old.endpoint)
        self._free_vips(old.endpoint.virtual_ips if old.endpoint is not None else ())
        return True

    def _task_changed(self, old: Task | None, new: Task | None) -> bool:
        if new is not None and not new.state.terminal:
            if new.state == TaskState.NEW:
                self._pending_tasks[new.id] = None
            elif new.networks and new.node_id and (old is None or old.node_id != new.node_id or not old.networks):
                # A global service's task has its node before it has its networks, others the other way round.
                self._pending_nodes[new.node_id] = None
            return False
        # A task that stopped gives its addresses back at once, although its record keeps showing them.
        if old is None or old.state.terminal:
            return False
        self._pending_tasks.pop(old.id, None)
        if old.state == TaskState.NEW:
            # Addresses that it may have asked for are not its own yet.
            return False
        for attachment in old.networks:
            for address in attachment.addresses:
                self._free(attachment.network_id, address)
        if old.networks and old.node_id:
            self._pending_nodes[old.node_id] = None
        return bool(old.networks)

    def _node_changed(self, old: Node | None, new: Node | None) -> bool:
        if new is not None:
            # A new ingress network comes to a node that is there already with the next change of that, or with a task.
            if old is None or self._ingress() not in {None, *new.attachments}:
                self._pending_nodes[new.id] = None
            return False
        assert old is not None
        self._pending_nodes.pop(old.id, None)
        for lacking in self._nodes_lacking.values():
            lacking.pop(old.id, None)
        for network_id, address in old.attachments.items():
            self._free(network_id, address)
        return bool(old.attachments)

    # --- work ------------------------------------------------------------------------------------------------------

    def _tick(self) -> None:
        """Deal with what is pending. What is under way sees by itself that there is more."""
        if not self._turns.busy:
            self._turns.add(self._allocate())

    def _allocate(self) -> Iterator[None]:
        """Networks, then nodes, services and tasks: each needs what comes before it."""
        kinds = (
            (self._pending_networks, self._allocate_network),
            (self._pending_nodes, self._allocate_node),
            (self._pending_services, self._allocate_service),
            (self._pending_tasks, self._allocate_task),
        )
        while (kind := next((kind for kind in kinds if kind[0]), None)) is not None:
            if self._allocate_some(*kind) == BATCH:
                yield
        if self._waiting and self._retry is None:
            self._retry = self._clock.call_later(RETRY_INTERVAL, self._retry_due)

    def _allocate_some(self, pending: dict[str, None], allocate: Callable[[Transaction, str], None]) -> int:
        """Deal with a batch, return its size; what fails waits for something to be given back."""
        batch = list(islice(pending, BATCH))
        with self._store.transaction(NAME) as tx:
            for object_id in batch:
                del pending[object_id]
                try:
                    allocate(tx, object_id)
                except AllocationError:
                    self._waiting.append((pending, object_id))
        return len(batch)

    def _free(self, network_id: str, address: str) -> None:
        """Take an address back; a node that lacks one there may try again."""
        self._networks.free(network_id, address)
        lacking = self._nodes_lacking.get(network_id)
        if lacking:
            node_id = next(iter(lacking))
            del lacking[node_id]
            self._pending_nodes[node_id] = None

    def _retry_due(self) -> None:
        self._retry = None
        self._retry_waiting()
        self._tick()

    def _retry_waiting(self) -> None:
        waiting, self._waiting = self._waiting, []
        for pending, object_id in waiting:
            pending[object_id] = None

    def _allocate_network(self, tx: Transaction, network_id: str) -> None:
        network = tx.tables.networks.get(network_id)
        if network is None:
            return
        taken_over = self._is_taken_over(network_id)
        if self._networks.known(network_id):
            if taken_over:
                tx.update(Kind.NETWORK, network)
            return
        if not network.node_local:
            tx.update(Kind.NETWORK, self._networks.allocate(network))
        elif network.driver_state is None:
            state = {"driver_state": Driver(name=network.driver), "ipam": IPAMOptions()}
            tx.update(Kind.NETWORK, msgspec.structs.replace(network, **state))
        elif taken_over:
            tx.update(Kind.NETWORK, network)

    def _is_taken_over(self, object_id: str) -> bool:
        """Whether a new leader has yet to write an object down, which is then done (SK: doNetworkInit)."""
        taken_over = object_id in self._taken_over
        self._taken_over.discard(object_id)
        return taken_over

    def _allocate_node(self, tx: Transaction, node_id: str) -> None:
        """Load-balancer endpoints: on the ingress network for every node, on others for nodes with a task there."""
        node = tx.tables.nodes.get(node_id)
        if node is None:
            return
        wanted = {n.id for n in tx.tables.networks if n.spec.ingress}
        for task in tx.tables.tasks.by("node", node_id):
            if not task.state.terminal:
                wanted.update(attachment.network_id for attachment in task.networks)
        wanted = {network_id for network_id in wanted if self._networks.known(network_id)}
        attachments = {n: a for n, a in node.attachments.items() if n in wanted}
        for network_id, address in node.attachments.items():
            if network_id not in wanted:
                self._free(network_id, address)
        for network_id in sorted(wanted - attachments.keys()):
            try:
                attachments[network_id] = self._networks.address(network_id)
            except AllocationError:
                self._nodes_lacking.setdefault(network_id, {})[node_id] = None
        if attachments != node.attachments or self._is_taken_over(node_id):
            tx.update(Kind.NODE, msgspec.structs.replace(node, attachments=attachments))

    def _allocate_service(self, tx: Transaction, service_id: str) -> None:
        service = tx.tables.services.get(service_id)
        if service is None:
            return
        if self._service_allocated(service):
            if self._is_taken_over(service_id):
                tx.update(Kind.SERVICE, service)
            return
        wanted = self._vip_networks(service)
        if any(not self._has_no_addresses(tx, n) and not self._networks.known(n) for n in wanted):
            raise AllocationError("network is not allocated")
        had = service.endpoint.virtual_ips if service.endpoint is not None else ()
        vips = [vip for vip in had if vip.network_id in wanted]
        old = {vip.network_id for vip in vips}
        fresh: list[EndpointVirtualIP] = []
        ports = self._ports.allocate(service)
        try:
            for network_id in wanted:
                if network_id not in old:
                    # A network that each node has by itself gives none, and is told all the same.
                    address = "" if self._has_no_addresses(tx, network_id) else self._networks.address(network_id)
                    fresh.append(EndpointVirtualIP(network_id=network_id, addr=address))
        except AllocationError:
            self._free_vips(fresh)
            self._ports.free(Endpoint(ports=ports))
            self._ports.restore(service)
            raise
        self._free_vips(vip for vip in had if vip.network_id not in wanted)
        endpoint = Endpoint(
            spec=service.spec.endpoint_spec or EndpointSpec(),
            ports=ports,
            virtual_ips=(*vips, *fresh),
        )
        tx.update(Kind.SERVICE, msgspec.structs.replace(service, endpoint=endpoint))

    def _free_vips(self, vips: Iterable[EndpointVirtualIP]) -> None:
        for vip in vips:
            if vip.addr:
                self._free(vip.network_id, vip.addr)

    def _has_no_addresses(self, tx: Transaction, network_id: str) -> bool:
        network = tx.tables.networks.get(network_id)
        return network is not None and network.node_local

    def _service_allocated(self, service: Service) -> bool:
        """Whether nothing is missing or superfluous. A service without networks and ports never gets an endpoint."""
        wanted = self._vip_networks(service)
        spec = service.spec.endpoint_spec or EndpointSpec()
        if service.endpoint is None:
            return not wanted and not spec.ports
        have = {vip.network_id for vip in service.endpoint.virtual_ips}
        return have == set(wanted) and self._ports.allocated(service)

    def _vip_networks(self, service: Service) -> list[str]:
        """The networks on which a service has a virtual address, or would if they gave any (SK: ServiceAllocate).

        One that a new service asks for twice gives two.
        """
        spec = service.spec.endpoint_spec
        if spec is not None and spec.mode == "dnsrr":
            return []
        networks = []
        if ingress_ports(service):
            ingress = self._ingress()
            if ingress is None:
                raise AllocationError("ingress network is missing")
            networks.append(ingress)
        for attachment in service.spec.task_template.networks or service.spec.networks:
            network = self._store.tables.networks.get(attachment.target)
            if network is not None:
                networks.append(network.id)
        return networks

    def _allocate_task(self, tx: Transaction, task_id: str) -> None:
        task = tx.tables.tasks.get(task_id)
        if task is None or (task.state != TaskState.NEW and task_id not in self._taken_over):
            return
        service = tx.tables.services.get(task.service_id)
        if service is None and task.service_id:
            return
        if service is not None and not self._service_allocated(service):
            raise AllocationError("service is not allocated")
        if self._is_taken_over(task_id):
            if holds_addresses(task):
                tx.update(Kind.TASK, attached_anew(task, service, tx.tables.networks))
            return
        attachments: list[NetworkAttachment] = []
        asked = {attachment.network_id: attachment.addresses for attachment in task.networks}
        try:
            for network_id, aliases in self._task_networks(task, service):
                addresses: tuple[str, ...] = ()
                network = tx.tables.networks.get(network_id)
                if network is not None and not network.node_local:
                    wanted = asked.get(network_id, ())
                    addresses = (
                        self._networks.claim(network_id, wanted[0]) if wanted else self._networks.address(network_id),
                    )
                attachments.append(
                    NetworkAttachment(
                        network_id=network_id,
                        addresses=addresses,
                        aliases=aliases,
                        network_version=network.version if network is not None else 0,
                    )
                )
        except AllocationError:
            self._give_back(attachments)
            raise
        status = msgspec.structs.replace(
            task.status, state=TaskState.PENDING, message="pending task scheduling", timestamp=tx.at
        )
        tx.update(
            Kind.TASK,
            msgspec.structs.replace(
                task, networks=tuple(attachments), endpoint=endpoint_of(task, service), status=status
            ),
        )

    def _task_networks(self, task: Task, service: Service | None) -> Iterable[tuple[str, tuple[str, ...]]]:
        """Ingress first, then those of the spec, with the task's aliases there."""
        if service is not None and ingress_ports(service):
            ingress = self._ingress()
            if ingress is not None:
                yield ingress, ()
        for attachment in task.spec.networks or (service.spec.networks if service is not None else ()):
            if attachment.target in self._store.tables.networks:
                yield attachment.target, attachment.aliases

    def _give_back(self, attachments: Iterable[NetworkAttachment]) -> None:
        for attachment in attachments:
            for address in attachment.addresses:
                self._free(attachment.network_id, address)

    def _ingress(self) -> str | None:
        return next((n.id for n in self._store.tables.networks if n.spec.ingress), None)
