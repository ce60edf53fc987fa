"""What is written is what is found again."""

import sqlite3
import stat
from base64 import b64encode

import msgspec
import pytest
from cryptography.fernet import InvalidToken
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from swarmlab.journal import Journal, JournalReader, Request, Seal
from swarmlab.manager.ca import new_root_ca, unlock_key
from swarmlab.objects import (
    BlobSpec,
    Cluster,
    ClusterSpec,
    Config,
    Object,
    Secret,
    Service,
    Task,
    TaskState,
    TaskStatus,
)
from swarmlab.objects.local import Container, Engine, Membership
from swarmlab.store import Kind, NotExistError, Store
from tests.support.specs import GLOBAL, ingress, restart, service_spec, spread, update

from .conftest import Book

replace = msgspec.structs.replace


def contents(store: Store) -> tuple[int, dict[Kind, dict[str, object]]]:
    return store.index, {kind: {o.id: o for o in store.tables.of(kind)} for kind in Kind}


def put(store: Store, kind: Kind, obj: Object) -> None:
    with store.transaction("test") as tx:
        known = tx.tables.of(kind).get(obj.id)
        if known is None:
            tx.create(kind, obj)
        else:
            tx.update(kind, replace(obj, version=known.version))


# --- fold ------------------------------------------------------------------------------------------------------------

SPECS = [
    service_spec("a", 3, ports=(ingress(80, 8080),), labels={"k": "v"}),
    service_spec("b", GLOBAL, constraints=("node.role == worker",), policy=restart("none", 2.5, 3, 60)),
    service_spec("c", 0, preferences=spread("node.labels.x"), update_config=update(0, ratio=0.3), cpus=0.5),
]
KEYS = st.sampled_from(["1", "2", "3"])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("service"), KEYS, st.integers(0, 2), st.booleans()),
        st.tuples(st.just("task"), KEYS, st.sampled_from(list(TaskState)), st.text(max_size=5)),
        st.tuples(st.just("delete"), st.sampled_from([Kind.SERVICE, Kind.TASK, Kind.SECRET]), KEYS, st.none()),
        st.tuples(st.just("secret"), KEYS, st.binary(min_size=1, max_size=8), st.none()),
        st.tuples(st.just("several"), KEYS, st.none(), st.none()),
        st.tuples(st.sampled_from(["crash", "snapshot", "fail"]), st.none(), st.none(), st.none()),
    ),
    max_size=25,
)


def play(book: Book, step: tuple[str, object, object, object]) -> None:
    what, key, value, extra = step
    store = book.store
    book.clock.advance(0.25)
    if what == "service":
        known = store.tables.services.get(str(key))
        spec = replace(SPECS[int(str(value))], name=f"s{key}")
        previous = known.spec if known is not None and extra else None
        put(store, Kind.SERVICE, Service(id=str(key), spec=spec, previous_spec=previous, spec_version=store.index))
    elif what == "task":
        assert isinstance(value, TaskState)
        status = TaskStatus(state=value, err=str(extra), timestamp=book.clock.now())
        desired = TaskState.READY if extra else TaskState.RUNNING
        put(store, Kind.TASK, Task(id=str(key), spec=SPECS[0].task_template, status=status, desired_state=desired))
    elif what == "secret":
        assert isinstance(value, bytes)
        put(store, Kind.SECRET, Secret(id=str(key), spec=BlobSpec(name=f"n{key}", data=b64encode(value).decode())))
    elif what == "delete":
        assert isinstance(key, Kind)
        if str(value) in store.tables.of(key):
            with store.transaction("test") as tx:
                tx.delete(key, str(value))
    elif what == "several":
        with store.transaction("test") as tx:
            for number in range(3):
                object_id = f"{key}-{number}-{store.index}"
                tx.create(Kind.CONFIG, Config(id=object_id, spec=BlobSpec(name=object_id, data="eA==")))
    elif what == "fail":
        with pytest.raises(NotExistError), store.transaction("test") as tx:  # noqa: PT012
            tx.create(Kind.CONFIG, Config(id="never", spec=BlobSpec(name="never")))
            tx.delete(Kind.CONFIG, "nobody")
    elif what == "snapshot":
        book.journal.snapshot(store)
    else:
        before = contents(store)
        assert contents(book.reopen()) == before


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(steps=STEPS)
def test_after_a_crash_at_any_commit_the_store_is_what_it_was(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, object, object, object]]
) -> None:
    book = Book(tmp_path_factory.mktemp("book"))
    for step in [*steps, ("crash", None, None, None)]:
        play(book, step)
    book.journal.close()


def test_an_empty_journal_gives_an_empty_store(book: Book) -> None:
    assert contents(book.reopen()) == (0, {kind: {} for kind in Kind})
    assert book.journal.last_instant() == 0


def test_versions_go_on_after_a_restart(book: Book) -> None:
    put(book.store, Kind.SERVICE, Service(id="1", spec=SPECS[0]))
    store = book.reopen()
    put(store, Kind.SERVICE, Service(id="2", spec=SPECS[1]))
    assert [s.version for s in store.tables.services] == [1, 2]


def test_what_a_transaction_changed_back_to_the_default_stays_so(book: Book) -> None:
    put(book.store, Kind.SERVICE, Service(id="1", spec=SPECS[0], previous_spec=SPECS[1], previous_spec_version=4))
    put(book.store, Kind.SERVICE, Service(id="1", spec=SPECS[0]))
    found = book.reopen().tables.services.get("1")
    assert found is not None
    assert (found.previous_spec, found.previous_spec_version) == (None, 0)


def test_scopes_are_kept_apart(book: Book) -> None:
    put(book.store, Kind.SERVICE, Service(id="1", spec=SPECS[0]))
    engine = book.fresh("engine:node-1")
    member = Membership(swarm="swarm", node_id="n")
    put(engine, Kind.ENGINE, Engine(id="e", name="node-1", membership=member))
    put(engine, Kind.CONTAINER, Container(id="c", name="web.1", image="nginx"))
    before = contents(engine)
    assert len(book.reopen().tables.services) == 1
    assert contents(book.reopen("engine:node-1")) == before
    assert book.journal.last_instant() == book.clock.now()


def test_a_snapshot_shortens_the_fold_and_changes_nothing(book: Book) -> None:
    for number in range(5):
        put(book.store, Kind.SERVICE, Service(id=str(number), spec=replace(SPECS[0], name=f"s{number}")))
    book.journal.snapshot(book.store)
    put(book.store, Kind.SERVICE, Service(id="0", spec=replace(SPECS[1], name="s0")))
    with book.store.transaction("test") as tx:
        tx.delete(Kind.SERVICE, "4")
    before = contents(book.store)
    # What the snapshot covers is not read any more.
    with sqlite3.connect(book.path) as db:
        db.execute("DELETE FROM commits WHERE idx <= 5")
    db.close()
    assert contents(book.reopen()) == before


def test_a_snapshot_is_due_after_many_commits(book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("swarmlab.journal.writer.SNAPSHOT_INTERVAL", 3)
    for number in range(3):
        assert not book.journal.snapshot_due("swarm")
        put(book.store, Kind.SERVICE, Service(id=str(number), spec=replace(SPECS[0], name=f"s{number}")))
    assert book.journal.snapshot_due("swarm")
    assert not book.journal.snapshot_due("engine:node-1")
    book.journal.snapshot(book.store)
    assert not book.journal.snapshot_due("swarm")


def test_what_cannot_be_written_does_not_happen(book: Book) -> None:
    book.journal.close()
    with pytest.raises(sqlite3.ProgrammingError):
        put(book.store, Kind.SERVICE, Service(id="1", spec=SPECS[0]))
    assert contents(book.store) == (0, {kind: {} for kind in Kind})


def test_facts_about_the_lab_are_kept(book: Book) -> None:
    assert book.journal.meta("name") is None
    book.journal.set_meta("name", "first")
    book.journal.set_meta("name", "second")
    book.reopen()
    assert (book.journal.meta("name"), book.journal.meta("format")) == ("second", "1")


# --- secrecy ---------------------------------------------------------------------------------------------------------


def test_nothing_secret_can_be_read_in_the_file(book: Book) -> None:
    password = b"correct horse battery staple"
    data = b64encode(password).decode()
    root_ca = new_root_ca(book.clock.now())
    key = unlock_key()
    put(book.store, Kind.CLUSTER, Cluster(id="c", spec=ClusterSpec(), root_ca=root_ca, unlock_key=key))
    put(book.store, Kind.SECRET, Secret(id="s", spec=BlobSpec(name="password", data=data)))
    put(book.store, Kind.SECRET, Secret(id="s", spec=BlobSpec(name="password", data=data, labels={"a": "b"})))
    put(book.store, Kind.CONFIG, Config(id="f", spec=BlobSpec(name="site", data=b64encode(b"listen 80").decode())))
    put(book.store, Kind.CLUSTER, Cluster(id="c", spec=ClusterSpec(), root_ca=root_ca, unlock_key=key, subnet_size=25))
    book.journal.snapshot(book.store)
    written = book.bytes()
    private = "".join(root_ca.key.splitlines()[1:-1])
    for text in (data, password.decode(), key, root_ca.join_tokens.worker, root_ca.join_tokens.manager, private[:40]):
        assert text.encode() not in written
    assert b"PRIVATE KEY" not in written
    assert b64encode(b"listen 80") in written, "the search finds what is not secret"
    store = book.reopen()
    secret, cluster = store.tables.secrets.get("s"), store.tables.clusters.get("c")
    assert secret is not None
    assert cluster is not None
    assert (secret.spec.data, secret.spec.labels) == (data, {"a": "b"})
    assert (cluster.root_ca, cluster.unlock_key, cluster.subnet_size) == (root_ca, key, 25)


def test_the_files_are_the_owners_alone(book: Book) -> None:
    assert [stat.S_IMODE(p.stat().st_mode) for p in (book.path, book.key)] == [0o600, 0o600]


def test_another_key_opens_nothing(book: Book) -> None:
    put(book.store, Kind.SECRET, Secret(id="s", spec=BlobSpec(name="n", data="eA==")))
    book.journal.close()
    book.key.unlink()
    journal = Journal(book.path, Seal(book.key))
    with pytest.raises(InvalidToken):
        journal.restore(Store(book.clock, "swarm"))
    journal.close()


def test_a_key_that_is_there_is_kept(book: Book) -> None:
    sealed = Seal(book.key).close("text")
    assert sealed != "text"
    assert Seal(book.key).open(sealed) == "text"
    assert Seal(book.key).close("") == ""
    assert not list(book.key.parent.glob("*.new"))


# --- requests --------------------------------------------------------------------------------------------------------


def requests(book: Book) -> list[tuple[str, int, int]]:
    with JournalReader(book.path) as reader:
        return [(r.path, r.times, r.after) for r in reader.requests()]


def ask(book: Book, path: str, *, status: int = 200) -> None:
    book.clock.advance(1)
    book.journal.request(book.clock.now(), Request("node-1", "GET", path, "", status, "docker"))


def test_a_call_that_repeats_while_nothing_happens_is_counted(book: Book) -> None:
    for path in ("/services", "/tasks", "/services", "/services"):
        ask(book, path)
    assert requests(book) == [("/services", 3, 0), ("/tasks", 1, 0)]


def test_a_change_in_between_begins_a_new_row(book: Book) -> None:
    ask(book, "/services")
    put(book.store, Kind.SERVICE, Service(id="1", spec=SPECS[0]))
    ask(book, "/services")
    ask(book, "/services")
    assert requests(book) == [("/services", 1, 0), ("/services", 2, 1)]


def test_another_answer_is_another_call(book: Book) -> None:
    ask(book, "/services")
    ask(book, "/services", status=503)
    assert [times for _, times, _ in requests(book)] == [1, 1]


def test_very_many_different_calls_are_all_noted(book: Book) -> None:
    for number in range(300):
        ask(book, f"/services/{number}")
    ask(book, "/services/0")
    ask(book, "/services/299")
    noted = requests(book)
    assert len(noted) == 301
    assert noted[299] == ("/services/299", 2, 0)


def test_tasks_share_their_spec_after_a_restart_as_before_it(book: Book) -> None:
    first, second = (service_spec(image=image).task_template for image in ("nginx", "redis"))
    with book.store.transaction("test") as tx:
        for name, spec in (("a", first), ("b", first), ("c", second)):
            tx.create(Kind.TASK, Task(id=name, spec=spec))
    a, b, c = book.reopen().tables.tasks
    assert ([a.id, b.id, c.id], a.spec is b.spec) == (["a", "b", "c"], True)
    assert (a.spec, c.spec) == (first, second)
