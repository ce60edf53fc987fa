"""Reading a journal from outside."""

from pathlib import Path

import msgspec
import pytest

from swarmlab.journal import Journal, JournalReader, Request, Seal
from swarmlab.objects import BlobSpec, Secret, Service, Task, TaskState, TaskStatus
from swarmlab.store import Actor, Kind
from tests.support.specs import restart, service_spec

from .conftest import Book

replace = msgspec.structs.replace
S = TaskState


def test_there_must_be_a_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        JournalReader(tmp_path / "none")


def test_changes_come_in_order_with_the_whole_object_before_and_after(book: Book) -> None:
    service = Service(id="s", spec=service_spec("web", 1))
    asked = Actor(engine="node-1", request="POST /services/create", client="docker/28")
    with book.store.transaction(asked) as tx:
        created = tx.create(Kind.SERVICE, service)
    born = book.clock.now()
    book.clock.advance(2)
    with book.store.transaction("scheduler") as tx:
        tx.update(Kind.SERVICE, replace(created, spec_version=7))
        tx.create(Kind.TASK, Task(id="t", spec=service.spec.task_template, service_id="s"))
    with book.store.transaction("task reaper") as tx:
        tx.delete(Kind.TASK, "t")
    with JournalReader(book.path) as reader:
        first, second, third = reader.entries()
        assert reader.last_seq() == 3
    assert (first.seq, first.scope, first.index, first.at) == (1, "swarm", 1, born)
    assert first.actor == {"engine": "node-1", "request": "POST /services/create", "client": "docker/28"}
    [change] = first.changes
    assert (change.operation, change.kind, change.id, change.old) == ("create", "service", "s", None)
    assert change.new is not None
    assert (change.new["Spec"]["Name"], change.new["Version"]) == ("web", 1)
    assert second.actor == {"loop": "scheduler"}
    updated, made = second.changes
    assert updated.old == change.new
    assert updated.new == {**change.new, "SpecVersion": 7, "Version": 2, "UpdatedAt": book.clock.now()}
    assert (made.operation, made.id) == ("create", "t")
    [gone] = third.changes
    assert (gone.operation, gone.old, gone.new) == ("delete", made.new, None)


def test_states_are_words_also_where_they_are_the_default(book: Book) -> None:
    spec = service_spec(policy=restart("none")).task_template
    with book.store.transaction("test") as tx:
        made = tx.create(Kind.TASK, Task(id="t", spec=spec, service_id="s", slot=1))
    steps = [
        (replace(made, status=TaskStatus(state=S.PENDING), desired_state=S.READY)),
        (replace(made, status=TaskStatus(state=S.RUNNING), desired_state=S.RUNNING)),
        (replace(made, status=TaskStatus(state=S.NEW), desired_state=S.SHUTDOWN)),
    ]
    for step in steps:
        with book.store.transaction("test") as tx:
            known = tx.tables.tasks.get("t")
            assert known is not None
            tx.update(Kind.TASK, replace(step, version=known.version))
    with JournalReader(book.path) as reader:
        seen = [c.new for e in reader.entries() for c in e.changes]
    assert [(new["Status"]["State"], new["DesiredState"]) for new in seen if new is not None] == [
        ("new", "running"),
        ("pending", "ready"),
        ("running", "running"),
        ("new", "shutdown"),
    ]


def test_secrets_stay_sealed(book: Book) -> None:
    with book.store.transaction("test") as tx:
        tx.create(Kind.SECRET, Secret(id="s", spec=BlobSpec(name="password", data="c2VjcmV0")))
    with JournalReader(book.path) as reader:
        [entry] = reader.entries()
    new = entry.changes[0].new
    assert new is not None
    assert new["Spec"]["Name"] == "password"
    assert new["Spec"]["Data"].startswith("sealed:")


def test_a_reader_sees_what_is_there_at_the_moment_of_the_call(book: Book) -> None:
    with JournalReader(book.path) as reader:
        assert reader.last_seq() == 0
        with book.store.transaction("test") as tx:
            tx.create(Kind.SERVICE, Service(id="s", spec=service_spec()))
        assert reader.last_seq() == 1
        assert [e.seq for e in reader.entries()] == [1]
        book.journal.set_meta("name", "lab")
        assert reader.meta()["name"] == "lab"


def test_requests_tell_when_and_by_whom(book: Book) -> None:
    call = Request("node-1", "POST", "/services/create", "a=b", 201, "docker/28")
    first = book.clock.now()
    book.journal.request(first, call)
    book.journal.request(first + 5, call)
    with JournalReader(book.path) as reader:
        [noted] = reader.requests()
    assert (noted.at, noted.last_at, noted.times, noted.engine) == (first, first + 5, 2, "node-1")
    assert (noted.method, noted.path, noted.query, noted.status, noted.client) == call[1:]


def test_every_journal_has_an_id_of_its_own_and_keeps_it(tmp_path: Path) -> None:
    def opened(name: str) -> str:
        Journal(tmp_path / name, Seal(tmp_path / "key")).close()
        with JournalReader(tmp_path / name) as reader:
            return reader.meta()["id"]

    first = opened("one.sqlite")

    assert opened("one.sqlite") == first
    assert opened("two.sqlite") != first
