from typing import Any, cast

import msgspec

from swarmlab.clock import VirtualClock
from swarmlab.manager.raft import Raft
from swarmlab.manager.rolemanager import RoleManager
from swarmlab.objects import ManagerStatus, Node, NodeSpec
from swarmlab.store import Actor, Commit, Kind, Store

TEST = Actor(loop="test")


def test_a_node_that_has_gone_when_its_new_role_is_heard_of_is_left_alone() -> None:
    clock = VirtualClock()
    commits: list[Commit] = []
    store = Store(clock, "test", commits.append)
    RoleManager(store, clock, cast(Any, None)).start()
    with store.transaction(TEST) as tx:
        node = tx.create(Kind.NODE, Node(id="n", spec=NodeSpec(role="worker"), role="worker"))
    clock.run_ready()
    with store.transaction(TEST) as tx:
        tx.update(Kind.NODE, msgspec.structs.replace(node, spec=NodeSpec(role="manager")))
    with store.transaction(TEST) as tx:
        tx.delete(Kind.NODE, "n")
    clock.run_ready()
    assert len(commits) == 3


def test_a_new_role_is_given_to_the_node_as_it_is_by_now() -> None:
    clock = VirtualClock()
    store = Store(clock, "test", lambda commit: None)
    RoleManager(store, clock, cast(Any, None)).start()
    with store.transaction(TEST) as tx:
        node = tx.create(Kind.NODE, Node(id="n", spec=NodeSpec(role="worker"), role="worker"))
    with store.transaction(TEST) as tx:
        node = tx.update(Kind.NODE, msgspec.structs.replace(node, spec=NodeSpec(role="manager")))
    with store.transaction(TEST) as tx:
        tx.update(Kind.NODE, msgspec.structs.replace(node, spec=NodeSpec(role="manager", labels={"a": "b"})))
    clock.run_ready()
    found = store.tables.nodes.get("n")
    assert found is not None
    assert (found.role, found.spec.labels) == ("manager", {"a": "b"})


def test_a_demotion_that_would_cost_the_quorum_is_tried_again_every_five_seconds() -> None:
    clock = VirtualClock()
    store = Store(clock, "test", lambda commit: None)
    raft = Raft(store, clock, lambda leader: None)
    with store.transaction(TEST) as tx:
        for name in ("a", "b", "c"):
            status = ManagerStatus(addr=name)
            tx.create(Kind.NODE, Node(id=name, spec=NodeSpec(role="manager"), role="manager", manager_status=status))
    raft.online("a")
    raft.online("b")
    clock.advance(20)
    RoleManager(store, clock, raft).start()
    with store.transaction(TEST) as tx:
        follower = next(name for name in ("a", "b") if name != raft.leader)
        tx.update(Kind.NODE, msgspec.structs.replace(tx.tables.nodes.get(follower), spec=NodeSpec(role="worker")))
    clock.advance(60)
    assert raft.is_member(follower)
    raft.online("c")
    clock.advance(4.9)
    assert raft.is_member(follower)
    clock.advance(0.2)
    assert not raft.is_member(follower)
