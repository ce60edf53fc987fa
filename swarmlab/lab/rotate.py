"""Putting a lab's journal aside for a new one. Each step leaves a lab that can be started, should it be the last."""

import re
import sqlite3
from contextlib import closing
from pathlib import Path

#: How many old journals are kept: those of a course, in which every lab begins with a reset, and some are done twice.
KEPT = 40
_SIDE_FILES = ("-wal", "-shm")
_OLD = re.compile(r"journal-(\d+)\.sqlite")


def rotate(journal: Path) -> Path | None:
    """Rename the journal to journal-N.sqlite, delete the oldest of these, return its new path (None without a journal).

    Nobody may have it open for writing. Readers keep reading the file that they opened.
    """
    settle(journal)
    if not journal.exists():
        return None
    with closing(sqlite3.connect(journal, timeout=0.1)) as database:
        # After this the file itself holds everything, unless a reader is in the way; its side files follow it below.
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    old = _old(journal)
    target = journal.with_name(f"journal-{max(old, default=0) + 1}.sqlite")
    journal.rename(target)
    settle(journal)
    for number in sorted(old, reverse=True)[KEPT - 1 :]:
        doomed = old[number]
        for path in (doomed, *(_beside(doomed, suffix) for suffix in _SIDE_FILES)):
            path.unlink(missing_ok=True)
    return target


def settle(journal: Path) -> None:
    """Finish a rotation that was cut short: side files without their journal belong to the last one put aside."""
    old = _old(journal)
    if journal.exists() or not old:
        return
    for suffix in _SIDE_FILES:
        left = _beside(journal, suffix)
        if left.exists():
            left.rename(_beside(old[max(old)], suffix))


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def _old(journal: Path) -> dict[int, Path]:
    """The journals put aside, by number."""
    found = ((_OLD.fullmatch(path.name), path) for path in journal.parent.iterdir())
    return {int(match[1]): path for match, path in found if match}
