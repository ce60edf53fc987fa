"""What happened in a lab: transactions and the commands that people asked in between."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import msgspec

from checker.reads import Read, recognise
from checker.source import NoJournalError
from swarmlab.journal.reader import Entry, JournalReader, RequestRecord
from swarmlab.journal.schema import PORTS_FROM

#: The layout of journals that this checker reads.
_FORMAT = "1"
#: The entry of a journal's facts that says it was written by `checker record`, and of what.
RECORDED = "recorded"


class Marker(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where in a journal an attempt began: after transaction `seq`.

    `calls` are the calls that had been made since that transaction, with how often: a journal only counts repetitions.
    `journal` is the journal's id, empty for those that have none.
    """

    seq: int = 0
    at: int = 0
    calls: tuple[tuple[str, int], ...] = ()
    journal: str = ""


#: The beginning of the journal: everything counts.
BEGINNING = Marker()


class History:
    """A journal, for grading.

    Raises NoJournalError, here and while it is read, when the file is none that can be used.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._reader = JournalReader(path)
            facts = self._reader.meta()
            self._rows = list(self._reader.requests())
        except (sqlite3.DatabaseError, OSError, ValueError) as error:
            raise self._damaged(error) from None
        found = facts.get("format")
        if found != _FORMAT:
            self.close()
            raise NoJournalError(f"{path} is a journal of format {found}, and this checker reads format {_FORMAT}")
        #: What tells this journal from those before the lab was reset.
        self.id = facts.get("id", "")
        #: What was recorded, when this is the journal of a real engine; None for a lab's own.
        self.recorded = facts.get(RECORDED)
        #: From which transaction on it tells of published ports, if it does.
        self.ports_from = int(facts[PORTS_FROM]) if facts.get(PORTS_FROM, "").isdecimal() else None
        self._reads: dict[Marker, list[Read]] = {}

    def __enter__(self) -> "History":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._reader.close()

    def entries(self) -> Iterator[Entry]:
        """Every transaction, in order."""
        try:
            yield from self._reader.entries()
        except (
            sqlite3.DatabaseError,
            msgspec.MsgspecError,
            KeyError,
            TypeError,
            ValueError,
            AttributeError,
            RecursionError,
        ) as error:
            raise self._damaged(error) from None

    def reads(self, marker: Marker = BEGINNING) -> list[Read]:
        """The commands that were asked after the marker, by the transaction they follow."""
        found = self._reads.get(marker)
        if found is None:
            reads = recognise(_since(self._rows, marker))
            found = self._reads[marker] = sorted(reads, key=lambda read: (read.after, read.at))
        return found

    def marker(self) -> Marker:
        """The present end of the journal."""
        try:
            seq = self._reader.last_seq()
            rows = [row for row in self._reader.requests() if row.after == seq]
        except (sqlite3.DatabaseError, ValueError) as error:
            raise self._damaged(error) from None
        at = max((row.last_at for row in rows), default=0)
        return Marker(seq, at, tuple(sorted((_key(row), row.times) for row in rows)), self.id)

    def _damaged(self, error: Exception) -> NoJournalError:
        return NoJournalError(f"{self._path} cannot be read as a journal: {error}")


def _since(rows: list[RequestRecord], marker: Marker) -> Iterator[RequestRecord]:
    if marker == BEGINNING:
        yield from rows
        return
    known = dict(marker.calls)
    for row in rows:
        if row.after > marker.seq:
            yield row
        elif row.after == marker.seq and (left := row.times - known.get(_key(row), 0)) > 0:
            yield row if left == row.times else row._replace(at=row.last_at, times=left)


def _key(row: RequestRecord) -> str:
    return " ".join((row.engine, row.method, row.path, row.query, str(row.status), row.client))
