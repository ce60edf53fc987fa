"""Learners' notebooks leave the work to the learner: no answers in them, and nothing done earns nothing."""

import re
from collections.abc import Iterator

import pytest

import checker
from checker.conditions.answer import Answer
from checker.exercise import load
from checker.labs import exercises_of, source, stems
from checker.notebooks import blocks, has_solution, notebook
from checker.result import Result
from swarmlab import lab
from tests.checker.stage import Stage

LABS = [name for name in stems() if exercises_of(name)]
#: How lines begin in cells of solutions that only wait, for which a reader has no need.
WAITS = ("!timeout", "# Nobody reads here", "# A reader needs longer")
#: How the lines of set-up cells begin that change the swarm; the others have no part in marks.
ONSTAGE = ("!docker swarm", "!docker service", "!docker secret", "!docker stack", "!printf", "!for ")


def code(name: str, kind: str) -> list[str]:
    return [block.text for block in blocks(source(name)) if block.kind == kind]


def lines(cell: str) -> list[str]:
    """The statements and shell lines of a cell; what continues on the next line is one."""
    return [line.strip() for line in re.sub(r"\\\n\s*", "", cell).splitlines() if line.strip()]


@pytest.mark.parametrize("name", [name for name in stems() if has_solution(source(name))])
def test_no_line_of_a_solution_is_in_a_learners_notebook(name: str) -> None:
    # Commands that the learner has been shown, and is to repeat, stand in cells for everybody.
    shown = {line for cell in code(name, "cell") for line in lines(cell)}
    answers = {line for cell in code(name, "solution") for line in lines(cell)} - shown
    told = "\n".join(cell.source for cell in notebook(source(name), "learner").cells)

    for answer in answers:
        # Lines of a file, such as `services:`, say nothing by themselves; `docker stack ls` is the name of a command.
        if answer.startswith(("!", "answer(")) and not answer.startswith(WAITS) and len(answer.split()) > 3:
            assert answer.lstrip("!") not in told
    for cell in code(name, "solution"):
        if cell.startswith("%%writefile"):
            assert cell.partition("\n")[2] not in told
    assert any("# Your turn" in cell for cell in code(name, "learner"))


@pytest.mark.parametrize("name", LABS)
def test_no_reason_why_a_statement_is_right_is_in_a_learners_notebook(name: str) -> None:
    told = "\n".join(cell.source for cell in notebook(source(name), "learner").cells)
    for exercise in map(load, exercises_of(name)):
        for step in exercise.steps:
            for condition in step.conditions:
                if isinstance(condition, Answer):
                    right = ", ".join(f'"{key}"' for key, one in condition.statements.items() if one.right)
                    assert f'("{exercise.id}", {right})' not in told
                    assert not [one.because for one in condition.statements.values() if one.because in told]


def begun(name: str) -> Iterator[tuple[str, bool]]:
    """The cells of a learner's notebook that begin it, and those that only ask how far one is (True)."""
    cells = [cell.source for cell in notebook(source(name), "learner").cells if cell.cell_type == "code"]
    first = next(number for number, cell in enumerate(cells) if "swarmlab reset" in cell)
    starts = [number for number, cell in enumerate(cells) if re.search(r"\bstart\b", cell)]
    for number, cell in enumerate(cells):
        if asks := re.search(r"\b(check|progress)\(", cell) is not None:
            yield cell, True
        elif number <= max([first, *starts[:1]]):
            yield cell, asks


@pytest.mark.parametrize("name", LABS)
def test_nothing_done_earns_nothing(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cells that begin, and the checks, on a lab in virtual time."""
    results: list[Result] = []

    def check(*arguments: str, **options: str) -> None:
        results.append(real(*arguments, **options))  # type: ignore[arg-type]

    real = checker.check
    monkeypatch.setattr(checker, "check", check)
    with Stage(3) as stage:
        monkeypatch.setattr(lab, "status", lambda name=None: {"journal": str(stage.path)})
        names: dict[str, object] = {}
        for cell, asks in begun(name):
            stage.play([line.removeprefix("!") for line in lines(cell) if line.startswith(ONSTAGE) and not asks])
            whole = re.sub(r"\\\n\s*", "", cell).splitlines()
            exec("\n".join(line for line in whole if not line.startswith(("!", "%"))), names)

    assert {result.exercise.id for result in results} == set(exercises_of(name)) - {"Q1", "Q2", "Q3", "Q4"}
    assert [result.points for result in results] == [0] * len(results)
