"""Handing in, grading many, records and reports; and files that were made to do harm."""

import csv
import io
import json
import os
import random
import sqlite3
import threading
import zipfile
from contextlib import closing
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from checker_story import A1_STEPS, Story
from typer.testing import CliRunner

from checker import cli, gradeall
from checker.gradeall import comparable, differences, grade_all, grade_file, gradebook
from checker.session import Session
from checker.submission import SubmissionError, chain, pack, unpack
from swarmlab.lab.rotate import rotate

run = CliRunner()


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    """The journal of somebody who did A1, and answered a question."""
    folder = tmp_path / "lab"
    folder.mkdir()
    with Story(folder) as story:
        for act in A1_STEPS.values():
            act(story)
    Session("Q1", journal=story.path).answer(["a", "c", "e"])
    return story.path


@pytest.fixture
def submission(journal: Path, tmp_path: Path) -> Path:
    """What they hand in."""
    folder = tmp_path / "in"
    folder.mkdir()
    pack(journal, folder / "ann.zip", "ann")
    return folder / "ann.zip"


def test_work_before_a_reset_is_handed_in_too(tmp_path: Path) -> None:
    lab = tmp_path / "lab"
    lab.mkdir()
    with Story(lab) as story:
        Session("A1", journal=story.path).start()
        for act in A1_STEPS.values():
            act(story)
    rotate(story.path)
    with Story(lab) as story:
        story.init()
        Session("Q1", journal=story.path).answer(["a", "c", "e"])
    folder = tmp_path / "in"
    folder.mkdir()
    record = pack(story.path, folder / "ann.zip", "ann")

    assert {one["exercise"]: one["points"] for one in record["exercises"]} == {"A1": 34, "Q1": 4}
    graded = grade_file(folder / "ann.zip", ("Q1", "A1", "B1"))
    assert graded.record is not None
    assert [(one["exercise"], one["points"]) for one in graded.record["exercises"]] == [
        ("Q1", 4),
        ("A1", 34),
        ("B1", 0),
    ]
    # Begun anew after the reset: that is the attempt which counts.
    Session("A1", journal=story.path).start()
    assert {one["exercise"]: one["points"] for one in pack(story.path, folder / "bob.zip", "bob")["exercises"]} == {
        "A1": 0,
        "Q1": 4,
    }


def test_a_journal_from_before_a_reset_that_was_changed_is_noticed(tmp_path: Path) -> None:
    lab = tmp_path / "lab"
    lab.mkdir()
    with Story(lab) as story:
        Session("A1", journal=story.path).start()
        story.init()
    rotate(story.path)
    with Story(lab) as story:
        story.init()
    pack(story.path, tmp_path / "eve.zip", "eve")
    with zipfile.ZipFile(tmp_path / "eve.zip") as archive:
        (old,) = [name for name in archive.namelist() if name.startswith("journal-")]
        copy = Path(archive.extract(old, tmp_path))
    with closing(sqlite3.connect(copy)) as db:
        db.execute("UPDATE requests SET times = times + 1")
        db.commit()
    rewrite(tmp_path / "eve.zip", old, copy.read_bytes())

    assert grade_file(tmp_path / "eve.zip", ("A1",)).error == (
        "has a journal that was changed after it was packed (requests)"
    )


def rewrite(file: Path, name: str, content: bytes) -> None:
    """Put other content into a submission."""
    with zipfile.ZipFile(file) as archive:
        members = {member: archive.read(member) for member in archive.namelist()}
    members[name] = content
    with zipfile.ZipFile(file, "w") as archive:
        for member, data in members.items():
            archive.writestr(member, data)


def test_a_submission_is_graded_from_its_journal(submission: Path) -> None:
    graded = grade_file(submission, ("A1", "Q1", "B1"))

    assert graded.error == ""
    assert graded.record is not None
    assert {e["exercise"]: e["points"] for e in graded.record["exercises"]} == {"A1": 34, "Q1": 4, "B1": 0}
    assert graded.record["learner"] == "ann"


def test_a_broken_file_stops_nothing(submission: Path) -> None:
    (submission.parent / "bob.zip").write_bytes(b"PK\x03\x04 not really")
    (submission.parent / "cat.zip").write_bytes(submission.read_bytes()[:-200])
    graded = grade_all(submission.parent, ("A1",), 2)

    assert [one.file for one in graded] == ["ann.zip", "bob.zip", "cat.zip"]
    rows = gradebook(graded)
    assert [row["points"] for row in rows] == [34, "", ""]
    assert all("is no submission that can be read" in row["error"] for row in rows[1:])


@pytest.mark.parametrize(
    "content", [b"[1, 2]", b"{}", b'{"schema": 99, "exercises": []}', b'{"schema": 1, "exercises": 5}']
)
def test_a_record_of_another_kind_is_compared_with_nothing(submission: Path, content: bytes, tmp_path: Path) -> None:
    rewrite(submission, "grade.json", content)
    (tmp_path / "old.json").write_bytes(b'{"ann.zip": ' + content + b"}")
    for arguments in ((), ("--against", str(tmp_path / "old.json"))):
        answer = run.invoke(cli.app, ["grade-all", str(submission.parent), "-e", "A1", "--workers", "1", *arguments])

        assert answer.exit_code == 0, answer.output
        assert answer.stderr == ""
        assert "ann.zip,ann,34,34,34,0," in answer.stdout


@pytest.mark.parametrize("content", [b"[" * 200_000, b"\xff", b"{"])
def test_a_record_that_cannot_be_read_is_damage(submission: Path, content: bytes) -> None:
    rewrite(submission, "grade.json", content)

    assert "is no submission that can be read" in grade_file(submission, ("A1",)).error


def test_no_damage_to_a_file_is_an_error_of_the_program(submission: Path) -> None:
    """Bytes that have changed on the way; where they were unpacked is not told."""
    whole, choice = submission.read_bytes(), random.Random(7)
    for _ in range(40):
        damaged = bytearray(whole)
        for _ in range(choice.choice((1, 3, 30))):
            damaged[choice.randrange(len(damaged))] = choice.randrange(256)
        submission.write_bytes(damaged)
        error = grade_file(submission, ("Q1",)).error

        assert not error.startswith("could not be graded"), error
        assert "/tmp" not in error


def test_a_changed_journal_is_noticed(submission: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(submission) as archive:
        archive.extract("journal.sqlite", tmp_path)
    with closing(sqlite3.connect(tmp_path / "journal.sqlite")) as db:
        db.execute("UPDATE commits SET at = at + 1 WHERE seq = 3")
        db.commit()
    rewrite(submission, "journal.sqlite", (tmp_path / "journal.sqlite").read_bytes())

    assert "changed after it was packed (commits)" in grade_file(submission).error


#: Steps that make two transactions change places.
_SWAP = ((3, 99), (4, 3), (99, 4))


@pytest.mark.parametrize(
    ("statements", "says"),
    [
        (["UPDATE commits SET at = at + 1 WHERE seq = 3"], "transaction 3 is not the one that was written after 2"),
        (["DELETE FROM commits WHERE seq = 3"], "transaction 3 is missing"),
        ([f"UPDATE commits SET seq = {new} WHERE seq = {old}" for old, new in _SWAP], "transaction 3 is not"),
        (["DELETE FROM commits WHERE seq > 5"], "transactions 6 to"),
    ],
    ids=["edited", "dropped", "moved", "cut off"],
)  # fmt: skip
def test_a_journal_that_was_edited_before_it_was_packed_is_noticed(
    journal: Path, tmp_path: Path, statements: list[str], says: str
) -> None:
    with closing(sqlite3.connect(journal)) as db:
        for statement in statements:
            db.execute(statement)
        db.commit()
    folder = tmp_path / "in"
    folder.mkdir()
    pack(journal, folder / "eve.zip", "eve")
    answer = run.invoke(cli.app, ["grade-all", str(folder), "--workers", "1"])

    assert answer.exit_code == 1
    assert f"eve.zip has a journal that was edited before it was packed: {says}" in answer.stderr
    (row,) = csv.DictReader(io.StringIO(answer.stdout))
    assert (row["points"], row.get("A1", "")) == ("", "")


def test_a_row_taken_away_or_moved_breaks_the_chain(journal: Path) -> None:
    whole = chain(journal)
    with closing(sqlite3.connect(journal)) as db:
        db.execute("DELETE FROM requests WHERE id = (SELECT max(id) FROM requests)")
        db.commit()
    changed = chain(journal)

    assert changed["commits"] == whole["commits"]
    assert changed["requests"] != whole["requests"]


@pytest.mark.parametrize("name", ["../evil.json", "/etc/evil", "checker/../../evil.json", "other.txt"])
def test_files_that_do_not_belong_are_refused(submission: Path, tmp_path: Path, name: str) -> None:
    rewrite(submission, name, b"{}")
    folder = tmp_path / "out"
    folder.mkdir()
    with pytest.raises(SubmissionError, match="does not belong"):
        unpack(submission, folder)


def test_what_is_too_large_is_refused(submission: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("checker.submission._LARGEST", 1000)
    with pytest.raises(SubmissionError, match="is larger than"):
        unpack(submission, tmp_path)


def test_another_format(submission: Path) -> None:
    with zipfile.ZipFile(submission) as archive:
        manifest = json.loads(archive.read("manifest.json"))
    rewrite(submission, "manifest.json", json.dumps({**manifest, "format": 9}).encode())

    assert grade_file(submission).error == "has format 9, and this checker reads format 2"


def test_a_journal_of_another_format(journal: Path) -> None:
    with closing(sqlite3.connect(journal)) as db:
        db.execute("UPDATE meta SET value = '7' WHERE key = 'format'")
        db.commit()
    answer = run.invoke(cli.app, ["check", "A1", "--journal", str(journal)])

    assert answer.exit_code == 2
    assert "a journal of format 7, and this checker reads format 1" in answer.stderr


@pytest.mark.parametrize(
    "changes", ["[" * 100_000, "[[", '[["u"]]', '{"a": 1}', '[["c", "node", "x", 7]]', '[["c", "task", "x", null]]']
)
def test_a_damaged_journal(journal: Path, changes: str) -> None:
    with closing(sqlite3.connect(journal)) as db:
        db.execute("UPDATE commits SET changes = ? WHERE seq = 4", (changes,))
        db.commit()
    answer = run.invoke(cli.app, ["check", "A1", "--journal", str(journal)])

    assert answer.exit_code == 2
    assert "cannot be read as a journal" in answer.stderr


@pytest.mark.parametrize(
    ("statements", "says"),
    [
        (
            [
                "DROP TABLE requests",
                "CREATE VIEW requests AS WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n) SELECT id, "
                "0 AS after, 0 AS at, 0 AS last_at, 1 AS times, '' AS engine, '' AS method, '' AS path, '' AS query, "
                "0 AS status, '' AS client FROM n",
            ],
            "view 'requests'",
        ),
        (["ALTER TABLE meta ADD COLUMN more AS (zeroblob(1000000000))"], "table 'meta'"),
        (["CREATE TABLE other (x)"], "table 'other'"),
        (["CREATE TRIGGER t AFTER INSERT ON meta BEGIN SELECT 1; END"], "trigger 't'"),
    ],
    ids=["endless view", "computed column", "table", "trigger"],
)
def test_a_journal_that_means_harm(submission: Path, tmp_path: Path, statements: list[str], says: str) -> None:
    with zipfile.ZipFile(submission) as archive:
        archive.extract("journal.sqlite", tmp_path)
    with closing(sqlite3.connect(tmp_path / "journal.sqlite")) as db:
        for statement in statements:
            db.execute(statement)
        db.commit()
    rewrite(submission, "journal.sqlite", (tmp_path / "journal.sqlite").read_bytes())

    assert grade_file(submission).error == f"has a journal with something that does not belong in it: {says}"


def test_a_grader_that_dies_takes_one_file_with_it(submission: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("bob", "cat", "dan"):
        (submission.parent / f"{name}.zip").write_bytes(submission.read_bytes())
    opened = gradeall.unpack
    monkeypatch.setattr(gradeall, "unpack", lambda file, to: os._exit(9) if file.stem == "bob" else opened(file, to))
    graded = grade_all(submission.parent, ("A1",), 2)

    assert [one.record["points"] if one.record else one.error for one in graded] == [
        34, "could not be graded: the process ended (was there too little memory?)", 34, 34,
    ]  # fmt: skip


def test_a_cluster_that_changes_while_it_is_checked(tmp_path: Path) -> None:
    with Story(tmp_path) as story:
        story.init()
        story.create()
        ended = threading.Event()
        failed: list[Exception] = []
        seen: list[float] = []

        def look() -> None:
            try:
                while not ended.is_set():
                    seen.append(Session("A1", journal=story.path).check().points)
            except Exception as error:
                failed.append(error)

        watcher = threading.Thread(target=look)
        watcher.start()
        for _ in range(60):
            for act in (Story.service_ls, lambda s: s.scale(3), Story.service_ps, lambda s: s.scale(2)):
                act(story)
        ended.set()
        watcher.join()

    assert failed == []
    assert len(seen) > 1
    assert seen == sorted(seen)


def test_regrading_prints_the_differences(submission: Path, tmp_path: Path) -> None:
    records = tmp_path / "records.json"
    arguments = ["grade-all", str(submission.parent), "-e", "A1", "-e", "Q1", "--workers", "1"]
    first = run.invoke(cli.app, [*arguments, "--records", str(records)])
    assert first.exit_code == 0, first.output
    old = json.loads(records.read_text())
    old["ann.zip"]["exercises"][0]["steps"][0]["points"] = 1
    records.write_text(json.dumps(old))
    second = run.invoke(cli.app, [*arguments, "--against", str(records)])

    assert "ann.zip: A1 init: 1 -> 3" in second.stderr
    same = comparable(old["ann.zip"])
    assert same is not None
    assert list(differences(same, old["ann.zip"])) == []
    (row,) = csv.DictReader(io.StringIO(second.stdout))
    assert (row["learner"], row["A1"], row["Q1"]) == ("ann", "34", "4")


def test_no_partial_gradebook(submission: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    book = tmp_path / "book.csv"
    book.write_text("old")
    monkeypatch.setattr(cli.cli_grade, "grade_folder", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    answer = run.invoke(cli.app, ["grade-all", str(submission.parent), "-o", str(book)])

    assert answer.exit_code == 2
    assert book.read_text() == "old"


def test_an_unexpected_error_is_one_file_s(submission: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gradeall, "grade_kept", lambda *_: 1 / 0)

    assert "ZeroDivisionError" in grade_file(submission).error


def test_records_and_reports(journal: Path, tmp_path: Path) -> None:
    record = tmp_path / "grade.json"
    made = run.invoke(cli.app, ["grade", "A1", "B1", "--learner", "=1+1", "--journal", str(journal), "-o", str(record)])
    assert made.exit_code == 0, made.output
    content = json.loads(record.read_text())
    assert (content["schema"], content["points"], content["engine"]) == (1, 34, "swarmlab")

    def report(form: str) -> str:
        answer = run.invoke(cli.app, ["report", str(record), "--format", form])
        assert answer.exit_code == 0, answer.output
        return answer.stdout

    rows = list(csv.DictReader(io.StringIO(report("csv"))))
    assert sum(float(row["points"]) for row in rows) == 34
    assert rows[0]["learner"] == "'=1+1"
    root = ET.fromstring(report("junit"))
    assert [(suite.get("name"), suite.get("tests"), suite.get("failures")) for suite in root] == [
        ("A1", "17", "0"),
        ("B1", "6", "6"),
    ]
    assert all(len(case) <= 1 for case in root.iter("testcase"))
    assert "| 1. Initialise the swarm | 3 / 3 |" in report("markdown")
    page = report("html")
    assert "<h2>B1: The routing mesh</h2>" in page
    assert "published port 81 was never opened" in page
    assert "<p>=1+1, graded 20" in page
    assert "from the journal of swarmlab" in report("markdown")
    assert json.loads(report("json")) == content
    record.write_text('{"schema": 99}')
    assert run.invoke(cli.app, ["report", str(record)]).exit_code == 2
