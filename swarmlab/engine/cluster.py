"""An engine's membership in a swarm (MB: daemon/cluster)."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import NamedTuple, Protocol

import msgspec

from swarmlab.agent import Agent
from swarmlab.clock import Clock
from swarmlab.engine import addresses, swarmevents
from swarmlab.engine.errors import EngineError, bad_request, internal, unavailable
from swarmlab.engine.events import Events
from swarmlab.manager import ControlAPI, FirstNode, StatusError, Swarm
from swarmlab.objects import Cluster, Network, Node, TLSInfo, new_id
from swarmlab.objects.local import Engine, Membership
from swarmlab.objects.requests import InitRequest, JoinRequest
from swarmlab.runtime.controller import Executor
from swarmlab.store import Actor, Commit, Kind, Store

_log = logging.getLogger(__name__)

#: How long a node tries to join before it answers, and how often it tries on in the background, in seconds.
JOIN_TIMEOUT = 20.0
JOIN_RETRY = 5.0

NO_SWARM = "This node is not part of a swarm"
EXISTS = 'This node is already part of a swarm. Use "docker swarm leave" to leave this swarm and join another one.'
_NOT_MANAGER = "This node is not a swarm manager. "
NOT_IN_SWARM = (
    _NOT_MANAGER + 'Use "docker swarm init" or "docker swarm join" to connect this node to swarm and try again.'
)
WORKER = (
    _NOT_MANAGER + "Worker nodes can't be used to view or modify cluster state. "
    "Please run this command on a manager node or promote the current node to a manager."
)
TIMEOUT = (
    "Timeout was reached before node joined. The attempt to join the swarm will continue in the background. "
    'Use the "docker info" command to see the current swarm status of your node.'
)
_TWO_MANAGERS = (
    "WARNING: Running Swarm in a two-manager configuration. This configuration provides\n"
    "         no fault tolerance, and poses a high risk to lose control over the cluster.\n"
    "         Refer to https://docs.docker.com/engine/swarm/admin_guide/ to configure the\n"
    "         Swarm for fault-tolerance."
)
_LEAVING = "You are attempting to leave the swarm on a node that is participating as a manager. "
_LAST = "Removing the last manager erases all current state of the swarm. Use `--force` to ignore this message. "
_LOST = (
    "The only way to restore a swarm that has lost consensus is to reinitialize it with `--force-new-cluster`. "
    "Use `--force` to suppress this message."
)


class SwarmInfo(NamedTuple):
    """The `Swarm` part of `docker info`."""

    node_id: str = ""
    node_addr: str = ""
    local_node_state: str = "inactive"
    control_available: bool = False
    error: str = ""
    remote_managers: tuple[tuple[str, str], ...] = ()
    nodes: int = 0
    managers: int = 0
    cluster: Cluster | None = None
    warnings: tuple[str, ...] = ()


class Swarms(Protocol):
    """The swarms that engines of the lab can reach."""

    def create(self, first: FirstNode, request: InitRequest, actor: Actor) -> Swarm:
        """A new swarm with one manager."""

    def get(self, swarm_id: str) -> Swarm | None:
        """A swarm of the lab by cluster id."""

    def at(self, address: str) -> Swarm | None:
        """The swarm whose manager listens on `host:port`, if it can be reached."""

    def executor(self, swarm: Swarm, engine: str, tls: Callable[[], TLSInfo]) -> Executor:
        """What runs a swarm's tasks on an engine; `tls` is what the node reports of its certificate."""

    async def joined(self, swarm: Swarm, node_id: str, engine: str) -> None:
        """An engine became a node: the routing mesh reaches it."""

    async def left(self, swarm: Swarm, node_id: str, engine: str) -> None:
        """An engine is no node any more: its task containers and mesh entries go."""


class ClusterComponent:
    """Makes, joins and leaves swarms for one engine, and says what it may ask of its swarm."""

    def __init__(
        self, engine_id: str, name: str, address: str, store: Store, clock: Clock, swarms: Swarms, events: Events
    ) -> None:
        self._engine_id = engine_id
        self._name = name
        self._address = address
        self._store = store
        self._clock = clock
        self._swarms = swarms
        self._events = events
        self._stop_reporting: Callable[[], None] = lambda: None
        self._agent: Agent | None = None
        self._swarm: Swarm | None = None
        self._pending: JoinRequest | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    # --- the state -------------------------------------------------------------------------------------------------

    @property
    def membership(self) -> Membership | None:
        """The node's place in a swarm; None when it has none."""
        engine = self._store.tables.engines.get(self._engine_id)
        return engine.membership if engine is not None else None

    def control(self) -> ControlAPI:
        """The control API of the swarm. Raises EngineError (503) unless this node is a manager with a leader."""
        member = self.membership
        if member is None:
            raise unavailable(WORKER if self._pending is not None else NOT_IN_SWARM)
        if not self._is_manager():
            raise unavailable(WORKER)
        assert self._swarm is not None
        return self._swarm.control()

    def info(self) -> SwarmInfo:
        """What `docker info` tells of the swarm."""
        member = self.membership
        if member is None:
            if self._pending is None:
                return SwarmInfo()
            remotes = tuple(("", address) for address in self._pending.remote_addrs)
            return SwarmInfo(node_addr=self._address, local_node_state="pending", remote_managers=remotes)
        swarm = self._swarm
        state = SwarmInfo(
            node_id=member.node_id,
            node_addr=addresses.split(member.advertise_addr, "")[0],
            local_node_state="active",
        )
        if swarm is None:
            return state
        state = state._replace(
            control_available=self._is_manager(),
            remote_managers=tuple(
                (node.id, node.manager_status.addr) for node in swarm.raft.members() if node.manager_status is not None
            ),
        )
        if not state.control_available:
            return state
        try:
            control = swarm.control()
        except StatusError as error:
            return state._replace(error=str(error))
        managers = len(swarm.raft.members())
        warnings = (_TWO_MANAGERS,) if managers == 2 else ()
        nodes = len(control.nodes())
        return state._replace(nodes=nodes, managers=managers, cluster=control.cluster(), warnings=warnings)

    def node_networks(self) -> list[Network]:
        """The swarm's networks that exist on this node: ingress, and those that its tasks are on."""
        member, swarm = self.membership, self._swarm
        node = swarm.store.tables.nodes.get(member.node_id) if member is not None and swarm is not None else None
        if swarm is None or node is None:
            return []
        return [network for network in swarm.store.tables.networks if network.id in node.attachments]

    # --- making, joining, leaving ----------------------------------------------------------------------------------

    async def init(self, request: InitRequest) -> str:
        """Make a swarm with this node as its first manager; return its id once it is ready. Raises EngineError."""
        if self.membership is not None or self._pending is not None:
            raise unavailable(EXISTS)
        spec = request.spec
        if spec.name not in {"", "default"}:
            raise bad_request('swarm spec must be named "default"')
        listen_host, listen_port = addresses.listen(request.listen_addr, self._address)
        host, port = addresses.advertise(request.advertise_addr, self._address, listen_port)
        data_path = addresses.data_path(request.data_path_addr, self._address)
        addresses.check_pool(request.default_addr_pool or (), request.subnet_size)
        data_path_port = addresses.check_data_path_port(request.data_path_port)
        if request.auto_lock_managers:
            locking = msgspec.structs.replace(spec.encryption_config, auto_lock_managers=True)
            spec = msgspec.structs.replace(spec, encryption_config=locking)
        request = msgspec.structs.replace(request, spec=spec, data_path_port=data_path_port)
        first = FirstNode(new_id(), host, int(port), request.availability)
        swarm = self._swarms.create(first, request, self._actor("POST /swarm/init"))
        self._become(
            Membership(
                swarm=swarm.id,
                node_id=first.node_id,
                listen_addr=f"{listen_host}:{listen_port}",
                advertise_addr=f"{host}:{port}",
                data_path_addr=data_path,
            )
        )
        await self._until_ready(swarm, first.node_id)
        return first.node_id

    async def join(self, request: JoinRequest) -> None:
        """Join a swarm. Raises EngineError or StatusError; after a time-out the attempt goes on in the background."""
        if self.membership is not None or self._pending is not None:
            raise unavailable(EXISTS)
        if not request.remote_addrs:
            raise bad_request("at least 1 RemoteAddr is required to join")
        addresses.listen(request.listen_addr, self._address)
        if self._try_join(request):
            member, swarm = self.membership, self._swarm
            assert member is not None
            assert swarm is not None
            await self._until_ready(swarm, member.node_id)
            return
        self._pending = request
        self._clock.call_later(JOIN_RETRY, lambda: self._retry_join(request))
        await self._clock.sleep(JOIN_TIMEOUT)
        if self._pending is request:
            raise unavailable(TIMEOUT)

    async def leave(self, *, force: bool) -> None:
        """Leave the swarm; the node's object stays, and goes down. Raises EngineError (503)."""
        if self._pending is not None:
            self._pending = None
            return
        member = self.membership
        if member is None:
            raise unavailable(NO_SWARM)
        swarm = self._swarm
        if self._is_manager() and not force:
            raise unavailable(self._leave_warning())
        was_manager = self._is_manager()
        self._stop_agent()
        self._remember(None)
        self._swarm = None
        if swarm is not None:
            if was_manager:
                swarm.raft.offline(member.node_id)
            await self._swarms.left(swarm, member.node_id, self._name)

    def unlock(self, key: str) -> None:
        """Unlock a locked manager. Raises EngineError."""
        if self.membership is None:
            raise unavailable(NO_SWARM)
        raise EngineError(409, "swarm is not locked")

    def unlock_key(self) -> str:
        """The key that unlocks managers after a restart; empty without autolock. Raises EngineError."""
        return self.control().cluster().unlock_key

    # --- the engine's power ----------------------------------------------------------------------------------------

    def boot(self) -> None:
        """The engine starts: go on as the node that it was."""
        member = self.membership
        if member is not None:
            swarm = self._swarms.get(member.swarm)
            if swarm is not None:
                self._enter(swarm, member)

    def power_off(self) -> None:
        """The engine ends: the node falls silent."""
        member, swarm = self.membership, self._swarm
        self._stop_agent()
        self._pending = None
        if member is not None and swarm is not None:
            swarm.raft.offline(member.node_id)
        self._swarm = None

    def stop(self) -> None:
        """The lab's process ends: nothing changes for anyone."""
        self._stop_agent()

    # --- inside ----------------------------------------------------------------------------------------------------

    def _actor(self, request: str) -> Actor:
        return Actor(engine=self._name, request=request)

    def _is_manager(self) -> bool:
        member, swarm = self.membership, self._swarm
        if member is None or swarm is None:
            return False
        node = swarm.store.tables.nodes.get(member.node_id)
        return node is not None and node.manager_status is not None

    async def _until_ready(self, swarm: Swarm, node_id: str) -> None:
        """Return when the node has reported to the dispatcher, or after the time-out of a join."""
        ready = asyncio.get_running_loop().create_future()

        def check(commit: Commit | None) -> None:
            node = swarm.store.tables.nodes.get(node_id)
            if not ready.done() and (commit is None or (node is not None and node.status.state == "ready")):
                ready.set_result(None)

        unwatch = swarm.store.watch(check, Kind.NODE)
        timer = self._clock.call_later(JOIN_TIMEOUT, lambda: check(None))
        try:
            await ready
        finally:
            unwatch()
            timer.cancel()

    def _leave_warning(self) -> str:
        assert self._swarm is not None
        members = self._swarm.raft.members()
        if len(members) == 1:
            return _LEAVING + _LAST
        statuses = [self._swarm.raft.manager_status(member.id) for member in members]
        reachable = sum(1 for status in statuses if status is not None and status.reachability == "reachable")
        unreachable = len(members) - reachable
        if reachable - 2 <= unreachable:
            return (
                f"{_LEAVING}Removing this node leaves {reachable - 1} managers out of {len(members)}. "
                f"Without a Raft quorum your swarm will be inaccessible. {_LOST}"
            )
        return f"{_LEAVING}Doing so may lose the consensus of your cluster. {_LOST}"

    def _try_join(self, request: JoinRequest) -> bool:
        """One attempt; False when no manager answers there."""
        swarm = next((s for s in map(self._swarms.at, request.remote_addrs) if s is not None), None)
        if swarm is None:
            return False
        _, port = addresses.listen(request.listen_addr, self._address)
        host, port = addresses.advertise(request.advertise_addr, self._address, port)
        try:
            node = swarm.admit(request.join_token, host, request.availability, self._actor("POST /swarm/join"))
        except ValueError as error:
            raise internal(str(error)) from None
        self._become(
            Membership(
                swarm=swarm.id,
                node_id=node.id,
                listen_addr=request.listen_addr,
                advertise_addr=f"{host}:{port}",
                data_path_addr=request.data_path_addr,
                remote=request.remote_addrs[0],
            )
        )
        return True

    def _retry_join(self, request: JoinRequest) -> None:
        if self._pending is not request:
            return
        try:
            joined = self._try_join(request)
        except (EngineError, StatusError):
            joined = False
        if not joined:
            self._clock.call_later(JOIN_RETRY, lambda: self._retry_join(request))

    def _become(self, member: Membership) -> None:
        self._pending = None
        self._remember(member)
        swarm = self._swarms.get(member.swarm)
        assert swarm is not None
        self._enter(swarm, member)

    def _enter(self, swarm: Swarm, member: Membership) -> None:
        """Start the node's agent and, on a manager, its part of the quorum."""
        self._swarm = swarm
        executor = self._swarms.executor(swarm, self._name, lambda: swarm.cluster.root_ca.tls_info)
        address = addresses.split(member.advertise_addr, "")[0]
        self._agent = Agent(self._clock, member.node_id, address, swarm, executor, on_rejected=self._rejected)
        swarm.on_leader(self._agent.managers_changed)
        swarm.on_role(member.node_id, self._role_changed)
        if self._is_manager():
            self._manage(swarm, member)
        self._agent.start()
        self._background(self._swarms.joined(swarm, member.node_id, self._name))

    def _role_changed(self, node: Node | None) -> None:
        """The node was promoted or demoted, or (None) removed from the swarm."""
        member, swarm = self.membership, self._swarm
        self._stop_reporting()
        if node is not None and member is not None and swarm is not None and node.role == "manager":
            self._manage(swarm, member)

    def _manage(self, swarm: Swarm, member: Membership) -> None:
        """Take part in the quorum, and report what happens in the swarm."""
        self._stop_reporting = swarmevents.report(swarm.store, self._events)
        swarm.raft.online(member.node_id)

    def _rejected(self, reason: str) -> None:
        """The swarm does not want this node any more: it stays a member in name until it leaves."""
        _log.info("%s: %s", self._name, reason)
        self._stop_agent()

    def _stop_agent(self) -> None:
        self._stop_reporting()
        if self._agent is not None:
            if self._swarm is not None:
                self._swarm.forget(self._agent.managers_changed, self._agent.node_id)
            self._agent.stop()
            self._agent = None

    def _remember(self, member: Membership | None) -> None:
        with self._store.transaction(self._actor("")) as tx:
            engine = tx.tables.engines.get(self._engine_id)
            assert isinstance(engine, Engine)
            tx.update(Kind.ENGINE, msgspec.structs.replace(engine, membership=member))

    def _background(self, coroutine: Coroutine[None, None, None]) -> None:
        task = asyncio.ensure_future(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
