"""An engine's membership in a swarm (MB: daemon/cluster)."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import TypeVar

import msgspec

from swarmlab.clock import Clock
from swarmlab.engine.errors import EngineError, bad_request, internal, unavailable
from swarmlab.engine.events import Events
from swarmlab.engine.network.attachments import AttachingExecutor, Attachments
from swarmlab.engine.network.overlays import Overlays
from swarmlab.engine.swarm import addresses, admission, swarmtexts
from swarmlab.engine.swarm.certificate import Validity, issued
from swarmlab.engine.swarm.patience import JOIN_TIMEOUT, patiently, until_ready
from swarmlab.engine.swarm.swarminfo import NodeState, SwarmInfo, leave_refusal
from swarmlab.engine.swarm.swarmnode import SwarmNode
from swarmlab.engine.swarm.swarms import Swarms
from swarmlab.engine.swarm.unlockkey import is_key, key_digest
from swarmlab.manager import ControlAPI, FirstNode, StatusError, Swarm
from swarmlab.objects import TLSInfo, new_id
from swarmlab.objects.local import Engine, Membership
from swarmlab.objects.requests import InitRequest, JoinRequest
from swarmlab.runtime.controller import Executor
from swarmlab.store import Actor, Kind, Store

_log = logging.getLogger(__name__)
T = TypeVar("T")
replace = msgspec.structs.replace

#: How often a node tries on to join in the background, in seconds.
JOIN_RETRY = 5.0
#: So long nobody listens at a machine that there is until the attempt is given up (SK: ca/certificates.go).
JOIN_REFUSED = 10.0
#: So long a manager needs that stops and begins anew as the only one.
BEGINNING_ANEW = 1.3
#: So long a kernel looks in its own network for a machine that is not there, in seconds.
NO_ROUTE = 3.1


class ClusterComponent:
    """Makes, joins and leaves swarms for one engine, and says what it may ask of its swarm."""

    def __init__(
        self,
        engine_id: str,
        name: str,
        address: str,
        store: Store,
        clock: Clock,
        swarms: Swarms,
        events: Events,
        overlays: Overlays,
        attachments: Attachments,
        deserted: Callable[[], None],
    ) -> None:
        """`deserted` is called when the node has left its swarm, whose networks are about to go."""
        self._engine_id = engine_id
        self._name = name
        self._address = address
        self._store = store
        self._clock = clock
        self._swarms = swarms
        self._events = events
        self._overlays = overlays
        self._attachments = attachments
        self._deserted = deserted
        #: The node at work; none while the engine is off, locked or in no swarm.
        self._node: SwarmNode | None = None
        self._pending: JoinRequest | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    # --- the state -------------------------------------------------------------------------------------------------

    @property
    def membership(self) -> Membership | None:
        """The node's place in a swarm; None when it has none."""
        engine = self._store.tables.engines.get(self._engine_id)
        return engine.membership if engine is not None else None

    @property
    def _present(self) -> Membership | None:
        """The same, unless the node has given it up."""
        member = self.membership
        return member if member is not None and not member.given_up else None

    @property
    def node(self) -> SwarmNode | None:
        """The node at work; none while the engine is off, locked or in no swarm."""
        return self._node

    @property
    def locked(self) -> bool:
        """Whether the manager on this node waits for the key to its state."""
        member = self.membership
        return member is not None and member.locked

    @property
    def expired(self) -> bool:
        """Whether the engine was off for so long that the node's certificate is no longer good."""
        member = self.membership
        return member is not None and member.expired

    def control(self) -> ControlAPI:
        """The control API of the swarm, as the manager on this node offers it.

        Raises EngineError (503) when there is none, StatusError when the swarm has no leader, and LeaderAwaitedError,
        also from the calls on what is returned, when it may have one soon; see `patiently`.
        """
        node = self._node
        if self.locked:
            raise unavailable(swarmtexts.LOCKED)
        if self.expired:
            raise unavailable(swarmtexts.CERTIFICATES_EXPIRED)
        if self._present is None or node is None:
            raise unavailable(swarmtexts.WORKER if self._pending is not None else swarmtexts.NOT_IN_SWARM)
        if not node.prepared:
            raise unavailable(swarmtexts.PREPARED if node.manages else swarmtexts.WORKER)
        return node.control()

    async def patiently(self, call: Callable[[], T | Awaitable[T]]) -> T:
        """See `patience.patiently`."""
        return await patiently(self._clock, lambda: self._node, call)

    def status(self) -> str:
        """The node's state in one word, with its role when it is active."""
        return self._state().status()

    def info(self) -> SwarmInfo:
        """What `docker info` tells of the swarm at the moment."""
        return self._state().info()

    async def info_in_time(self) -> SwarmInfo:
        """The same, after waiting for a leader if there may be one soon; `error` is set when none came."""

        def attempt() -> SwarmInfo:
            if self._node is not None and self._node.prepared:
                self._node.control()
            return self.info()

        try:
            return await self.patiently(attempt)
        except StatusError as error:
            return self.info()._replace(error=str(error))

    # --- making, joining, leaving ----------------------------------------------------------------------------------

    async def init(self, request: InitRequest) -> str:
        """Make a swarm with this node as its first manager; return its id once it is ready. Raises EngineError.

        Settings that cannot be are refused when the swarm is there already, with the default ones (MB:
        daemon/cluster/swarm.go: initClusterSpec).
        """
        member = self._present
        if member is not None and request.force_new_cluster:
            return await self._init_again(member, request)
        if member is not None or self._pending is not None:
            raise unavailable(swarmtexts.EXISTS)
        if self.membership is not None:
            raise await self._found_locked(keep=request.force_new_cluster)
        request, member = admission.of_init(request, self._address)
        request, refusal = admission.settings(request)
        host, port = addresses.split(member.advertise_addr, addresses.DEFAULT_PORT)
        first = FirstNode(new_id(), host, port, request.availability)
        swarm = self._swarms.create(first, request, self._actor("POST /swarm/init"))
        self._become(replace(member, swarm=swarm.id, node_id=first.node_id))
        await until_ready(self._clock, swarm, first.node_id)
        if refusal is not None:
            raise refusal
        return first.node_id

    async def _init_again(self, member: Membership, request: InitRequest) -> str:
        """Go on as the only manager of the swarm (`--force-new-cluster`), even with an old certificate."""
        if member.expired and member.manager:
            self._become(replace(member, expired=False))
        node = self._node
        if node is None or not node.manages:
            raise unavailable(swarmtexts.WORKER)
        if member.lock is not None:
            # The manager is stopped, and then nobody has the key to its state.
            self._stop_node()
            self._remember(replace(member, given_up=True))
            raise unavailable(swarmtexts.LOCKED)
        _, changed = admission.of_init(request, self._address)
        kept = ("swarm", "node_id", "lock", "valid_from", "valid_until")
        # Its manager stops first, and nobody leads until it is back.
        node.end_manager()
        await self._clock.sleep(BEGINNING_ANEW)
        if self._node is not node:
            raise unavailable(swarmtexts.NOT_IN_SWARM)
        node.readdress(replace(changed, **{name: getattr(self.membership, name) for name in kept}))
        node.swarm.force_new(node.node_id, changed.advertise_addr)
        await until_ready(self._clock, node.swarm, node.node_id)
        return node.node_id

    async def join(self, request: JoinRequest) -> None:
        """Join a swarm. Raises EngineError or StatusError; after a time-out the attempt goes on in the background."""
        if self._present is not None or self._pending is not None:
            raise unavailable(swarmtexts.EXISTS)
        request = admission.check_join(request, self._address)
        if self.membership is not None:
            raise await self._found_locked(keep=False)
        if self._try_join(request):
            assert self._node is not None
            await until_ready(self._clock, self._node.swarm, self._node.node_id)
            await self._be_called_back(self._node)
            return
        self._pending = request
        refusing = next((a for a in request.remote_addrs if self._swarms.refuses(a, self._name)), None)
        if refusing is not None:
            await self._clock.sleep(JOIN_REFUSED)
            if self._pending is request:
                self._pending = None
                raise unavailable(swarmtexts.refused(refusing))
            return
        self._clock.call_later(JOIN_RETRY, lambda: self._retry_join(request))
        await self._clock.sleep(JOIN_TIMEOUT)
        if self._pending is request:
            raise unavailable(swarmtexts.TIMEOUT)

    async def _be_called_back(self, node: SwarmNode) -> None:
        """A new manager is called by the leader. Raises EngineError (500) if it is not reached: it leaves again."""
        member, known = self.membership, node.swarm.store.tables.nodes.get(node.node_id)
        if member is None or known is None or known.role != "manager":
            return
        if why := self._swarms.unreached(member.advertise_addr, self._name):
            await self._clock.sleep(NO_ROUTE if why == "no route to host" else 0)
            self._stop_node()
            await self._forget()
            raise internal(swarmtexts.not_called_back(member.advertise_addr, why))

    async def leave(self, *, force: bool) -> None:
        """Leave the swarm; the node's object stays, and goes down. Raises EngineError (503)."""
        if self._pending is not None:
            self._pending = None
            return
        member = self._present
        if member is None:
            raise unavailable(swarmtexts.NO_SWARM)
        if self.locked and not force:
            raise unavailable(swarmtexts.LEAVE_LOCKED)
        if self._node is not None and self._node.manages and not force:
            raise unavailable(leave_refusal(self._node))
        self._stop_node()
        await self._forget()

    async def _forget(self) -> None:
        """Be in no swarm any more: what there is of it on the engine goes."""
        member = self.membership
        self._remember(None)
        swarm = self._swarms.get(member.swarm) if member is not None else None
        if swarm is not None and member is not None:
            await self._swarms.left(swarm, member.node_id, self._name)
        self._deserted()
        self._overlays.clear()

    async def unlock(self, key: str) -> None:
        """Unlock a locked manager; return when it has found its swarm, or after 20 s. Raises EngineError."""
        member = self.membership
        if not self.locked or member is None or member.lock is None:
            with_manager = self._node is not None and self._node.manages
            raise EngineError(409, swarmtexts.NOT_LOCKED) if with_manager else self._no_manager()
        if not is_key(key):
            raise bad_request("invalid key string")
        if key_digest(key) != member.lock.digest:
            raise EngineError(401, swarmtexts.WRONG_KEY)
        self._remember(replace(member, lock=replace(member.lock, closed=False)))
        self.resume()
        await until_ready(self._clock, self._swarm_of(member), member.node_id)

    def unlock_key(self) -> str:
        """The key that unlocks managers after a restart; empty without autolock. Raises EngineError."""
        return self.control().cluster().unlock_key

    # --- the engine's power ----------------------------------------------------------------------------------------

    def boot(self) -> None:
        """The engine starts: go on as the node that it was, or, with autolock, wait for the key.

        With a certificate that has expired meanwhile it is of no use until it leaves.
        """
        member = self.membership
        if member is not None and member.given_up:
            member = replace(member, given_up=False)
            self._remember(member)
        if member is not None and Validity(member.valid_from, member.valid_until).expired(self._clock.now()):
            self._remember(replace(member, expired=True))
            return
        if member is not None and member.lock is not None:
            self._remember(replace(member, lock=replace(member.lock, closed=True)))
        self.resume()

    def resume(self) -> None:
        """Go on as the node that it was, unless it is locked or has an expired certificate.

        One that has expired while the whole lab was down is replaced: for the lab no time has passed.
        """
        member = self._present
        if self.locked:
            # Its part of the swarm's networks is made anew when it knows of them again.
            self._overlays.clear()
        if member is None or self.locked or self.expired or self._swarms.get(member.swarm) is None:
            return
        over = Validity(member.valid_from, member.valid_until).expired(self._clock.now())
        (self._become if over else self._enter)(member)

    def power_off(self) -> None:
        """The engine ends: the node falls silent."""
        self._pending = None
        self._stop_node()

    def stop(self) -> None:
        """The lab's process ends: nothing changes for anyone."""
        if self._node is not None:
            self._node.stop(quietly=True)
            self._node = None

    # --- inside ----------------------------------------------------------------------------------------------------

    def _state(self) -> NodeState:
        return NodeState(self._address, self._present, self._node, self._pending)

    def _actor(self, request: str) -> Actor:
        return Actor(engine=self._name, request=request)

    def _no_manager(self) -> EngineError:
        return unavailable(swarmtexts.NOT_IN_SWARM if self._present is None else swarmtexts.WORKER)

    async def _found_locked(self, *, keep: bool) -> EngineError:
        """What comes of another swarm where the state of one is that was given up; unless it is kept, it goes."""
        if not keep:
            await self._forget()
        return unavailable(swarmtexts.LOCKED)

    def _swarm_of(self, member: Membership) -> Swarm:
        swarm = self._swarms.get(member.swarm)
        assert swarm is not None
        return swarm

    def _try_join(self, request: JoinRequest) -> bool:
        """One attempt; False when no manager answers there."""
        found = (self._swarms.at(address, self._name) for address in request.remote_addrs)
        swarm = next((swarm for swarm in found if swarm is not None), None)
        if swarm is None:
            return False
        member = admission.of_join(request, self._address)
        host, _ = addresses.split(member.advertise_addr, "")
        try:
            node = swarm.admit(
                request.join_token,
                host,
                request.availability,
                self._actor("POST /swarm/join"),
                reached=not self._swarms.unreached(member.advertise_addr, self._name),
            )
        except ValueError as error:
            raise internal(str(error)) from None
        self._become(replace(member, swarm=swarm.id, node_id=node.id, manager=node.role == "manager"))
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
        """Be this node, with a new certificate."""
        self._pending = None
        begins, ends = issued(self._clock.now(), self._swarm_of(member).cluster.spec.ca_config.node_cert_expiry)
        member = replace(member, valid_from=begins, valid_until=ends)
        self._remember(member)
        self._enter(member)

    def _enter(self, member: Membership) -> None:
        """Let the node work."""
        swarm = self._swarm_of(member)
        self._swarms.connect(swarm)
        node = self._node = SwarmNode(
            swarm,
            member,
            self._clock,
            partial(self._executor, swarm),
            self._events,
            self._overlays,
            remember=self._remember,
            on_rejected=lambda reason: self._rejected(node, reason),
        )
        node.start()
        self._background(self._swarms.joined(swarm, member.node_id, self._name))

    def _executor(self, swarm: Swarm, tls: Callable[[], TLSInfo]) -> Executor:
        return AttachingExecutor(self._clock, self._attachments, self._swarms.executor(swarm, self._name, tls))

    def _rejected(self, node: SwarmNode, reason: str) -> None:
        """The swarm does not want this node any more: it stays a member in name until it leaves."""
        _log.info("%s: %s", self._name, reason)
        node.turned_away()

    def _stop_node(self) -> None:
        if self._node is not None:
            self._node.stop()
            self._node = None

    def _remember(self, member: Membership | None) -> None:
        with self._store.transaction(self._actor("")) as tx:
            engine = tx.tables.engines.get(self._engine_id)
            assert isinstance(engine, Engine)
            tx.update(Kind.ENGINE, replace(engine, membership=member))

    def _background(self, coroutine: Coroutine[None, None, None]) -> None:
        task = asyncio.ensure_future(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
