"""The command and the reports."""

import json
from html.parser import HTMLParser
from pathlib import Path

import pytest
from checker_story import A1_STEPS, Story
from typer.testing import CliRunner

from checker import check, cli
from swarmlab import lab

run = CliRunner()


@pytest.fixture
def begun(tmp_path: Path) -> Path:
    """A session that has only begun."""
    with Story(tmp_path) as story:
        story.init()
        story.create(replicas=1)
    return story.path


@pytest.fixture
def solved(tmp_path: Path) -> Path:
    """A session that did it all."""
    with Story(tmp_path) as story:
        for act in A1_STEPS.values():
            act(story)
    return story.path


def test_list_as_json() -> None:
    answer = run.invoke(cli.app, ["list", "--json"])

    assert answer.exit_code == 0
    assert {
        "id": "A1",
        "title": "Run services with Docker Swarm",
        "chapter": "A, Exercise 9.01",
        "possible": 34,
    } in json.loads(answer.stdout)


def test_list_and_show() -> None:
    assert "Run services with Docker Swarm" in run.invoke(cli.app, ["list"]).stdout
    shown = run.invoke(cli.app, ["show", "A1"])
    assert shown.exit_code == 0
    assert all(f"{number}. " in shown.stdout for number in range(1, 18))


def test_check_as_json(begun: Path) -> None:
    answer = run.invoke(cli.app, ["check", "A1", "--json", "--journal", str(begun)])
    result = json.loads(answer.stdout)

    assert answer.exit_code == 1
    assert set(result) == {"exercise", "points", "possible", "seed", "steps"}
    assert (result["exercise"], result["possible"]) == ("A1", 34)
    assert result["points"] == sum(step["points"] for step in result["steps"])
    for step in result["steps"]:
        assert set(step) == {"id", "title", "points", "possible", "given_up", "mistakes", "conditions"}
        for condition in step["conditions"]:
            assert set(condition) == {"met", "found", "expected", "why", "weight", "at", "error"}
            assert all(condition[text] for text in ("found", "expected", "why"))


def test_full_marks_end_with_0(solved: Path) -> None:
    answer = run.invoke(cli.app, ["check", "A1", "--journal", str(solved)])

    assert answer.exit_code == 0
    assert "34 of 34 points" in answer.stdout


def test_a_failure_says_found_expected_and_why(begun: Path) -> None:
    answer = run.invoke(cli.app, ["check", "A1", "--journal", str(begun)])

    assert answer.exit_code == 1
    for text in ("found", "expected", "why", "web had 1 replica, not 2"):
        assert text in answer.stdout


def test_variables_on_the_command_line(begun: Path) -> None:
    answer = run.invoke(cli.app, ["check", "A1", "--json", "--set", "first=1", "--journal", str(begun)])
    create = next(step for step in json.loads(answer.stdout)["steps"] if step["id"] == "create")

    assert create["points"] == create["possible"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["check", "Z9"], "there is no exercise 'Z9'"),
        (["show", "Z9"], "there is no exercise 'Z9'"),
        (["check", "A1", "--journal", "nowhere.sqlite"], "there is no journal file nowhere.sqlite"),
        (["check", "A1", "--set", "colour=red"], "no variable 'colour'"),
        (["check", "A1", "--set", "red"], "'red' is not NAME=VALUE"),
        (["check", "A1", "--set", "published=99999"], "<= 65535"),
        (["check", "A1", "--journal", __file__], "cannot be read as a journal"),
        (["lint", "nowhere.yaml"], "nowhere.yaml"),
    ],
)
def test_errors_end_with_2(arguments: list[str], says: str) -> None:
    answer = run.invoke(cli.app, arguments)

    assert answer.exit_code == 2
    assert says in answer.stderr


def test_no_lab(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(name: str | None = None) -> dict[str, str]:
        raise lab.LabError(f"No lab named {name}.")

    monkeypatch.setattr(lab, "status", none)
    answer = run.invoke(cli.app, ["check", "A1", "--name", "ghost"])

    assert answer.exit_code == 2
    assert "there is no lab to grade: No lab named ghost." in answer.stderr


def test_the_lab_tells_its_journal(solved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lab, "status", lambda name=None: {"journal": str(solved)})

    assert check("A1").full


def test_lint_a_file(tmp_path: Path) -> None:
    file = tmp_path / "T1.yaml"
    file.write_text("id: T1\ntitle: 3\n")
    answer = run.invoke(cli.app, ["lint", str(file)])

    assert answer.exit_code == 1
    assert f"{file}:2: Expected `str`, got `int`" in answer.stdout
    assert run.invoke(cli.app, ["lint"]).exit_code == 0


class _Outline(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.rows = 0
        self.scopes: list[str | None] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag != "br":
            self.open.append(tag)
        self.rows += tag == "tr"
        if tag == "th":
            self.scopes.append(dict(attrs).get("scope"))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_notebook_report(begun: Path) -> None:
    result = check("A1", journal=begun)
    outline = _Outline()
    outline.feed(result._repr_html_())

    assert outline.open == []
    assert outline.rows == 1 + 17
    assert outline.scopes == ["col"] * 3 + ["row"] * 17
    assert "<code>docker info</code> was never asked" in result._repr_html_()
    assert "docker info was never asked" in repr(result)


def test_a_part_of_the_report(begun: Path) -> None:
    result = check("A1", journal=begun, steps="4-7")

    assert [step.step.id for step in result.steps] == ["create", "service-ls", "service-ps", "open"]
    assert result.possible == 9
    assert [step.step.id for step in check("A1", journal=begun, steps="17").steps] == ["ready"]


def test_the_report_escapes_what_learners_write(tmp_path: Path) -> None:
    with Story(tmp_path) as story:
        story.init()
        story.create(image="<script>")

    html = check("A1", journal=story.path)._repr_html_()

    assert "<script>" not in html
    assert "&lt;script&gt;" in html
