"""The chain of a journal's transactions: each has a link, a hash of its row and of the link before it.

A row that was changed, put in, taken out or moved does not fit its neighbours any more. No secret is in it: whoever can
write the file and knows this page can make another chain. It finds what was edited by hand, and damage.
"""

import hashlib
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

#: The link before the first transaction.
START = ""
#: The columns that a link covers, in order.
COLUMNS = "seq, scope, idx, at, actor, changes"
#: The entry of a journal's facts that says with which transaction its chain begins. Journals of before have none.
CHAINED_FROM = "chained from"

Row = tuple[int, str, int, int, str, str]


class BrokenChainError(ValueError):
    """Raised for a journal that is not as it was written. The message says where."""


def link(before: str, row: Row) -> str:
    """The link of a transaction."""
    digest = hashlib.sha256(before.encode())
    for value in row:
        part = str(value).encode()
        # With its length in front no value can pass for two.
        digest.update(b"%d:" % len(part))
        digest.update(part)
    return digest.hexdigest()


def begin_chain(db: sqlite3.Connection) -> tuple[int, str]:
    """Make a journal that is open for writing one with a chain; return its last transaction and the link of that."""
    if not any(column[1] == "link" for column in db.execute("PRAGMA table_info(commits)")):
        db.execute("ALTER TABLE commits ADD COLUMN link TEXT NOT NULL DEFAULT ''")
    last = db.execute("SELECT seq, link FROM commits ORDER BY seq DESC LIMIT 1").fetchone() or (0, START)
    db.execute("INSERT OR IGNORE INTO meta VALUES (?, ?)", (CHAINED_FROM, str(last[0] + 1)))
    return last


def verify_journal(path: Path) -> None:
    """Look whether a journal's transactions are as they were written, and all there that calls refer to.

    Raises BrokenChainError, sqlite3.DatabaseError.
    """
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as db:
        begins = db.execute("SELECT value FROM meta WHERE key = ?", (CHAINED_FROM,)).fetchone()
        links = "link" if begins else "''"
        rows = db.execute(f"SELECT {COLUMNS}, {links} FROM commits ORDER BY seq")  # noqa: S608  (our own columns)
        verify(((row[:-1], row[-1]) for row in rows), int(begins[0]) if begins else None)
        last, after = db.execute(
            "SELECT (SELECT coalesce(max(seq), 0) FROM commits), (SELECT coalesce(max(after), 0) FROM requests)"
        ).fetchone()
    if after > last:
        raise BrokenChainError(f"transactions {last + 1} to {after} are missing")


def verify(rows: Iterable[tuple[Row, str]], begins: int | None) -> None:
    """Look whether transactions with their links, in order, are as they were written.

    `begins` is the first one that has a link; None when none has. Raises BrokenChainError.
    """
    before, expected = START, 1
    for row, found in rows:
        seq = row[0]
        if seq != expected:
            raise BrokenChainError(f"transaction {expected} is missing")
        if begins is not None and seq >= begins:
            if found != link(before, row):
                raise BrokenChainError(f"transaction {seq} is not the one that was written after {seq - 1}")
            before = found
        expected += 1
    if begins is not None and expected < begins:
        raise BrokenChainError(f"transaction {expected} is missing")
