import sqlite3

import pytest

from swarmlab.lab.rotate import KEPT, rotate, settle


def write(path, value, *, close=True):
    database = sqlite3.connect(path, isolation_level=None)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("CREATE TABLE IF NOT EXISTS t (v)")
    database.execute("INSERT INTO t VALUES (?)", (value,))
    if close:
        database.close()
    return database


def read(path):
    database = sqlite3.connect(path)
    values = [row[0] for row in database.execute("SELECT v FROM t")]
    database.close()
    return values


@pytest.fixture
def journal(tmp_path):
    return tmp_path / "journal.sqlite"


def test_nothing_to_put_aside(journal):
    assert rotate(journal) is None


def test_each_journal_gets_the_next_number_and_the_oldest_go(journal):
    for number in range(1, KEPT + 3):
        write(journal, number)
        aside = rotate(journal)
        assert aside.name == f"journal-{number}.sqlite"
        assert read(aside) == [number]
    assert not journal.exists()
    kept = sorted(path.name for path in journal.parent.iterdir())
    assert kept == sorted(f"journal-{number}.sqlite" for number in range(3, KEPT + 3))


def test_a_reader_goes_on_reading_and_the_new_journal_is_empty(journal):
    write(journal, "old")
    reader = sqlite3.connect(f"{journal.as_uri()}?mode=ro", uri=True)
    rows = reader.execute("SELECT v FROM t UNION ALL SELECT 'more'")
    assert rows.fetchone() == ("old",)
    aside = rotate(journal)
    write(journal, "new")
    assert rows.fetchall() == [("more",)]
    reader.close()
    assert (read(journal), read(aside)) == (["new"], ["old"])


def test_a_rotation_cut_short_after_the_first_rename_loses_and_mixes_nothing(journal, tmp_path):
    # A crashed writer leaves the newest rows in the side file only: copies made while it has the file open.
    writer = write(journal, "last words", close=False)
    for name in ("journal.sqlite", "journal.sqlite-wal"):
        (tmp_path / f"copy-{name}").write_bytes((tmp_path / name).read_bytes())
    writer.close()
    journal.unlink()
    (tmp_path / "copy-journal.sqlite").rename(tmp_path / "journal-1.sqlite")
    (tmp_path / "copy-journal.sqlite-wal").rename(tmp_path / "journal.sqlite-wal")
    settle(journal)
    assert not (tmp_path / "journal.sqlite-wal").exists()
    assert read(tmp_path / "journal-1.sqlite") == ["last words"]
    write(journal, "new")
    assert read(journal) == ["new"]


def test_settle_leaves_the_side_files_of_a_journal_that_is_there(journal, tmp_path):
    write(tmp_path / "journal-1.sqlite", "old")
    writer = write(journal, "present", close=False)
    settle(journal)
    assert (tmp_path / "journal.sqlite-wal").exists()
    writer.close()
    assert read(journal) == ["present"]
