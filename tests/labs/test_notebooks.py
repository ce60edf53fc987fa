"""The notebooks are what their sources make, and the solved ones do what they show."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest

from checker.notebooks import LABS, SOLUTIONS, SOURCES, blocks, has_solution, notebook, sources

NAMES = sorted(path.stem for path in SOURCES.glob("*.md"))
SOLVED = [name for name in NAMES if has_solution((SOURCES / f"{name}.md").read_text(encoding="utf-8"))]

EXAMPLE = """\
# Title

```cell
!docker info
```

Text.

```cell learner
# Your turn
```

```cell solution
!docker node ls
```

```sh
not a cell
```
"""


def test_blocks() -> None:
    assert [(block.kind, block.text) for block in blocks(EXAMPLE)] == [
        ("markdown", "# Title"),
        ("cell", "!docker info"),
        ("markdown", "Text."),
        ("learner", "# Your turn"),
        ("solution", "!docker node ls"),
        ("markdown", "```sh\nnot a cell\n```"),
    ]


def test_each_audience_has_its_cells() -> None:
    learner, solution = notebook(EXAMPLE, "learner"), notebook(EXAMPLE, "solution")

    assert [cell.source for cell in learner.cells if cell.cell_type == "code"] == ["!docker info", "# Your turn"]
    assert [cell.source for cell in solution.cells if cell.cell_type == "code"] == ["!docker info", "!docker node ls"]
    assert learner == notebook(EXAMPLE, "learner")


def test_unknown_kinds_are_refused() -> None:
    with pytest.raises(ValueError, match="line 3: a cell is for"):
        list(blocks("Text.\n\n```cell teacher\n```\n"))


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


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment of a lab of its own, which ends with the test."""
    commands = Path(sys.executable).parent
    variables = os.environ | {
        "SWARMLAB_HOME": str(tmp_path / "labs"),
        "SWARMLAB_LAB": "solved",
        "PATH": os.pathsep.join((str(commands), os.environ["PATH"])),
        "JUPYTER_PLATFORM_DIRS": "1",
    }
    yield variables
    subprocess.run([commands / "swarmlab", "down", "--purge"], env=variables, check=False, capture_output=True)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", SOLVED)
def test_solved_notebooks_show_what_happens(name: str, environment: dict[str, str]) -> None:
    run = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-o", "filterwarnings=", "--timeout=280"),
            *("--nbval", "--nbval-cell-timeout=120", "--nbval-sanitize-with", SOLUTIONS / "sanitize.cfg"),
            SOLUTIONS / f"{name}.ipynb",
        ],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert run.returncode == 0, run.stdout + run.stderr
