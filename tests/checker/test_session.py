"""Attempts that begin, hints, answers, giving up: all kept in files beside the journal."""

import shutil
import stat
from pathlib import Path

import pytest
from checker_story import A1_STEPS, Story
from typer.testing import CliRunner

from checker import cli
from checker.attempts import Attempts
from checker.exercise import available, load
from checker.notebook import answer, assert_passed, check, hint, progress, start
from checker.quiz import Quiz
from checker.session import Session, UnknownStepError
from checker.source import NoJournalError
from swarmlab import lab
from swarmlab.lab.rotate import rotate

run = CliRunner()


def test_what_was_done_before_does_not_count(tmp_path: Path) -> None:
    with Story(tmp_path) as story:
        for act in A1_STEPS.values():
            act(story)
        Session("A1", journal=story.path).start()
        before = check("A1", journal=story.path)
        story.node_ls()
        story.info()
        after = check("A1", journal=story.path)

    assert before.points == 0
    assert "already when you began" in before.steps[0].verdicts[0].found
    assert [step.step.id for step in after.steps if step.full] == ["node-ls", "info"]


def test_questions_that_were_asked_before_are_taken_off_the_count(tmp_path: Path) -> None:
    with Story(tmp_path) as story:
        story.init()
        story.info()
        Session("A1", journal=story.path).start()
        early = check("A1", journal=story.path).steps[2].full
        # The same call again, while nothing has changed: the journal only counts one up.
        story.info()
        late = check("A1", journal=story.path).steps[2].full

    assert (early, late) == (False, True)


def test_a_seed_is_kept_and_gives_other_values(tmp_path: Path) -> None:
    with Story(tmp_path) as story:
        session = Session("a1", journal=story.path)
        record = session.start(7)
        values = session.exercise().variables

    assert record.seed == 7
    assert values == load("A1", seed=7).variables != load("A1").variables
    assert load("A1").variables["service"] == "web"
    assert load("A1", seed=7) == load("A1", seed=7)
    file = story.path.parent / "checker" / "A1.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_hints_come_in_two_tiers(tmp_path: Path) -> None:
    with Story(tmp_path) as story:
        tiers = [Session("A1", journal=story.path).hint("create")[1:] for _ in range(3)]
        following = Session("A1", journal=story.path).hint()

    step = load("A1").step("create")
    assert step is not None
    assert tiers == [(1, step.hints[0]), (2, step.hints[1]), (2, step.hints[1])]
    assert following[0] is not None
    assert following[0].id == "init"


def test_giving_up_gives_no_credit(tmp_path: Path) -> None:
    with Story(tmp_path) as story:
        story.init()
        session = Session("A1", journal=story.path)
        session.give_up(session.step("1"), "skipped")
        result = session.check()
        step = session.next_step()

    assert (result.steps[0].points, result.steps[0].earned, result.possible) == (0, 3, 34)
    assert step is not None
    assert step.id == "node-ls"
    assert "skipped" in repr(result)


def test_answers(tmp_path: Path) -> None:
    with Story(tmp_path) as story:
        session = Session("Q1", journal=story.path)
        session.answer(["a", "b"])
        wrong = session.check()
        session.answer(["e", "c", "a"])
        right = session.check()
        with pytest.raises(ValueError, match="no statement 'z'"):
            session.answer(["z"])
        with pytest.raises(UnknownStepError):
            Session("B1", journal=story.path).answer(["a"])

    found = wrong.steps[0].verdicts[0].found
    assert "b is not right" in found
    assert "2 more statements would be right" in found
    assert right.full


def test_answers_with_boxes_to_tick(tmp_path: Path) -> None:
    with Story(tmp_path) as story:
        session = Session("B5", journal=story.path)
        session.answer(["b"])
        quiz = Quiz(session)
        boxes, report = quiz.box.children
        ticked = {box.description: box for box in boxes.children[:-1]}
        assert [key for key, box in ticked.items() if box.value] == ["b"], "what was chosen before is shown"
        for key in "abc":
            ticked[key].value = key != "b"
        boxes.children[-1].click()
        _, question = session.question()
        assert list(ticked) == list(question.statements)
        right = tuple(key for key, statement in question.statements.items() if statement.right)
        assert session.record.answers == {"where": right}
        assert "1 of 1 steps done" in report.value
        assert "VBox" not in quiz._repr_mimebundle_()["text/plain"]
        with pytest.raises(UnknownStepError, match="B1 asks no question"):
            Quiz(Session("B1", journal=story.path))
        with pytest.raises(UnknownStepError, match="asks no question in step 1"):
            Quiz(session, "1")


def test_a_damaged_file_says_what_to_do(tmp_path: Path) -> None:
    with Story(tmp_path) as story:
        session = Session("A1", journal=story.path)
        session.start()
        (story.path.parent / "checker" / "A1.json").write_text("{")
        with pytest.raises(NoJournalError, match="`checker start A1` begins anew"):
            session.check()
        session.start()
        assert session.check().points == 0


def test_in_notebooks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Story(tmp_path) as story:
        monkeypatch.setattr(lab, "status", lambda name=None: {"journal": str(story.path)})
        assert "has begun, with seed 0" in repr(start("A1"))
        story.init()
        # Running the cell again must not take away what was done since.
        start("A1")
        assert_passed("A1", step=1)
        assert_passed("A1", step="init")
        with pytest.raises(AssertionError, match="was never asked"):
            assert_passed("A1", step="node-ls")
        with pytest.raises(AssertionError):
            assert_passed("A1")
        assert "<div>" in hint("A1")._repr_html_()
        assert "A1" in repr(progress())
        assert answer("Q1", "a", "c", "e").full
        assert "Q1" in repr(progress())
        start("A1", again=True)
        with pytest.raises(AssertionError):
            assert_passed("A1", step="init")


def test_the_commands(tmp_path: Path) -> None:
    with Story(tmp_path) as story:
        story.init()
    where = ["--journal", str(story.path)]

    assert "has begun, with seed 3" in run.invoke(cli.app, ["start", "B1", "--seed", "3", *where]).stdout
    assert "hint 1 of 2" in run.invoke(cli.app, ["hint", "B1", "--step", "network", *where]).stdout
    assert "hint 2 of 2" in run.invoke(cli.app, ["hint", "B1", "--step", "network", *where]).stdout
    assert "Skipped: 1." in run.invoke(cli.app, ["skip", "B1", *where]).stdout
    assert run.invoke(cli.app, ["answer", "Q2", "a", "c", "e", *where]).exit_code == 0
    assert run.invoke(cli.app, ["check", "Q2", *where]).exit_code == 0
    assert run.invoke(cli.app, ["watch", "Q2", *where]).exit_code == 0
    wrong = run.invoke(cli.app, ["hint", "B1", "--step", "nothing", *where])
    assert wrong.exit_code == 2
    assert "B1 has no step 'nothing'" in wrong.stderr
    assert run.invoke(cli.app, ["answer", "Q2", "zz", *where]).exit_code == 2
    assert Attempts(story.path).get("B1").seed == 3


def test_solving_runs_the_lines_and_gives_no_credit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Story(tmp_path) as story:
        story.init()
    docker = tmp_path / "docker"
    docker.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/calls\n')
    docker.chmod(0o755)
    monkeypatch.setattr(lab, "environment", lambda name=None: {"PATH": f"{tmp_path}:/usr/bin:/bin"})
    solved = run.invoke(cli.app, ["solve", "B1", "--step", "network", "--journal", str(story.path)])

    assert solved.exit_code == 0, solved.output
    assert (tmp_path / "calls").read_text() == "network create --driver overlay front\n"
    assert Attempts(story.path).get("B1").given_up == {"network": "solved"}
    docker.write_text("#!/bin/sh\nexit 3\n")
    failed = run.invoke(cli.app, ["solve", "B1", "--step", "network", "--journal", str(story.path)])
    assert failed.exit_code == 2
    assert "ended with exit code 3" in failed.stderr
    shutil.rmtree(tmp_path / "checker")


def test_a_reset_begins_the_attempt_anew_and_keeps_what_was_reached(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lab, "status", lambda name=None: {"journal": str(tmp_path / "journal.sqlite")})
    with Story(tmp_path) as story:
        start("A1", seed=7)
        story.init()
        story.node_ls()
        session = Session("A1")
        session.hint("create")
        session.give_up(session.step("info"), "skipped")
        assert check("A1").points == 4
        answer("Q1", "a", "c", "e")
    assert rotate(tmp_path / "journal.sqlite") is not None
    with Story(tmp_path) as story:
        # Fewer transactions than before the reset: a place in the old journal means nothing in this one.
        story.init()
        record = Session("A1").record
        reached = {row.exercise: (row.points, row.possible) for row in progress("A1", "Q1", "B1").rows}

        assert check("A1").points == 3
        assert (record.seed, record.hints, record.given_up) == (7, {}, {})
        assert reached == {"A1": (4, 34), "Q1": (4, 4), "B1": (0, 19)}
        assert check("Q1").full
        start("A1", seed=7)
        assert check("A1").points == 0
        story.info()
        assert check("A1").points == 1
        assert [(row.points, row.possible) for row in progress("A1").rows] == [(5, 34)]


def test_starting_with_another_seed_begins_anew(tmp_path: Path) -> None:
    with Story(tmp_path) as story:
        session = Session("A1", journal=story.path)
        first = session.start(7, again=False)
        story.init()

        assert session.start(7, again=False) == first
        assert session.start(None, again=False) == first
        other = session.start(3, again=False)

    assert other.seed == 3
    assert other.marker.seq > first.marker.seq


def test_progress_has_a_row_for_each_exercise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Story(tmp_path) as story:
        monkeypatch.setattr(lab, "status", lambda name=None: {"journal": str(story.path)})
        story.init()
        shown = progress()

    assert [row.exercise for row in shown.rows] == list(available())
    assert repr(shown).splitlines()[0].split() == ["A1", "3", "/", "34", "Run", "services", "with", "Docker", "Swarm"]
    assert '<a href="A1-run-services.ipynb">A1: Run services with Docker Swarm</a>' in shown._repr_html_()
    assert '<progress value="3" max="34" aria-label="A1">' in shown._repr_html_()
