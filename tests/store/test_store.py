"""Transactions and watch (SK: manager/state/store/memory_test.go)."""

from collections.abc import Callable

import msgspec
import pytest

from swarmlab.clock import VirtualClock
from swarmlab.objects import (
    BlobSpec,
    Config,
    Network,
    NetworkSpec,
    Node,
    NodeSpec,
    Secret,
    Service,
    ServiceSpec,
    Task,
    TaskSpec,
)
from swarmlab.store import (
    Actor,
    AlreadyExistsError,
    Commit,
    Kind,
    NameConflictError,
    NotExistError,
    SequenceConflictError,
    Store,
    StoreError,
)

replace = msgspec.structs.replace


def service(object_id: str, name: str) -> Service:
    return Service(id=object_id, spec=ServiceSpec(name=name))


def task(object_id: str, *, service_id: str = "s", slot: int = 1, node_id: str = "") -> Task:
    return Task(id=object_id, spec=TaskSpec(), service_id=service_id, slot=slot, node_id=node_id)


@pytest.fixture
def store() -> Store:
    return Store(VirtualClock(), "test")


def create(store: Store, kind: Kind, *objects: Service | Task | Node | Network | Secret | Config) -> None:
    with store.transaction("test") as tx:
        for obj in objects:
            tx.create(kind, obj)


def everything(store: Store) -> dict[Kind, dict[str, object]]:
    return {kind: {obj.id: obj for obj in store.tables.of(kind)} for kind in Kind}


def settle(store: Store) -> None:
    assert isinstance(store.clock, VirtualClock)
    store.clock.run_ready()


# --- versions --------------------------------------------------------------------------------------------------------


def test_objects_of_one_transaction_share_its_version(store: Store) -> None:
    create(store, Kind.SERVICE, service("1", "a"), service("2", "b"))
    create(store, Kind.SERVICE, service("3", "c"))
    assert [(s.id, s.version) for s in store.tables.services] == [("1", 1), ("2", 1), ("3", 2)]


def test_a_transaction_without_changes_takes_no_version(store: Store) -> None:
    with store.transaction("test"):
        pass
    create(store, Kind.SERVICE, service("1", "a"))
    assert store.index == 1


def test_an_update_of_what_was_written_meanwhile_is_out_of_sequence(store: Store) -> None:
    create(store, Kind.SERVICE, service("1", "a"))
    stale = store.tables.services.get("1")
    assert stale is not None
    with store.transaction("test") as tx:
        tx.update(Kind.SERVICE, replace(stale, spec_version=1))
    with pytest.raises(SequenceConflictError, match=r"^update out of sequence$"), store.transaction("test") as tx:
        tx.update(Kind.SERVICE, replace(stale, spec_version=2))
    now = store.tables.services.get("1")
    assert now is not None
    assert (now.spec_version, now.version) == (1, 2)


def test_an_object_may_be_written_twice_in_one_transaction(store: Store) -> None:
    create(store, Kind.SERVICE, service("1", "a"))
    with store.transaction("test") as tx:
        read = tx.tables.services.get("1")
        assert read is not None
        tx.update(Kind.SERVICE, replace(read, spec_version=5))
        tx.update(Kind.SERVICE, replace(read, previous_spec_version=6))
    now = store.tables.services.get("1")
    assert now is not None
    assert (now.version, now.previous_spec_version) == (2, 6)


def test_instants_are_the_clocks(store: Store) -> None:
    create(store, Kind.SERVICE, service("1", "a"))
    assert isinstance(store.clock, VirtualClock)
    born = store.clock.now()
    store.clock.advance(3)
    with store.transaction("test") as tx:
        read = tx.tables.services.get("1")
        assert read is not None
        tx.update(Kind.SERVICE, read)
    now = store.tables.services.get("1")
    assert now is not None
    assert (now.created_at, now.updated_at) == (born, store.clock.now())


# --- errors ----------------------------------------------------------------------------------------------------------


def test_ids_are_taken_once(store: Store) -> None:
    create(store, Kind.SERVICE, service("1", "a"))
    with pytest.raises(AlreadyExistsError, match=r"^object already exists$"):
        create(store, Kind.SERVICE, service("1", "b"))


def test_what_is_gone_can_neither_be_updated_nor_deleted(store: Store) -> None:
    with pytest.raises(NotExistError, match=r"^object does not exist$"), store.transaction("test") as tx:
        tx.update(Kind.SERVICE, service("1", "a"))
    with pytest.raises(NotExistError, match=r"^object does not exist$"), store.transaction("test") as tx:
        tx.delete(Kind.SERVICE, "1")


@pytest.mark.parametrize(
    ("kind", "make"),
    [
        (Kind.SERVICE, service),
        (Kind.NETWORK, lambda i, n: Network(id=i, spec=NetworkSpec(name=n))),
        (Kind.SECRET, lambda i, n: Secret(id=i, spec=BlobSpec(name=n))),
        (Kind.CONFIG, lambda i, n: Config(id=i, spec=BlobSpec(name=n))),
    ],
)
def test_names_are_unique_whatever_the_case(
    store: Store, kind: Kind, make: Callable[[str, str], Service | Network | Secret | Config]
) -> None:
    create(store, kind, make("1", "Web"), make("2", "other"))
    with pytest.raises(NameConflictError, match=r"^name conflicts with an existing object$"):
        create(store, kind, make("3", "wEB"))
    other = store.tables.of(kind).get("2")
    assert other is not None
    with pytest.raises(NameConflictError), store.transaction("test") as tx:
        tx.update(kind, replace(make("2", "WEB"), version=other.version))
    with store.transaction("test") as tx:
        tx.update(kind, replace(make("2", "OTHER"), version=other.version))
        tx.delete(kind, "1")
        tx.create(kind, make("3", "web"))
    assert sorted(o.id for o in store.tables.of(kind)) == ["2", "3"]


def test_nodes_may_share_a_name(store: Store) -> None:
    create(store, Kind.NODE, Node(id="1", spec=NodeSpec(name="n")), Node(id="2", spec=NodeSpec(name="n")))
    assert len(store.tables.nodes) == 2


# --- all or nothing --------------------------------------------------------------------------------------------------


def test_a_block_that_raises_changes_nothing(store: Store) -> None:
    create(store, Kind.SERVICE, service("1", "a"), service("2", "b"))
    create(store, Kind.TASK, task("t1"), task("t2", slot=2))
    before = everything(store)
    heard: list[Commit] = []
    store.watch(heard.append)

    def scenario() -> None:
        with store.transaction("test") as tx:
            tx.delete(Kind.SERVICE, "1")
            tx.create(Kind.SERVICE, service("3", "a"))
            moved = tx.tables.tasks.get("t1")
            assert moved is not None
            tx.update(Kind.TASK, replace(moved, slot=7, node_id="n"))
            tx.delete(Kind.TASK, "t1")
            assert tx.tables.tasks.by("slot", ("s", 7, "")) == []
            raise StoreError

    with pytest.raises(StoreError):
        scenario()
    settle(store)
    assert everything(store) == before
    assert heard == []
    assert [t.id for t in store.tables.tasks.by("slot", ("s", 1, ""))] == ["t1"]
    assert store.tables.tasks.by("node", "n") == []
    assert [s.id for s in store.tables.services.by("name", "a")] == ["1"]
    assert store.index == 2


def test_what_the_journal_refuses_does_not_happen() -> None:
    class FullError(Exception):
        pass

    def refuse(commit: Commit) -> None:
        raise FullError

    store = Store(VirtualClock(), sink=refuse)
    with pytest.raises(FullError):
        create(store, Kind.SERVICE, service("1", "a"))
    assert (len(store.tables.services), store.index) == (0, 0)


def test_the_journal_is_told_before_anyone_else() -> None:
    order: list[str] = []
    store = Store(VirtualClock(), sink=lambda commit: order.append("journal"))
    store.watch(lambda commit: order.append("watcher"))
    create(store, Kind.SERVICE, service("1", "a"))
    assert order == ["journal"]
    settle(store)
    assert order == ["journal", "watcher"]


def test_transactions_do_not_nest(store: Store) -> None:
    with store.transaction("outer") as tx:
        with pytest.raises(RuntimeError, match="already open"), store.transaction("inner"):
            pass
        tx.create(Kind.SERVICE, service("1", "a"))
    assert "1" in store.tables.services


# --- watch -----------------------------------------------------------------------------------------------------------


def test_watchers_hear_of_commits_in_order_with_old_and_new(store: Store) -> None:
    heard: list[tuple[int, str, bool, bool]] = []
    store.watch(lambda c: heard.extend((c.index, x.id, x.old is not None, x.new is not None) for x in c.changes))
    create(store, Kind.SERVICE, service("1", "a"))
    with store.transaction("test") as tx:
        read = tx.tables.services.get("1")
        assert read is not None
        tx.update(Kind.SERVICE, read)
        tx.create(Kind.TASK, task("t"))
    with store.transaction("test") as tx:
        tx.delete(Kind.SERVICE, "1")
    assert heard == []
    settle(store)
    assert heard == [(1, "1", False, True), (2, "1", True, True), (2, "t", False, True), (3, "1", True, False)]


def test_a_watcher_hears_only_of_the_kinds_it_asked_for(store: Store) -> None:
    heard: list[list[str]] = []
    store.watch(lambda c: heard.append([x.id for x in c.changes]), Kind.TASK)
    with store.transaction("test") as tx:
        tx.create(Kind.SERVICE, service("1", "a"))
        tx.create(Kind.TASK, task("t"))
    create(store, Kind.SERVICE, service("2", "b"))
    settle(store)
    assert heard == [["t"]]


def test_a_watcher_that_commits_is_heard_by_all_after_the_commit_it_reacted_to(store: Store) -> None:
    heard: list[tuple[str, int]] = []

    def reacting(commit: Commit) -> None:
        heard.append(("reacting", commit.index))
        if commit.index < 3:
            create(store, Kind.SERVICE, service(f"{commit.index}r", f"r{commit.index}"))

    store.watch(reacting)
    store.watch(lambda c: heard.append(("second", c.index)))
    create(store, Kind.SERVICE, service("1", "a"))
    settle(store)
    assert heard == [(who, index) for index in (1, 2, 3) for who in ("reacting", "second")]


def test_a_watcher_that_raises_does_not_silence_the_store(store: Store) -> None:
    heard: list[int] = []

    def failing(commit: Commit) -> None:
        if commit.index == 1:
            raise ZeroDivisionError
        heard.append(commit.index)

    store.watch(failing)
    create(store, Kind.SERVICE, service("1", "a"))
    create(store, Kind.SERVICE, service("2", "b"))
    with pytest.raises(ZeroDivisionError):
        settle(store)
    settle(store)
    assert heard == [2]


def test_a_watch_that_ended_hears_nothing_more(store: Store) -> None:
    heard: list[int] = []
    unwatch = store.watch(lambda c: heard.append(c.index))
    create(store, Kind.SERVICE, service("1", "a"))
    settle(store)
    create(store, Kind.SERVICE, service("2", "b"))
    unwatch()
    unwatch()
    settle(store)
    assert heard == [1]


def test_a_watcher_does_not_hear_of_what_it_could_read_when_it_began(store: Store) -> None:
    create(store, Kind.SERVICE, service("1", "a"))
    heard: list[int] = []
    store.watch(lambda c: heard.append(c.index))
    create(store, Kind.SERVICE, service("2", "b"))
    settle(store)
    assert heard == [2]


def test_a_watch_that_ends_during_a_delivery_hears_nothing_of_the_next(store: Store) -> None:
    heard: list[int] = []

    def once(commit: Commit) -> None:
        heard.append(commit.index)
        unwatch()

    unwatch = store.watch(once)
    create(store, Kind.SERVICE, service("1", "a"))
    create(store, Kind.SERVICE, service("2", "b"))
    settle(store)
    assert heard == [1]


def test_a_commit_says_who_asked(store: Store) -> None:
    heard: list[Commit] = []
    store.watch(heard.append)
    create(store, Kind.SERVICE, service("1", "a"))
    asked = Actor(engine="node-1", request="POST /services/create", client="docker")
    with store.transaction(asked) as tx:
        tx.create(Kind.SERVICE, service("2", "b"))
    settle(store)
    assert [c.actor for c in heard] == [Actor(loop="test"), asked]
    assert {c.scope for c in heard} == {"test"}


# --- indices ---------------------------------------------------------------------------------------------------------


def test_tasks_are_found_by_service_node_and_slot(store: Store) -> None:
    create(store, Kind.TASK, task("1"), task("2"), task("3", slot=2, node_id="n"), task("g", slot=0, node_id="n"))
    tasks = store.tables.tasks
    assert [t.id for t in tasks.by("service", "s")] == ["1", "2", "3", "g"]
    assert [t.id for t in tasks.by("node", "n")] == ["3", "g"]
    assert [t.id for t in tasks.by("slot", ("s", 1, ""))] == ["1", "2"]
    assert [t.id for t in tasks.by("slot", ("s", 0, "n"))] == ["g"]
    assert tasks.count("service", "s") == 4
    with store.transaction("test") as tx:
        for object_id in ("1", "2", "3", "g"):
            tx.delete(Kind.TASK, object_id)
    assert tasks.keys("service") == []


def test_iterating_is_not_disturbed_by_writes(store: Store) -> None:
    create(store, Kind.TASK, task("1"), task("2"))
    seen = []
    with store.transaction("test") as tx:
        for each in tx.tables.tasks:
            seen.append(each.id)
            tx.delete(Kind.TASK, each.id)
            tx.create(Kind.TASK, task(f"{each.id}b"))
    assert seen == ["1", "2"]
