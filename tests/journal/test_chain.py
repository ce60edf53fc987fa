"""The chain of transactions: what was edited, taken out, put in or moved is found."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from swarmlab.journal import Journal, Seal
from swarmlab.journal.chain import BrokenChainError, link, verify_journal
from swarmlab.journal.writer import Request
from swarmlab.store import Actor, Commit


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A journal of four transactions, the last of which a call refers to."""
    with closing(Journal(tmp_path / "j.sqlite", Seal(tmp_path / "key"))) as journal:
        for number in range(1, 5):
            journal.append(Commit("s", number, number * 10, Actor(loop="test"), ()))
        journal.request(50, Request("node-1", "GET", "/info", "", 200, "me"))
    return tmp_path / "j.sqlite"


def edit(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as db:
        for statement in statements:
            db.execute(statement)
        db.commit()


def test_what_was_written_is_whole(path: Path) -> None:
    verify_journal(path)
    with closing(Journal(path, Seal(path.with_name("key")))) as journal:
        journal.append(Commit("s", 5, 60, Actor(loop="test"), ()))
    verify_journal(path)


@pytest.mark.parametrize(
    ("statements", "says"),
    [
        (["UPDATE commits SET at = 7 WHERE seq = 2"], "transaction 2 is not the one that was written after 1"),
        (["UPDATE commits SET link = '' WHERE seq = 3"], "transaction 3 is not"),
        (["DELETE FROM commits WHERE seq = 2"], "transaction 2 is missing"),
        (["DELETE FROM commits WHERE seq = 1"], "transaction 1 is missing"),
        (
            ["DELETE FROM commits WHERE seq = 2", "UPDATE commits SET seq = seq - 1 WHERE seq > 2"],
            "transaction 2 is not",
        ),
        (
            [f"UPDATE commits SET seq = {new} WHERE seq = {old}" for old, new in ((2, 9), (3, 2), (9, 3))],
            "transaction 2 is not",
        ),
        (
            [
                "UPDATE commits SET seq = 5 WHERE seq = 4",
                "INSERT INTO commits SELECT 4, scope, idx, at, actor, changes, link FROM commits WHERE seq = 3",
            ],
            "transaction 4 is not",
        ),
        (["DELETE FROM commits WHERE seq > 2"], "transactions 3 to 4 are missing"),
        (["DELETE FROM commits"], "transactions 1 to 4 are missing"),
    ],
    ids=["edited", "without link", "dropped", "first dropped", "closed up", "moved", "put in", "cut off", "emptied"],
)  # fmt: skip
def test_tampering_is_found(path: Path, statements: list[str], says: str) -> None:
    edit(path, *statements)
    with pytest.raises(BrokenChainError, match=says):
        verify_journal(path)


def test_values_cannot_pass_for_others() -> None:
    assert link("", (1, "ab", 1, 1, "c", "")) != link("", (1, "a", 1, 1, "bc", ""))
    assert link("", (1, "", 11, 1, "", "")) != link("", (1, "", 1, 11, "", ""))


def test_a_journal_of_before_is_chained_from_now_on(path: Path) -> None:
    edit(path, "ALTER TABLE commits DROP COLUMN link", "DELETE FROM meta WHERE key = 'chained from'")
    verify_journal(path)
    with closing(Journal(path, Seal(path.with_name("key")))) as journal:
        for number in (5, 6):
            journal.append(Commit("s", number, number * 10, Actor(loop="test"), ()))
    verify_journal(path)
    edit(path, "UPDATE commits SET at = 7 WHERE seq = 6")
    with pytest.raises(BrokenChainError, match="transaction 6 is not"):
        verify_journal(path)
