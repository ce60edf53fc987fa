"""The notebooks are what their sources make, and the solved ones do what they show."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import nbformat
import pytest

from checker.notebooks import LABS, SOLUTIONS, SOURCES, blocks, has_solution, keep_outputs, notebook, sources

NAMES = sorted(path.stem for path in SOURCES.glob("*.md"))
SOLVED = [name for name in NAMES if has_solution((SOURCES / f"{name}.md").read_text(encoding="utf-8"))]

#: So many solved notebooks run side by side.
AT_A_TIME = 3

#: How cells begin that only wait, for which a reader has no need.
WAITS = ("!timeout", "# Nobody reads here", "# A reader needs longer")

EXAMPLE = """\
# Title

![A picture](images/one.svg)

```cell
!docker info
```

Text.

```cell learner
# Your turn
```

```cell solution varies
!docker node ls
```

```sh
not a cell
```
"""


def test_blocks() -> None:
    assert [(block.kind, block.text) for block in blocks(EXAMPLE)] == [
        ("markdown", "# Title\n\n![A picture](images/one.svg)"),
        ("cell", "!docker info"),
        ("markdown", "Text."),
        ("learner", "# Your turn"),
        ("solution", "!docker node ls"),
        ("markdown", "```sh\nnot a cell\n```"),
    ]
    assert [block.text for block in blocks(EXAMPLE) if block.varies] == ["!docker node ls"]


def test_each_audience_has_its_cells() -> None:
    learner, solution = notebook(EXAMPLE, "learner"), notebook(EXAMPLE, "solution")

    assert [cell.source for cell in learner.cells if cell.cell_type == "code"] == ["!docker info", "# Your turn"]
    assert [cell.source for cell in solution.cells if cell.cell_type == "code"] == ["!docker info", "!docker node ls"]
    assert learner == notebook(EXAMPLE, "learner")
    assert "](images/one.svg)" in learner.cells[0].source
    assert "](../labs/images/one.svg)" in solution.cells[0].source
    assert [cell.metadata.get("tags") for cell in solution.cells if cell.cell_type == "code"] == [
        None,
        ["nbval-ignore-output"],
    ]


def test_outputs_are_kept_while_the_code_is_the_same() -> None:
    stored = notebook(EXAMPLE, "solution")
    for number, cell in enumerate((cell for cell in stored.cells if cell.cell_type == "code"), 1):
        cell.execution_count = number
    other_text, other_code = EXAMPLE.replace("Text.", "Better text.\n\nMore."), EXAMPLE.replace("node ls", "ps")

    for source, counts in ((other_text, [1, 2]), (other_code, [None, None])):
        made = notebook(source, "solution")
        keep_outputs(made, stored)
        assert [cell.execution_count for cell in made.cells if cell.cell_type == "code"] == counts


def test_unknown_kinds_are_refused() -> None:
    for word in ("teacher", "varies learner"):
        with pytest.raises(ValueError, match="line 3: a cell is for"):
            list(blocks(f"Text.\n\n```cell {word}\n```\n"))


def test_there_are_labs() -> None:
    assert "A1-run-services" in SOLVED
    assert {path.stem for path in LABS.glob("*.ipynb")} == set(NAMES)
    assert {path.stem for path in SOLUTIONS.glob("*.ipynb")} == set(SOLVED)


@pytest.mark.parametrize("name", NAMES)
def test_learners_notebooks_are_what_their_sources_make(name: str) -> None:
    made = notebook((SOURCES / f"{name}.md").read_text(encoding="utf-8"), "learner")

    assert (LABS / f"{name}.ipynb").read_text(encoding="utf-8") == nbformat.writes(made) + "\n"


@pytest.mark.parametrize("name", SOLVED)
def test_solved_notebooks_are_what_their_sources_make(name: str) -> None:
    made = notebook((SOURCES / f"{name}.md").read_text(encoding="utf-8"), "solution")
    stored = nbformat.read(SOLUTIONS / f"{name}.ipynb", as_version=4)

    assert sources(stored) == sources(made)
    executed = [cell.execution_count for cell in stored.cells if cell.cell_type == "code"]
    assert executed == list(range(1, len(executed) + 1))


@pytest.mark.parametrize("name", NAMES)
def test_pictures_are_there_and_described(name: str) -> None:
    text = (SOURCES / f"{name}.md").read_text(encoding="utf-8")

    for description, target in re.findall(r"!\[([^\]]*)\]\(([^)]+)\)", text):
        assert (LABS / target).is_file()
        assert len(description) > 40


def test_links_lead_to_notebooks() -> None:
    for name in NAMES:
        text = (SOURCES / f"{name}.md").read_text(encoding="utf-8")
        for target in re.findall(r"\]\(([^):]+\.ipynb)\)", text):
            assert (LABS / target).is_file(), f"{name} names {target}"


@pytest.mark.parametrize("name", SOLVED)
def test_learners_notebooks_hold_no_answers(name: str) -> None:
    text = (SOURCES / f"{name}.md").read_text(encoding="utf-8")
    answers = {block.text for block in blocks(text) if block.kind == "solution" and not block.text.startswith(WAITS)}
    learner = notebook(text, "learner")

    # A command that the learner has been shown and is to repeat stands elsewhere, in a cell that says so itself.
    shown = {block.text for block in blocks(text) if block.kind == "cell"}
    assert not [cell for cell in learner.cells if cell.source in answers - shown]
    assert any(cell.source.startswith("# Your turn") for cell in learner.cells)


def play(home: Path, name: str) -> "subprocess.CompletedProcess[str]":
    """Run a solved notebook on a lab of its own and compare what it shows with what is stored."""
    commands = Path(sys.executable).parent
    variables = os.environ | {
        "SWARMLAB_HOME": str(home),
        "SWARMLAB_LAB": f"solved-{name.partition('-')[0].lower()}",
        "PATH": os.pathsep.join((str(commands), os.environ["PATH"])),
        "JUPYTER_PLATFORM_DIRS": "1",
    }
    try:
        return subprocess.run(
            [
                *(sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-o", "filterwarnings=", "--timeout=280"),
                *("--nbval", "--nbval-cell-timeout=120", "--nbval-sanitize-with", SOLUTIONS / "sanitize.cfg"),
                SOLUTIONS / f"{name}.ipynb",
            ],
            env=variables, capture_output=True, text=True, check=False,
        )  # fmt: skip
    finally:
        subprocess.run([commands / "swarmlab", "down", "--purge"], env=variables, check=False, capture_output=True)


@pytest.fixture(scope="module")
def played(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> "Iterator[dict[str, Future[subprocess.CompletedProcess[str]]]]":
    """All notebooks that were selected, some at a time: they spend most of their time waiting."""
    home = tmp_path_factory.mktemp("labs")
    items = [item for item in request.session.items if isinstance(item, pytest.Function)]
    names = [
        item.callspec.params["name"] for item in items if item.originalname == "test_solved_notebooks_show_what_happens"
    ]
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        yield {name: pool.submit(play, home, name) for name in names}


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", SOLVED)
def test_solved_notebooks_show_what_happens(
    name: str, played: "dict[str, Future[subprocess.CompletedProcess[str]]]"
) -> None:
    run = played[name].result()

    assert run.returncode == 0, run.stdout + run.stderr
