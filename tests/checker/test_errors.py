"""Mistakes of authors and of the checker itself."""

from pathlib import Path

import pytest
from checker_story import Story

from checker.conditions import Ever, Finding, Observer
from checker.conditions.base import Watch
from checker.document import Document, DocumentError
from checker.exercise import UnknownExerciseError, VariableError, available, load, parse
from checker.grader import grade
from checker.history import History
from checker.lint import lint
from checker.world import Swarm

GOOD = """\
id: T1
title: A test
chapter: none
about: Nothing.
variables: {name: web, count: 2}
steps:
  - id: one
    title: One
    points: 2
    conditions:
      - check: ever
        why: Because.
        facts: [{fact: service, name: "${name}", replicas: "${count}"}]
"""


def test_the_beginning_of_an_answer_gives_it_away_as_well() -> None:
    text = GOOD.replace("why: Because.", "why: Use `docker service update --replicas 2`.")
    solution = "    solution: [docker service update --replicas 2 web]\n"
    (mistake,) = lint(text + solution, "T1.yaml")

    assert mistake.startswith("T1.yaml:12: step 'one': this gives the solution away")
    assert lint(text.replace("--replicas 2`", "--help`") + solution, "T1.yaml") == []


def test_every_exercise_is_without_mistakes() -> None:
    assert {name: lint(text, f"{name}.yaml") for name, text in available().items()} == {
        name: [] for name in available()
    }


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ("    points: 2\n", "", 7, "missing required field `points`"),
        ("points: 2", "points: many", 9, "Expected `int`"),
        ("points: 2", "points: 0", 9, ">= 1"),
        ("check: ever", "check: never", 11, "Invalid value 'never'"),
        ("why: Because.", "wy: Because.", 12, "unknown field `wy`"),
        ("fact: service", "fact: servce", 13, "Invalid value 'servce'"),
        ("title: A test", "title: ''", 2, "length >= 1"),
        ("title: A test", "title: A test\ntitle: Another", 3, "given twice"),
        ('"${name}"', '"${nmae}"', 13, "no variable 'nmae'"),
        ("about: Nothing.", "about: [", 6, "expected"),
        ("{fact: service", "{fact: no-service", 13, "unknown field `replicas`"),
    ],
)
def test_a_mistake_is_told_with_its_line(old: str, new: str, line: int, says: str) -> None:
    assert old in GOOD
    (mistake,) = lint(GOOD.replace(old, new), "T1.yaml")

    assert mistake.startswith(f"T1.yaml:{line}: ")
    assert says in mistake


def test_the_good_exercise_is_good() -> None:
    assert lint(GOOD, "T1.yaml") == []


def test_what_is_so_without_doing_anything_earns_nothing() -> None:
    facts = GOOD.replace('{fact: service, name: "${name}", replicas: "${count}"}', "{fact: no-service, name: web}")
    exercise, _ = parse(facts.replace("check: ever", "check: now"), "T1.yaml")
    result = grade(exercise, None)

    assert result.points == 0
    assert "already when you began" in result.steps[0].verdicts[0].found


def test_points_for_nothing_are_a_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Observer, "finding", lambda *_: Finding(True, "found", "expected"))
    monkeypatch.setattr(Ever, "observe", lambda _: Observer())

    assert lint(GOOD, "T1.yaml") == ["T1.yaml:11: step 'one' gives points although nothing was done"]


def test_the_file_is_named_after_the_exercise() -> None:
    assert lint(GOOD, "exercises/T2.yaml") == ["exercises/T2.yaml:1: the file of exercise 'T1' is named 'T2'"]


def test_two_steps_of_one_name() -> None:
    twice = GOOD + GOOD[GOOD.index("  - id: one") :]

    assert lint(twice, "T1.yaml") == ["T1.yaml:14: step 'one' is there twice"]


def test_an_empty_file() -> None:
    with pytest.raises(DocumentError, match=r"T1\.yaml:1: the file is empty"):
        Document.parse("", "T1.yaml")


def test_variables_take_over_their_type() -> None:
    exercise, _ = parse(GOOD, "T1.yaml", {"count": "5"})
    finding = exercise.steps[0].conditions[0].observe().finding(Swarm())

    assert finding.expected == "at some moment the swarm has service web with 5 replicas"


@pytest.mark.parametrize(
    ("variables", "says"), [({"port": 1}, "no variable 'port'"), ({"count": "x"}, "must be a number")]
)
def test_wrong_variables(variables: dict[str, str | int], says: str) -> None:
    with pytest.raises(VariableError, match=says):
        parse(GOOD, "T1.yaml", variables)


def test_unknown_exercise() -> None:
    assert load("a1").id == "A1"
    with pytest.raises(UnknownExerciseError, match="there is no exercise 'Z9'"):
        load("Z9")


def test_an_error_of_the_grader_costs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    two = """
      - {check: ever, why: w, facts: [{fact: manager}]}
  - {id: two, title: Two, points: 3, conditions: [{check: ever, why: w, facts: [{fact: manager}]}]}
"""
    exercise, _ = parse(GOOD + two, "T1.yaml")
    holds = Watch.holds

    def broken(watch: Watch, swarm: object) -> bool:
        if "service" in watch.phrase:
            raise ZeroDivisionError("boom")
        return holds(watch, swarm)  # type: ignore[arg-type]

    monkeypatch.setattr(Watch, "holds", broken)
    with Story(tmp_path) as story:
        story.init()
    with History(story.path) as history:
        result = grade(exercise, history)

    assert result.errors == ["grader error, not your fault: ZeroDivisionError: boom"]
    assert (result.points, result.possible) == (4, 4)
    assert "grader error" in result.steps[0].verdicts[0].found


def test_an_observer_that_cannot_begin(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: Ever) -> Observer:
        raise KeyError("nothing")

    monkeypatch.setattr(Ever, "observe", broken)
    exercise, _ = parse(GOOD, "T1.yaml")

    assert lint(GOOD, "T1.yaml") == ["T1.yaml:11: grader error, not your fault: KeyError: 'nothing'"]
    result = grade(exercise, None)
    assert (result.points, result.possible, result.full) == (0, 0, False)


def test_a_solution_that_is_given_away_is_a_mistake() -> None:
    told = GOOD.replace("why: Because.", "why: Run `docker service create --name web`.")
    told += "    solution: [docker service create --name web]\n"

    assert lint(told, "T1.yaml") == ["T1.yaml:12: step 'one': this gives the solution away; only the second hint may"]
    assert lint(told.replace("Run `docker service create --name web`", "Use `docker service create`"), "T1.yaml") == []


#: Thirty lines that stand for a billion values.
BOMB = "b0: &b0 [x, x]\n" + "".join(f"b{i}: &b{i} [*b{i - 1}, *b{i - 1}]\n" for i in range(1, 30))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (BOMB, "more than"),
        ("&a [*a]\n", "nested more than"),
        ("x" * (2 << 20), "characters"),
        ("[" * 5000, "no YAML that can be read"),
        ("? [a, b]\n: c\n", "cannot be a name"),
        ("\x00", "no YAML"),
        ("a: !!python/object/apply:os.system [ls]\n", "unknown field `a`"),
    ],
    ids=["bomb", "loop", "long", "deep", "key", "binary", "code"],
)  # fmt: skip
def test_yaml_that_means_harm(text: str, says: str) -> None:
    (mistake,) = lint(text, "T1.yaml")

    assert mistake.startswith("T1.yaml:")
    assert says in mistake
