"""Who leads, who knows it, and what a manager can do with a call: `swarmlab.manager.raft`."""

from collections.abc import Callable

import msgspec
import pytest

from swarmlab.clock import VirtualClock
from swarmlab.manager.raft import ELECTION_MAX, ELECTION_MIN, LOST_QUORUM_TIMEOUT, Raft, Standing
from swarmlab.objects import ManagerStatus, Node, NodeSpec
from swarmlab.store import Kind, Store

SOON = 0.1


class Quorum:
    """Managers m1, m2, …; all run and m1 leads."""

    def __init__(self, managers: int) -> None:
        self.clock = VirtualClock()
        self.store = Store(self.clock, "test")
        self.leaders: list[str | None] = []
        self.raft = Raft(self.store, self.clock, self.leaders.append)
        self.names = [f"m{number}" for number in range(1, managers + 1)]
        with self.store.transaction("test") as tx:
            for name in self.names:
                status = ManagerStatus(addr=f"{name}:2377")
                tx.create(
                    Kind.NODE, Node(id=name, spec=NodeSpec(role="manager"), role="manager", manager_status=status)
                )
            tx.create(Kind.NODE, Node(id="worker", spec=NodeSpec(role="worker")))
        for name in self.names:
            self.raft.online(name)
        self.raft.resume("m1")

    def standings(self) -> list[Standing]:
        return [self.raft.standing(name) for name in self.names]

    def reachable(self) -> list[str]:
        statuses = [(name, self.raft.manager_status(name)) for name in self.names]
        return [name for name, status in statuses if status is not None and status.reachability == "reachable"]

    def until(self, condition: Callable[[], bool], limit: float) -> float:
        """Let time pass until the condition holds; return how long that took."""
        begin = self.clock.now()
        while not condition():
            assert (self.clock.now() - begin) / 1e9 <= limit
            self.clock.advance(SOON)
        return (self.clock.now() - begin) / 1e9


@pytest.mark.parametrize(("managers", "losses"), [(1, 0), (2, 0), (3, 1), (4, 1), (5, 2), (6, 2), (7, 3)])
def test_a_quorum_is_more_than_half_of_the_members(managers: int, losses: int) -> None:
    quorum = Quorum(managers)
    for name in quorum.names[managers - losses :]:
        quorum.raft.offline(name)
    assert quorum.raft.leader == "m1"
    if managers > losses + 1:
        quorum.raft.offline(quorum.names[managers - losses - 1])
        assert quorum.raft.leader is None


def test_a_single_member_leads_at_once() -> None:
    quorum = Quorum(1)
    quorum.raft.offline("m1")
    assert quorum.raft.leader is None
    quorum.raft.online("m1")
    assert quorum.raft.leader == "m1"


def test_another_member_leads_when_the_leader_was_not_heard_of_for_an_election_timeout() -> None:
    quorum = Quorum(3)
    quorum.raft.offline("m1")
    assert quorum.standings()[1:] == [Standing.WAITS, Standing.WAITS]
    waited = quorum.until(lambda: quorum.raft.leader is not None, ELECTION_MAX + 1)
    assert waited >= ELECTION_MIN
    assert quorum.raft.leader in {"m2", "m3"}
    assert quorum.standings()[1:] == [Standing.ANSWERS, Standing.ANSWERS]
    quorum.raft.online("m1")
    assert quorum.raft.leader in {"m2", "m3"}
    assert quorum.reachable() == ["m1", "m2", "m3"]


def test_a_leader_reads_until_it_notices_that_its_quorum_is_gone_then_calls_wait_then_they_fail() -> None:
    quorum = Quorum(3)
    quorum.raft.offline("m2")
    quorum.raft.offline("m3")
    assert quorum.leaders[-1] is None
    assert quorum.raft.standing("m1") is Standing.READS
    assert quorum.reachable() == ["m1"]
    waited = quorum.until(lambda: quorum.raft.standing("m1") is Standing.WAITS, ELECTION_MAX + 1)
    assert waited >= ELECTION_MIN
    waited = quorum.until(lambda: quorum.raft.standing("m1") is Standing.LOST, LOST_QUORUM_TIMEOUT + 1)
    assert waited >= LOST_QUORUM_TIMEOUT - 2 * SOON
    quorum.clock.advance(3600)
    assert quorum.raft.standing("m1") is Standing.LOST


def test_a_leader_whose_quorum_returns_in_time_never_stopped_leading() -> None:
    quorum = Quorum(3)
    quorum.raft.offline("m2")
    quorum.raft.offline("m3")
    quorum.clock.advance(ELECTION_MIN - 1)
    quorum.raft.online("m3")
    assert (quorum.raft.leader, quorum.raft.unbroken) == ("m1", True)
    quorum.clock.advance(2 * ELECTION_MAX)
    assert quorum.raft.leader == "m1"


def test_a_quorum_that_returns_late_votes() -> None:
    quorum = Quorum(3)
    quorum.raft.offline("m2")
    quorum.raft.offline("m3")
    quorum.clock.advance(100)
    quorum.raft.online("m2")
    assert quorum.raft.leader is None
    quorum.until(lambda: quorum.raft.leader is not None, ELECTION_MAX + 1)
    assert quorum.standings()[:2] == [Standing.ANSWERS, Standing.ANSWERS]
    assert not quorum.raft.unbroken


def test_the_majority_of_a_partition_elects_a_leader_and_the_old_one_is_deposed_by_then() -> None:
    quorum = Quorum(3)
    quorum.raft.separate({"m1": 1})
    assert quorum.standings() == [Standing.READS, Standing.WAITS, Standing.WAITS]
    quorum.until(lambda: quorum.raft.leader is not None, ELECTION_MAX + 1)
    assert quorum.raft.leader in {"m2", "m3"}
    assert quorum.raft.standing("m1") is Standing.WAITS
    assert quorum.reachable() == ["m2", "m3"]
    quorum.clock.advance(LOST_QUORUM_TIMEOUT + 1)
    assert quorum.standings() == [Standing.LOST, Standing.ANSWERS, Standing.ANSWERS]
    quorum.raft.separate({})
    assert quorum.standings() == [Standing.ANSWERS] * 3


def test_the_minority_never_answers_while_it_is_cut_off() -> None:
    quorum = Quorum(5)
    quorum.raft.separate({"m4": 1, "m5": 1, "worker": 1})
    assert quorum.raft.leader == "m1"
    for _ in range(100):
        assert Standing.ANSWERS not in quorum.standings()[3:]
        assert quorum.standings()[:3] == [Standing.ANSWERS] * 3
        quorum.clock.advance(1)
    assert quorum.standings()[3:] == [Standing.LOST, Standing.LOST]
    assert not quorum.raft.reaches_leader("worker")


def test_a_partition_without_a_majority_has_no_leader_anywhere() -> None:
    quorum = Quorum(3)
    quorum.raft.separate({"m1": 1, "m2": 2})
    quorum.clock.advance(60)
    assert quorum.standings() == [Standing.LOST] * 3
    assert quorum.leaders[-1] is None


def test_followers_of_a_leader_without_a_quorum_read_what_it_reads() -> None:
    quorum = Quorum(5)
    quorum.raft.separate({"m1": 1, "m2": 1})
    assert quorum.standings()[:2] == [Standing.READS, Standing.READS]
    quorum.clock.advance(ELECTION_MAX + LOST_QUORUM_TIMEOUT + ELECTION_MAX)
    assert quorum.standings()[:2] == [Standing.LOST, Standing.LOST]


def test_leadership_can_be_handed_over_to_a_member_that_is_reached() -> None:
    quorum = Quorum(3)
    quorum.raft.offline("m2")
    assert not quorum.raft.transfer_from("m3")
    assert quorum.raft.transfer_from("m1")
    assert quorum.raft.leader == "m3"
    assert not Quorum(1).raft.transfer_from("m1")


def test_who_can_be_removed() -> None:
    quorum = Quorum(3)
    assert [quorum.raft.can_remove(name) for name in quorum.names] == [True, True, True]
    quorum.raft.offline("m3")
    assert [quorum.raft.can_remove(name) for name in quorum.names] == [False, False, True]


def test_a_member_that_is_none_any_more_counts_no_more() -> None:
    quorum = Quorum(3)
    with quorum.store.transaction("test") as tx:
        node = tx.tables.nodes.get("m3")
        assert node is not None
        tx.update(Kind.NODE, msgspec.structs.replace(node, manager_status=None))
    quorum.raft.offline("m3")
    assert quorum.raft.manager_status("m3") is None
    quorum.raft.offline("m2")
    assert quorum.raft.leader is None


def test_a_new_beginning_with_one_member() -> None:
    quorum = Quorum(3)
    quorum.raft.offline("m2")
    quorum.raft.offline("m3")
    quorum.clock.advance(60)
    with quorum.store.transaction("test") as tx:
        for name in ("m2", "m3"):
            node = tx.tables.nodes.get(name)
            assert node is not None
            tx.update(Kind.NODE, msgspec.structs.replace(node, manager_status=None))
    quorum.raft.begin_anew("m1")
    assert quorum.raft.leader == "m1"
    quorum.clock.advance(60)
    assert quorum.leaders[-1] == "m1"
