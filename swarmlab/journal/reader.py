"""Reading a journal: the one public way to learn what happened in a lab.

Needs nothing but the file. A reader may work while the lab writes; it then sees everything up to the moment of the
call.
"""

import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from swarmlab.objects import TaskState

Fields = Mapping[str, Any]


class ChangeRecord(NamedTuple):
    """One object before and after, as JSON objects with the Engine API's names.

    `operation` is `create`, `update` or `delete`. Instants are Unix nanoseconds, task states are the API's words.
    Secret values are encrypted.
    """

    operation: str
    kind: str
    id: str
    old: Fields | None
    new: Fields | None


class Entry(NamedTuple):
    """One transaction.

    `at` is Unix nanoseconds of swarm time; `actor` has `loop`, or `engine`, `request` and `client`.
    """

    seq: int
    scope: str
    index: int  # type: ignore[assignment]  # hides tuple.index, which nobody calls
    at: int
    actor: Fields
    changes: tuple[ChangeRecord, ...]


class RequestRecord(NamedTuple):
    """A call that a client made, `times` times between `at` and `last_at`, while the last transaction was `after`.

    `path` has no version prefix; `client` is the User-Agent; `query` is the raw query string.
    """

    after: int
    at: int
    last_at: int
    times: int
    engine: str
    method: str
    path: str
    query: str
    status: int
    client: str


class JournalReader:
    """A journal file, open for reading. Use as a context manager or call `close`.

    Raises FileNotFoundError when there is no such file.
    """

    def __init__(self, path: Path) -> None:
        if not path.exists():
            raise FileNotFoundError(path)
        self._db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)

    def __enter__(self) -> "JournalReader":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def entries(self) -> Iterator[Entry]:
        """Every transaction from the first on, in order, each change with the whole object before and after."""
        state: dict[tuple[str, str, str], dict[str, Any]] = {}
        rows = self._db.execute("SELECT seq, scope, idx, at, actor, changes FROM commits ORDER BY seq")
        for seq, scope, index, at, actor, changes in rows:
            records = []
            for operation, kind, object_id, *fields in msgspec.json.decode(changes):
                key = (scope, kind, object_id)
                old = state.get(key)
                if operation == "d":
                    state.pop(key, None)
                    records.append(ChangeRecord("delete", kind, object_id, old, None))
                    continue
                new = {**(old or {}), **_readable(operation, kind, fields[0]), "Version": index, "UpdatedAt": at}
                state[key] = new
                records.append(ChangeRecord("update" if old else "create", kind, object_id, old, new))
            yield Entry(seq, scope, index, at, msgspec.json.decode(actor), tuple(records))

    def requests(self) -> Iterator[RequestRecord]:
        """Every call that was made, in order."""
        rows = self._db.execute(
            "SELECT after, at, last_at, times, engine, method, path, query, status, client FROM requests ORDER BY id"
        )
        return (RequestRecord(*row) for row in rows)

    def meta(self) -> dict[str, str]:
        """Facts about the lab, such as its name."""
        return dict(self._db.execute("SELECT key, value FROM meta"))

    def last_seq(self) -> int:
        """The number of the last transaction; 0 when nothing has happened."""
        return int(self._db.execute("SELECT coalesce(max(seq), 0) FROM commits").fetchone()[0])


def _readable(operation: str, kind: str, fields: dict[str, Any]) -> dict[str, Any]:
    """Fields with task states as words, also where the writer left out the default."""
    if kind != "task":
        return fields
    if operation == "c":
        fields = {"DesiredState": TaskState.RUNNING, "Status": {}, **fields}
    if fields.get("DesiredState") is not None:
        fields["DesiredState"] = TaskState(fields["DesiredState"]).text
    if fields.get("Status") is not None:
        fields["Status"]["State"] = TaskState(fields["Status"].get("State", TaskState.NEW)).text
    return fields
