"""Writing the journal, and rebuilding stores from it."""

import sqlite3
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, cast

import msgspec

from swarmlab.journal.chain import begin_chain, link
from swarmlab.journal.schema import FORMAT, PORTS_FROM, SCHEMA
from swarmlab.journal.seal import Seal
from swarmlab.objects import Cluster, Config, Network, Node, Object, Secret, Service, Task
from swarmlab.objects.local import Container, Engine, LocalImage, LocalNetwork, Overlay, Port, Volume
from swarmlab.objects.volume import ClusterVolume
from swarmlab.store import Commit, Kind, Store

S = TypeVar("S")
_TYPES: dict[Kind, type[Object]] = {
    Kind.CLUSTER: Cluster, Kind.NODE: Node, Kind.SERVICE: Service, Kind.TASK: Task, Kind.NETWORK: Network,
    Kind.SECRET: Secret, Kind.CONFIG: Config, Kind.ENGINE: Engine, Kind.CONTAINER: Container,
    Kind.CLUSTER_VOLUME: ClusterVolume,
    Kind.IMAGE: LocalImage,
    Kind.VOLUME: Volume,
    Kind.LOCAL_NETWORK: LocalNetwork,
    Kind.OVERLAY: Overlay,
    Kind.PORT: Port,
}  # fmt: skip
#: How many commits of a scope may follow its snapshot before a new one is due.
SNAPSHOT_INTERVAL = 10_000
#: How many different calls are remembered for counting repetitions.
_RECENT = 256


class Request(NamedTuple):
    """One call of a client: the engine's name, method, path without version prefix, query, status, User-Agent."""

    engine: str
    method: str
    path: str
    query: str
    status: int
    client: str


class Journal:
    """The journal of one lab, open for writing. Only one process may have it open so.

    A commit is in the operating system's hands when `append` returns: killing the process loses nothing.
    """

    def __init__(self, path: Path, seal: Seal) -> None:
        self._db = sqlite3.connect(path, isolation_level=None)
        path.chmod(0o600)
        self._db.execute("PRAGMA journal_mode = WAL")
        # Survives the process's death; only a power cut may lose the last moments, never the file's integrity.
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.executescript(SCHEMA)
        self._db.execute("INSERT OR IGNORE INTO meta VALUES ('format', ?)", (str(FORMAT),))
        self._seal = seal
        self._seq, self._link = begin_chain(self._db)
        self._recent: dict[Request, tuple[int, int]] = {}

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def meta(self, key: str) -> str | None:
        """A fact about the lab, as last set."""
        row = self._db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return str(row[0]) if row else None

    def set_meta(self, key: str, value: str) -> None:
        """Remember a fact about the lab."""
        self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    def tells_of_ports(self) -> None:
        """From the next transaction on, if not before, it is written which published ports answer."""
        self._db.execute("INSERT OR IGNORE INTO meta VALUES (?, ?)", (PORTS_FROM, str(self._seq + 1)))

    def append(self, commit: Commit) -> None:
        """Write one transaction. Raises sqlite3.Error, and then the transaction must not take place."""
        changes: list[tuple[object, ...]] = []
        for kind, old, new in commit.changes:
            if new is None:
                assert old is not None
                changes.append(("d", kind, old.id))
            elif old is None:
                changes.append(("c", kind, new.id, self._seal.sealed(new)))
            else:
                changes.append(("u", kind, new.id, _difference(old, new, self._seal.sealed(new))))
        actor, text = msgspec.json.encode(commit.actor).decode(), msgspec.json.encode(changes).decode()
        row = (self._seq + 1, commit.scope, commit.index, commit.at, actor, text)
        following = link(self._link, row)
        self._db.execute("INSERT INTO commits VALUES (?, ?, ?, ?, ?, ?, ?)", (*row, following))
        self._seq, self._link = row[0], following

    def request(self, at: int, request: Request) -> None:
        """Note a call at `at` (Unix nanoseconds), or count it if it repeats one and nothing happened since."""
        known = self._recent.get(request)
        if known is not None and known[1] == self._seq:
            self._db.execute("UPDATE requests SET times = times + 1, last_at = ? WHERE id = ?", (at, known[0]))
            return
        row = self._db.execute(
            "INSERT INTO requests (after, at, last_at, times, engine, method, path, query, status, client) "
            "VALUES (?, ?, ?, 1, ?, ?, ?, ?, ?, ?)",
            (self._seq, at, at, *request),
        )
        assert row.lastrowid is not None
        if len(self._recent) >= _RECENT:
            self._recent.pop(next(iter(self._recent)))
        self._recent[request] = (row.lastrowid, self._seq)

    def restore(self, store: Store) -> None:
        """Fill an empty store with what the journal holds of its scope."""
        index, objects = self._fold(store.scope)
        store.restore(index, iter(objects))

    def snapshot(self, store: Store) -> None:
        """Shorten the next restart: write down all objects of a store as they are now."""
        objects = [(kind, self._seal.sealed(obj)) for kind in Kind for obj in store.tables.of(kind)]
        self._db.execute(
            "INSERT OR REPLACE INTO snapshots VALUES (?, ?, ?, ?)",
            (store.scope, self._seq, store.index, msgspec.json.encode(objects).decode()),
        )

    def snapshot_due(self, scope: str) -> bool:
        """Whether many commits of the scope have followed its last snapshot."""
        row = self._db.execute(
            "SELECT count(*) FROM commits WHERE scope = :scope "
            "AND seq > coalesce((SELECT seq FROM snapshots WHERE scope = :scope), 0)",
            {"scope": scope},
        ).fetchone()
        return int(row[0]) >= SNAPSHOT_INTERVAL

    def last_instant(self) -> int:
        """The instant of the last commit in Unix nanoseconds, 0 if there is none."""
        row = self._db.execute("SELECT max(at) FROM commits").fetchone()
        return row[0] or 0

    def _fold(self, scope: str) -> tuple[int, list[tuple[Kind, Object]]]:
        seq, index, snapshot = 0, 0, "[]"
        row = self._db.execute("SELECT seq, idx, objects FROM snapshots WHERE scope = ?", (scope,)).fetchone()
        if row:
            seq, index, snapshot = row
        found: dict[tuple[str, str], dict[str, object]] = {(k, o["ID"]): o for k, o in msgspec.json.decode(snapshot)}
        for idx, at, text in self._rows(scope, seq):
            index = idx
            for operation, kind, object_id, *fields in msgspec.json.decode(text):
                if operation == "d":
                    del found[kind, object_id]
                    continue
                found.setdefault((kind, object_id), {}).update(fields[0], Version=idx, UpdatedAt=at)
        objects = []
        sharing = _Sharing()
        while found:
            # One after the other: the form they had in the file takes several times as much memory.
            (name, _), fields = found.popitem()
            kind = Kind(name)
            present = {k: v for k, v in fields.items() if v is not None}
            objects.append((kind, sharing.shared(self._seal.opened(msgspec.convert(present, _TYPES[kind])))))
        objects.reverse()
        return index, objects

    def _rows(self, scope: str, seq: int) -> Iterator[tuple[int, int, str]]:
        return iter(
            self._db.execute(
                "SELECT idx, at, changes FROM commits WHERE scope = ? AND seq > ? ORDER BY seq", (scope, seq)
            ).fetchall()
        )


class _Sharing:
    """Lets objects have in common what they had in common when they were made: thousands of tasks share one spec."""

    def __init__(self) -> None:
        self._known: dict[bytes, Any] = {}

    def shared(self, obj: Object) -> Object:
        """The object with each such part replaced by an equal one that was seen before."""
        replace = msgspec.structs.replace
        if isinstance(obj, Task):
            return replace(obj, spec=self._one(obj.spec), endpoint=self._one(obj.endpoint))
        if isinstance(obj, Service):
            return replace(obj, spec=replace(obj.spec, task_template=self._one(obj.spec.task_template)))
        if isinstance(obj, Node):
            engine, tls = self._one(obj.description.engine), self._one(obj.description.tls_info)
            return replace(obj, description=replace(obj.description, engine=engine, tls_info=tls))
        return obj

    def _one(self, part: S) -> S:
        key = type(part).__name__.encode() + msgspec.json.encode(part)
        return cast("S", self._known.setdefault(key, part))


def _difference(old: Object, new: Object, sealed: Object) -> dict[str, object]:
    """The top-level fields that differ, by wire name. Every update sets version and instant, so those are left out."""
    astuple = msgspec.structs.astuple
    fields: dict[str, object] = {}
    # Most fields are the same object before and after: that is found out without comparing trees.
    for (name, encoded), before, after in zip(_field_names(type(new)), astuple(old), astuple(new), strict=True):
        if before is not after and name not in _ALWAYS_CHANGED and before != after:
            fields[encoded] = getattr(sealed, name)
    return fields


_ALWAYS_CHANGED = frozenset({"version", "updated_at"})


@cache
def _field_names(kind: type[Object]) -> list[tuple[str, str]]:
    return [(field.name, field.encode_name) for field in msgspec.structs.fields(kind)]
