"""An engine at work as a node of a swarm: its agent, and on a manager its part of the quorum.

Source: SK: node/node.go, MB: daemon/cluster/noderunner.go. A node knows only what it hears: while it reaches no leader,
nothing that is written in the swarm changes anything here.
"""

import random
from collections.abc import Callable, Sequence

import msgspec

from swarmlab.agent import Agent
from swarmlab.clock import SECOND, Clock, Timer
from swarmlab.dispatcher import Dispatcher
from swarmlab.engine.events import Events
from swarmlab.engine.network.overlays import Overlays
from swarmlab.engine.swarm import addresses, swarmevents
from swarmlab.engine.swarm.certificate import Validity, issued
from swarmlab.engine.swarm.unlockkey import key_digest
from swarmlab.manager import (
    ELECTION_MAX,
    ELECTION_MIN,
    NO_LEADER,
    Code,
    ControlAPI,
    LeaderAwaitedError,
    ResourceAllocator,
    Standing,
    StatusError,
    Swarm,
)
from swarmlab.objects import Node, Task, TLSInfo
from swarmlab.objects.local import Lock, Membership
from swarmlab.runtime.controller import Executor
from swarmlab.store import Actor, Commit, Kind

#: A promoted node needs so many seconds to renew its certificate and join the quorum.
PROMOTION = 0.6
#: One whose manager the others have removed waits so long for the role of a worker, then joins the quorum anew: it
#: gives it time to come, and again after it has asked for it (SK: node/node.go, roleChangeTimeout).
REJOINING = 2 * 16.0
#: A manager that has joined the quorum answers so many seconds later: so long the engine needs to reach it.
PREPARING = 0.5
#: A node that is told to get a new certificate has it so many seconds later.
RENEWAL = 0.5
#: A leader that is demoted hands over, and the next one takes it out of the quorum at once; but its role changes only
#: when that one looks again (SK: manager/role_manager.go, roleReconcileInterval). Its manager has ended by then.
HANDING_OVER = 5.0
#: It ends its manager not at once: what it is asked for in the first so many seconds waits for a leader that never
#: comes, until the manager, which waits for its calls, has done so for as many more (SK: manager/manager.go,
#: stopTimeout).
CLOSING, STOP_TIMEOUT = 0.09, 8.0
CLOSED = "transport is closing"
NO_SOCKET = (
    'connection error: desc = "transport: Error while dialing dial unix /var/run/docker/swarm/control.sock: '
    'connect: no such file or directory"'
)
#: A manager that becomes a worker asks for another certificate then. That is still a manager's, so it asks again after
#: at most so many seconds (SK: ca/renewer.go, the back-off of a forced renewal).
WRONG_ROLE = 5.0
#: A renewal that failed is tried again after at most so many seconds (SK: ca/certificates.go).
RENEWAL_RETRY = 300.0


class SwarmNode:
    """Works from `start` to `stop`. What it must know after a restart goes to `remember`.

    `make_executor` makes what runs its tasks; it is given what the node says of its certificate.
    """

    def __init__(
        self,
        swarm: Swarm,
        member: Membership,
        clock: Clock,
        make_executor: Callable[[Callable[[], TLSInfo]], Executor],
        events: Events,
        overlays: Overlays,
        *,
        remember: Callable[[Membership], None],
        on_rejected: Callable[[str], None],
    ) -> None:
        self.swarm = swarm
        self.node_id = member.node_id
        self._member = member
        self._clock = clock
        self._events = events
        self._overlays = overlays
        self._remember = remember
        self._tls = self._certificate()
        self._agent = Agent(
            clock,
            member.node_id,
            self._address,
            self,
            make_executor(lambda: self._tls),
            on_rejected=on_rejected,
        )
        self._known: Dispatcher | None = None
        self._promotion: Timer | None = None
        #: Until when its manager, which is new, is not reached yet (Unix nanoseconds).
        self._prepared_at = 0
        #: When it asks for a worker's certificate, and since when its manager has ended for that (Unix nanoseconds).
        self._demotion: Timer | None = None
        self._ended_at = 0
        #: Whether it led when it last heard who does, or does so no longer only since the same moment.
        self._leads = False
        #: When it becomes a worker whose manager has ended already, and since when that ends (Unix nanoseconds).
        self._handing_over: Timer | None = None
        self._ending_since = 0
        self._renewal: Timer | None = None
        self._random = random.Random()  # noqa: S311  (when to renew, not secrets)
        #: When the certificate is to be renewed, for it is getting old.
        self._aging: Timer | None = None
        self._was_ready = False
        self._registered = False
        #: Whether it has joined the swarm only now.
        self._new = False
        #: Whether it was a member of the quorum when it last looked, and when it notices that it is none any more.
        self._took_part = False
        self._left_out: Timer | None = None
        self._ends: list[Callable[[], None]] = []

    def start(self) -> None:
        """Begin to work as an agent and, with a manager's certificate, as a manager."""
        store, node = self.swarm.store, self.swarm.store.tables.nodes.get(self.node_id)
        self._registered = node is not None and bool(node.description.hostname)
        self._new = bool(self._member.remote) and not self._registered
        self._ends = [
            store.watch(self._on_commit, Kind.NODE, Kind.CLUSTER),
            self.swarm.on_quorum(self._quorum_changed),
            swarmevents.report(store, self._events, self._hears_as_manager),
            self._overlays.follow(store, self.node_id, self._hears, joined=bool(self._member.remote)),
        ]
        if self.manages and node is not None and node.manager_status is not None:
            self.swarm.raft.online(self.node_id)
        self._age()
        self._quorum_changed()
        self._agent.start()

    def stop(self, *, quietly: bool = False) -> None:
        """Fall silent; `quietly` when the whole lab ends, which is none of the swarm's business."""
        for end in self._ends:
            end()
        self._ends.clear()
        timers = (self._promotion, self._demotion, self._handing_over, self._renewal, self._aging, self._left_out)
        for timer in timers:
            if timer is not None:
                timer.cancel()
        self._promotion = self._demotion = self._handing_over = self._renewal = self._aging = self._left_out = None
        if self.manages and not quietly:
            self.swarm.raft.offline(self.node_id)
        self._agent.stop()

    def readdress(self, member: Membership) -> None:
        """Be the same node at other addresses."""
        self._member = member
        self._remember(member)

    def end_manager(self) -> None:
        """Stop as a manager, and with it as an agent, to begin anew with the same tasks."""
        self.swarm.raft.offline(self.node_id)
        self._agent.give_up_tasks()

    def turned_away(self) -> None:
        """The swarm does not want this node any more."""
        self._agent.dismiss()

    @property
    def manages(self) -> bool:
        """Whether the node has a manager's certificate."""
        return self._member.manager

    @property
    def prepared(self) -> bool:
        """Whether the engine reaches the node's manager."""
        return self.manages and self._clock.now() >= self._prepared_at

    @property
    def ready(self) -> bool:
        """Whether it has ever found a leader since it began; a worker's agent must have been heard there."""
        return self._was_ready if self.manages else self._agent.ready

    @property
    def dispatcher(self) -> Dispatcher | None:
        """See `swarmlab.agent.agent.Managers`. Nobody talks to a node whose certificate is no longer good."""
        return None if self.validity.expired(self._clock.now()) else self.swarm.dispatcher_at(self.node_id)

    @property
    def validity(self) -> Validity:
        """Of its certificate."""
        return Validity(self._member.valid_from, self._member.valid_until)

    def control(self) -> ControlAPI:
        """See `Swarm.control_at`. A manager that the quorum has gone on without waits for it in vain."""
        if self._handing_over is not None:
            if self.held_up() is None:
                raise StatusError(Code.UNAVAILABLE, NO_SOCKET)
            raise LeaderAwaitedError
        if not self._takes_part() and self._left_out is None:
            raise StatusError(Code.UNKNOWN, NO_LEADER)
        return self.swarm.control_at(self.node_id)

    def held_up(self) -> float | None:
        """For how many seconds its manager, which ends, holds up a call that comes now and will not be answered.

        None if it does not: it goes on, or does not listen any more. The manager ends later for such a call.
        """
        ending = (self._clock.now() - self._ending_since) / SECOND
        if self._handing_over is None or ending >= CLOSING:
            return None
        left = CLOSING + STOP_TIMEOUT - ending
        self._handing_over.cancel()
        self._handing_over = self._clock.call_later(left, self._handed_over)
        return left

    def attach_network(self, container_id: str, target: str, addresses: Sequence[str], actor: Actor) -> Task:
        """See `ResourceAllocator.attach_network`, for a container of this node. Raises StatusError."""
        return self._resources().attach_network(self.node_id, container_id, target, addresses, actor)

    def detach_network(self, attachment_id: str, actor: Actor) -> None:
        """See `ResourceAllocator.detach_network`. Raises StatusError."""
        self._resources().detach_network(self.node_id, attachment_id, actor)

    def _address(self) -> str:
        """Where the leader hears the node call from. A leader calls itself, and only by what it knows of itself.

        Source: SK: manager/manager.go, handleRequestLocally.
        """
        host = addresses.split(self._member.advertise_addr, "")[0]
        leads = self.swarm.raft.leader == self.node_id
        return self._member.own_addr or host if leads else host

    def _resources(self) -> ResourceAllocator:
        """The leader's, if it is reached."""
        if self.dispatcher is None:
            raise StatusError(Code.UNKNOWN, NO_LEADER)
        return self.swarm.resources()

    def _takes_part(self) -> bool:
        """Whether it is a member of the quorum."""
        return self.manages and self.swarm.raft.is_member(self.node_id)

    # --- what it hears ---------------------------------------------------------------------------------------------

    def _hears(self) -> bool:
        """Whether it reaches a leader. Only then can it know what is in the store."""
        return self.dispatcher is not None

    def _hears_as_manager(self) -> bool:
        """Whether it tells of the swarm's events.

        The first of a new swarm's is that it is ready itself; one that joins begins as a manager only after that.
        """
        if not self._registered:
            node = self.swarm.store.tables.nodes.get(self.node_id)
            self._registered = node is not None and node.status.state == "ready"
            if self._new:
                return False
        return self._registered and self._takes_part() and self._hears()

    def _quorum_changed(self) -> None:
        """There is another leader, or none, or the network is another: agents look for a dispatcher that they reach."""
        self._agent.set_connected(self._handing_over is None and self.swarm.raft.reaches_leader(self.node_id))
        if self.dispatcher is not self._known:
            self._known = self.dispatcher
            self._agent.managers_changed()
        if self._takes_part() and self.swarm.raft.standing(self.node_id) is Standing.ANSWERS:
            self._was_ready = True
        if self.swarm.raft.leader == self.node_id:
            self._leads = True
        elif self._leads:
            self._clock.call_soon(self._leads_no_more)
        self._look()

    def _on_commit(self, commit: Commit) -> None:
        cluster = any(change.kind is Kind.CLUSTER for change in commit.changes)
        if cluster or any(self._is_mine(change.new) for change in commit.changes):
            lock = self._member.lock
            self._look()
            if cluster and lock is None and self._member.lock is not None:
                # What it had before lay on the disk unencrypted (SK: manager/manager.go, updateKEK).
                self.swarm.renew(self.node_id)

    def _is_mine(self, new: object) -> bool:
        return getattr(new, "id", "") == self.node_id

    def _look(self) -> None:
        """Do what the swarm wants of this node."""
        node = self.swarm.store.tables.nodes.get(self.node_id)
        if node is None or not self._hears():
            return
        self._keep_certificate(node)
        if self._handing_over is not None:
            return
        took_part, self._took_part = self._took_part, self._takes_part()
        if self.manages and node.manager_status is None:
            if self._left_out is not None:
                return
            if took_part and node.spec.role == "manager":
                # The quorum has been made anew without it. It goes on asking the leader until it misses its voice.
                seconds = self._random.uniform(ELECTION_MIN, ELECTION_MAX)
                self._left_out = self._clock.call_later(seconds, self._notice_that_it_was_left_out)
                return
            if self._leads and node.spec.role == "worker":
                self._ending_since = self._clock.now()
                self._handing_over = self._clock.call_later(HANDING_OVER, self._handed_over)
                self._agent.set_connected(False)
                return
            self._note_certificate(manager=False, lock=None)
            if node.spec.role == "worker":
                self._ended_at = self._clock.now()
                self._demotion = self._clock.call_later(RENEWAL, lambda: self._step_down(last=False))
            else:
                # The quorum went on without it, although it shall be a manager: it finds out that it is none.
                self._promotion = self._clock.call_later(REJOINING, self._become_manager)
        elif self.manages:
            self._keep_lock()
        elif node.spec.role == node.role == "manager" and self._promotion is None:
            wait = PROMOTION
            if self._demotion is not None:
                # It never had a worker's certificate, so all that it knows is that its manager has ended.
                self._demotion.cancel()
                self._demotion = None
                wait = (self._ended_at - self._clock.now()) / SECOND + REJOINING
            self._promotion = self._clock.call_later(wait, self._become_manager)

    def _notice_that_it_was_left_out(self) -> None:
        self._left_out = None
        self._look()

    def _become_manager(self) -> None:
        """The new certificate is there: join the quorum, unless there is none now; then at the next occasion."""
        joined = self._hears() and self.swarm.join_quorum(self.node_id, self._member.advertise_addr)
        if joined:
            self._prepared_at = self._clock.now() + int(PREPARING * SECOND)
            self._note_certificate(manager=True)
        # Not before: joining is a commit of this node, at which it would begin anew.
        self._promotion = None
        if joined:
            self._quorum_changed()

    def _leads_no_more(self) -> None:
        self._leads = self.swarm.raft.leader == self.node_id

    def _handed_over(self) -> None:
        self._handing_over = None
        self._quorum_changed()

    def _step_down(self, *, last: bool) -> None:
        """It asks for a worker's certificate. The first one is still a manager's, for only now its role changes."""
        self._demotion = None
        if self._hears():
            self.swarm.renew(self.node_id)
            if not last:
                wait = self._random.uniform(0, WRONG_ROLE) + RENEWAL
                self._demotion = self._clock.call_later(wait, lambda: self._step_down(last=True))

    def _certificate(self) -> TLSInfo:
        """What it said of its certificate when it was last heard of, and for a new node, what it was given."""
        node = self.swarm.store.tables.nodes.get(self.node_id)
        known = node.description.tls_info if node is not None else TLSInfo()
        return known if known.trust_root else self.swarm.cluster.root_ca.tls_info

    def _keep_certificate(self, node: Node) -> None:
        """Get a new certificate when told to, and trust the root that the swarm trusts."""
        if node.certificate == "rotate" and self._renewal is None:
            self._renewal = self._clock.call_later(RENEWAL, self._renew)
        trust_root = self.swarm.cluster.root_ca.certificate
        if trust_root != self._tls.trust_root:
            self._tls = msgspec.structs.replace(self._tls, trust_root=trust_root)
            self._agent.describe_again()

    def _renew(self) -> None:
        self._renewal = None
        if self._hears():
            tls, self._tls = self._tls, self.swarm.issue(self.node_id)
            self._note_certificate()
            if tls != self._tls:
                self._agent.describe_again()

    def _note_certificate(self, **fields: object) -> None:
        """It has a new certificate: remember how long it is good, and when to ask for the next."""
        begins, ends = issued(self._clock.now(), self.swarm.cluster.spec.ca_config.node_cert_expiry)
        self._change(valid_from=begins, valid_until=ends, **fields)
        self._age()

    def _age(self) -> None:
        """Renew the certificate at its time. When that is over and no manager is reached, try again now and then."""
        if self._aging is not None:
            self._aging.cancel()
            self._aging = None
        if not self.validity.ends:
            return
        wait = max((self.validity.renewal(self._random) - self._clock.now()) / SECOND, 0)
        self._aging = self._clock.call_later(wait, self._aged)

    def _aged(self) -> None:
        self._aging = None
        if self._hears():
            self._renew()
        elif not self.validity.expired(self._clock.now()):
            self._aging = self._clock.call_later(RENEWAL_RETRY, self._aged)

    def _keep_lock(self) -> None:
        """Encrypt what is on disk with the key of today, or with none."""
        key = self.swarm.cluster.unlock_key
        lock = Lock(digest=key_digest(key)) if key else None
        if lock != self._member.lock:
            self._change(lock=lock)

    def _change(self, **fields: object) -> None:
        self._member = msgspec.structs.replace(self._member, **fields)
        self._remember(self._member)
