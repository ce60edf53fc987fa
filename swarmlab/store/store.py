"""Transactions over the tables, and the events that follow them."""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar, cast

import msgspec

from swarmlab.clock import Clock
from swarmlab.objects import Object
from swarmlab.objects.volume import ClusterVolume
from swarmlab.store.commit import Actor, Change, Commit, Kind
from swarmlab.store.errors import AlreadyExistsError, NameConflictError, NotExistError, SequenceConflictError
from swarmlab.store.tables import UNIQUE_NAMES, Tables

T = TypeVar("T", bound=Object)
Watcher = Callable[[Commit], None]
#: Receives every commit before anyone else does; what it raises undoes the transaction.
Sink = Callable[[Commit], None]


class Transaction:
    """A write transaction in progress. Objects are immutable; a write replaces one and gives it the new version."""

    def __init__(self, store: "Store", index: int, at: int) -> None:
        self.tables = store.tables
        self.at = at
        self._index = index
        self._changes: list[Change] = []

    @property
    def changes(self) -> tuple[Change, ...]:
        """What was done so far."""
        return tuple(self._changes)

    def create(self, kind: Kind, new: T) -> T:
        """Add an object; return it as stored. Raises AlreadyExistsError, NameConflictError."""
        table = self.tables.of(kind)
        if new.id in table:
            raise AlreadyExistsError
        self._check_name(kind, new)
        created = msgspec.structs.replace(
            new, version=self._index, created_at=new.created_at or self.at, updated_at=self.at
        )
        self._put(kind, None, created)
        return created

    def update(self, kind: Kind, new: T) -> T:
        """Replace an object; return it as stored.

        Raises NotExistError, NameConflictError, and SequenceConflictError when `new` does not carry the stored version.
        """
        old = self.tables.of(kind).get(new.id)
        if old is None:
            raise NotExistError
        if old.version not in {new.version, self._index}:
            raise SequenceConflictError
        self._check_name(kind, new)
        updated = msgspec.structs.replace(new, version=self._index, updated_at=self.at)
        self._put(kind, old, updated)
        return updated

    def delete(self, kind: Kind, object_id: str) -> None:
        """Remove an object. Raises NotExistError."""
        old = self.tables.of(kind).get(object_id)
        if old is None:
            raise NotExistError
        self._put(kind, old, None)

    def undo(self) -> None:
        """Take everything back. For the store only."""
        for change in reversed(self._changes):
            self.tables.of(change.kind).put(change.old, change.new)
        self._changes.clear()

    def _put(self, kind: Kind, old: Object | None, new: Object | None) -> None:
        self.tables.of(kind).put(new, old)
        self._changes.append(Change(kind, old, new))

    def _check_name(self, kind: Kind, new: Object) -> None:
        if kind in UNIQUE_NAMES:
            named = new if isinstance(new, ClusterVolume) else new.spec  # type: ignore[attr-defined]
            name = cast("str", named.name)
            if any(other.id != new.id for other in self.tables.of(kind).by("name", name.lower())):
                raise NameConflictError


class Store:
    """The objects of one swarm. Reads are direct (`store.tables`), writes go through `transaction`.

    `Version.Index` of an object is the index of the transaction that wrote it last: global, growing, shared by all
    objects of one transaction. Watchers are told of commits in order, after the committing caller has returned to the
    clock, so a control loop never runs inside another's transaction.
    """

    def __init__(self, clock: Clock, scope: str = "", sink: Sink | None = None, tables: Tables | None = None) -> None:
        self.clock = clock
        self.scope = scope
        self.tables = tables if tables is not None else Tables()
        self.index = 0
        self._sink = sink
        #: By a key of its own: the watcher, its kinds, and the last commit that it does not hear of.
        self._watchers: dict[object, tuple[Watcher, frozenset[Kind], int]] = {}
        self._pending: deque[Commit] = deque()
        self._delivering = False
        self._open = False

    @contextmanager
    def transaction(self, actor: Actor | str) -> Iterator[Transaction]:
        """All or nothing: whatever the block raises undoes it. `actor` is who asks; a string names a control loop."""
        if self._open:
            raise RuntimeError("a transaction is already open")
        self._open = True
        tx = Transaction(self, self.index + 1, self.clock.now())
        try:
            yield tx
            if tx.changes:
                who = Actor(loop=actor) if isinstance(actor, str) else actor
                commit = Commit(self.scope, self.index + 1, tx.at, who, tx.changes)
                if self._sink is not None:
                    self._sink(commit)
                self.index += 1
                self._publish(commit)
        except BaseException:
            tx.undo()
            raise
        finally:
            self._open = False

    def watch(self, watcher: Watcher, *kinds: Kind) -> Callable[[], None]:
        """Call `watcher` with each later commit that changes one of `kinds`, and with those changes only (all if none).

        What the caller can read now is no news to it, even where others have yet to be told. Returns a function that
        ends it; commits not delivered by then are not delivered any more.
        """
        key = object()
        self._watchers[key] = (watcher, frozenset(kinds), self.index)
        return lambda: self._watchers.pop(key, None) and None

    def restore(self, index: int, objects: Iterator[tuple[Kind, Object]]) -> None:
        """Fill an empty store with objects as the journal has them. Nobody is told."""
        for kind, obj in objects:
            self.tables.of(kind).put(obj, None)
        self.index = index

    def _publish(self, commit: Commit) -> None:
        self._pending.append(commit)
        if not self._delivering:
            self._delivering = True
            self.clock.call_soon(self._deliver)

    def _deliver(self) -> None:
        commit = self._pending.popleft()
        touched = {change.kind for change in commit.changes}
        # Ask for the next delivery first: a watcher that raises must not stop the others' news for ever.
        if self._pending:
            self.clock.call_soon(self._deliver)
        else:
            self._delivering = False
        for watcher, kinds, known in list(self._watchers.values()):
            if commit.index <= known:
                continue
            if not kinds or touched <= kinds:
                watcher(commit)
            elif kinds & touched:
                watcher(commit._replace(changes=tuple(c for c in commit.changes if c.kind in kinds)))
