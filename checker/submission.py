"""Handing in: one file with the journal, the attempts and the grade record; and opening such files safely.

The rows of both tables are chained by hashes when a submission is packed: each link covers the row and all before it.
A row that is changed, added or taken away afterwards breaks that chain. Transactions were chained before already, when
they were written (`swarmlab.journal.chain`), so that what was edited in between shows too. Neither has a secret in it:
it does not show who did the work, nor that nobody made up a journal with all its links.
"""

import hashlib
import json
import sqlite3
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec

from checker.attempts import ASIDE, FOLDER, Attempts
from checker.handin import grade_kept
from checker.record import grade_record
from swarmlab.journal.chain import BrokenChainError, verify_journal

_FORMAT = 2
_JOURNAL, _MANIFEST, _GRADE = "journal.sqlite", "manifest.json", "grade.json"
#: A term's journal has some megabytes. What is larger was made to be large.
_LARGEST = 256 << 20
_MOST_FILES = 200
_KNOWN_TABLES = {"meta", "commits", "snapshots", "requests"}
_TABLES = {
    "commits": "SELECT seq, scope, idx, at, actor, changes FROM commits ORDER BY seq",
    "requests": (
        "SELECT after, at, last_at, times, engine, method, path, query, status, client FROM requests ORDER BY id"
    ),
}


class SubmissionError(Exception):
    """Raised when a file is no submission that can be graded. The message says why."""


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a submission says of itself.

    `chains` has for each journal the last link of each table, and how many rows it covers.
    """

    format: int
    learner: str
    packed: str
    chains: dict[str, dict[str, tuple[str, int]]]


def pack(journal: Path, target: Path, learner: str) -> dict[str, Any]:
    """Write a submission, whole or not at all; return its grade record.

    It has the journals of all attempts, also those that a reset has put aside. Raises NoJournalError, OSError.
    """
    exercises = [record.exercise for record in Attempts(journal).all()]
    graded = grade_kept(journal, exercises)
    record = grade_record(graded.attempts, graded.results, engine=graded.engine, learner=learner)
    with TemporaryDirectory() as folder:
        copies = [_copy(kept, Path(folder, _JOURNAL if kept == journal else kept.name)) for kept in graded.journals]
        manifest = Manifest(
            format=_FORMAT,
            learner=learner,
            packed=datetime.now(UTC).isoformat(timespec="seconds"),
            chains={copy.name: chain(copy) for copy in copies},
        )
        partial = target.with_name(f".{target.name}.part")
        try:
            with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED) as archive:
                for copy in copies:
                    archive.write(copy, copy.name)
                for file in sorted((journal.parent / FOLDER).glob("*.json")):
                    archive.write(file, f"{FOLDER}/{file.name}")
                archive.writestr(_GRADE, json.dumps(record, indent=2))
                archive.writestr(_MANIFEST, msgspec.json.encode(manifest))
            partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)
    return record


def unpack(file: Path, folder: Path) -> tuple[Manifest, Any]:
    """Open a submission in an empty folder; return what it says of itself, and what it came with as a grade record.

    Raises SubmissionError for what is none, too large, or was changed.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            _extract(archive, folder)
        manifest = msgspec.json.decode((folder / _MANIFEST).read_bytes(), type=Manifest)
        record = json.loads((folder / _GRADE).read_text(encoding="utf-8"))
    except (
        zipfile.BadZipFile, OSError, EOFError, ValueError, msgspec.MsgspecError, NotImplementedError, RecursionError,
        zlib.error,
    ) as error:  # fmt: skip
        raise SubmissionError(f"is no submission that can be read: {error}") from None
    if manifest.format != _FORMAT:
        raise SubmissionError(f"has format {manifest.format}, and this checker reads format {_FORMAT}")
    for name in {_JOURNAL, *manifest.chains, *(path.name for path in folder.glob("journal*.sqlite"))}:
        if not (_is_journal(name) and (folder / name).is_file()):
            raise SubmissionError(f"lacks {name}")
        _verify(folder / name, manifest.chains.get(name, {}))
    return manifest, record


def _verify(journal: Path, links: Mapping[str, tuple[str, int]]) -> None:
    try:
        _look_at_tables(journal)
        found = chain(journal)
    except sqlite3.DatabaseError as error:
        raise SubmissionError(f"has a damaged journal: {error}") from None
    for table, link in found.items():
        if links.get(table) != link:
            raise SubmissionError(f"has a journal that was changed after it was packed ({table})")
    try:
        verify_journal(journal)
    except BrokenChainError as error:
        raise SubmissionError(f"has a journal that was edited before it was packed: {error}") from None


def _is_journal(name: str) -> bool:
    return name == _JOURNAL or ASIDE.fullmatch(name) is not None


def _copy(journal: Path, target: Path) -> Path:
    """Copy one instant of a journal, even while the lab writes, without what only shortens a lab's start."""
    uri = f"{journal.absolute().as_uri()}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True)) as source, closing(sqlite3.connect(target)) as destination:
        source.backup(destination)
        destination.execute("PRAGMA journal_mode = DELETE")
        destination.execute("DELETE FROM snapshots")
        destination.commit()
        destination.execute("VACUUM")
    return target


def chain(journal: Path) -> dict[str, tuple[str, int]]:
    """The last link of each table's chain, and its length. Raises sqlite3.DatabaseError."""
    with closing(sqlite3.connect(f"{journal.absolute().as_uri()}?mode=ro", uri=True)) as db:
        return {table: _last_link(db.execute(query)) for table, query in _TABLES.items()}


def _look_at_tables(journal: Path) -> None:
    """Refuse what is no plain table: a view or a computed column may stand for more rows than there is time for."""
    with closing(sqlite3.connect(f"{journal.absolute().as_uri()}?mode=ro", uri=True)) as db:
        db.execute("PRAGMA trusted_schema = OFF")
        for kind, name, table in db.execute("SELECT type, name, tbl_name FROM sqlite_master").fetchall():
            plain = kind in {"table", "index"} and table in _KNOWN_TABLES
            computed = plain and any(
                column[0] for column in db.execute("SELECT hidden FROM pragma_table_xinfo(?)", (table,))
            )
            if not plain or computed:
                raise SubmissionError(f"has a journal with something that does not belong in it: {kind} {name!r}")


def _last_link(rows: Iterator[tuple[Any, ...]] | sqlite3.Cursor) -> tuple[str, int]:
    link, count = b"", 0
    for row in rows:
        link = hashlib.sha256(link + json.dumps(row).encode()).digest()
        count += 1
    return link.hex(), count


def _extract(archive: zipfile.ZipFile, folder: Path) -> None:
    members = archive.infolist()
    if len(members) > _MOST_FILES or sum(member.file_size for member in members) > _LARGEST:
        raise SubmissionError(f"is larger than {_LARGEST >> 20} MB, or has more than {_MOST_FILES} files")
    (folder / FOLDER).mkdir()
    left = _LARGEST
    for member in members:
        place = folder / member.filename
        wanted = (
            member.filename in {_MANIFEST, _GRADE}
            or _is_journal(member.filename)
            or (place.parent == folder / FOLDER and place.suffix == ".json" and not place.name.startswith("."))
        )
        if not wanted:
            raise SubmissionError(f"has a file that does not belong in it: {member.filename!r}")
        with archive.open(member) as source, place.open("wb") as target:
            # What a member says of its size may be a lie.
            while block := source.read(1 << 16):
                left -= len(block)
                if left < 0:
                    raise SubmissionError(f"is larger than {_LARGEST >> 20} MB")
                target.write(block)
