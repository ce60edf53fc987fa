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
from nbval.plugin import get_sanitize_patterns

from checker.exercise import BOOK, load
from checker.labs import (
    LABS,
    SOLUTIONS,
    SOURCES,
    NoNotebookError,
    exercises_of,
    fill,
    source,
    stem_of,
    stems,
    takes_seeds,
)
from checker.notebooks import blocks, has_solution, keep_outputs, notebook, personal, sources

NAMES = stems()
SOLVED = [name for name in NAMES if has_solution(source(name))]

#: So many solved notebooks run side by side.
AT_A_TIME = 4

#: Notebooks that are run with other values than the book's, too; others would only take time, and are with
#: SWARMLAB_THOROUGH=1.
SEEDED = ("A4-configs-and-secrets", "B6-configs")
THOROUGH = bool(os.environ.get("SWARMLAB_THOROUGH"))
#: A seed with which all values of those are others.
SEED = 213

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

    for text, counts in ((other_text, [1, 2]), (other_code, [None, None])):
        made = notebook(text, "solution")
        keep_outputs(made, stored)
        assert [cell.execution_count for cell in made.cells if cell.cell_type == "code"] == counts


def test_unknown_kinds_are_refused() -> None:
    for word in ("teacher", "varies learner"):
        with pytest.raises(ValueError, match="line 3: a cell is for"):
            list(blocks(f"Text.\n\n```cell {word}\n```\n"))


def test_placeholders() -> None:
    text = "${service} has ${replicas} (${replicas|word}) tasks; ${HOME} and $((2 * ${replicas})) are a shell's"

    assert fill(text, {"service": "web", "replicas": 3}) == (
        "web has 3 (three) tasks; ${HOME} and $((2 * 3)) are a shell's"
    )
    for wrong in ("${nothing|word}", "${replicas|roman}", "${service|word}"):
        with pytest.raises(ValueError, match="makes no sense"):
            fill(wrong, {"service": "web", "replicas": 3})


def test_questions_are_shown_as_the_exercise_has_them() -> None:
    text = source("Q-questions")

    assert "What is a zero-downtime deployment?\n\n* a. A new version takes" in text
    assert "```question" not in text
    assert source("Q-questions", SEED) != text


@pytest.mark.parametrize("name", [name for name in NAMES if takes_seeds(name)])
def test_notebooks_take_what_varies_from_the_seed(name: str) -> None:
    raw = (SOURCES / f"{name}.md").read_text(encoding="utf-8")
    cells = "\n".join(block.text for block in blocks(raw) if block.kind != "markdown")

    assert "seed=${seed}" in cells
    for exercise in map(load, exercises_of(name)):
        assert not [variable for variable in exercise.vary if f"${{{variable}}}" not in cells]


def test_seeds_of_this_test_change_everything() -> None:
    for name in SEEDED:
        for exercise in map(load, exercises_of(name)):
            other = load(exercise.id, seed=SEED).variables
            assert not [variable for variable in exercise.vary if other[variable] == exercise.variables[variable]]


def test_a_notebook_for_a_seed(tmp_path: Path) -> None:
    made = personal("b1", SEED, tmp_path / "mine.ipynb")
    told = "\n".join(cell.source for cell in nbformat.read(made, as_version=4).cells)

    assert stem_of("B1") == "B1-routing-mesh"
    assert f'start("B1", seed={SEED})' in told
    assert load("B1", seed=SEED).variables["service"] in told
    assert "whoami --network" not in told
    assert f"This is seed {SEED}" in told
    assert "This is seed" not in source("B1-routing-mesh")


def test_a_notebook_without_placeholders_has_no_other_values(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("checker.labs.SOURCES", tmp_path)
    (tmp_path / "B1-plain.md").write_text("# Plain\n\nText.\n")

    personal("B1", BOOK, tmp_path / "book.ipynb")
    with pytest.raises(NoNotebookError, match="the book's values only"):
        personal("B1", SEED, tmp_path / "other.ipynb")
    with pytest.raises(NoNotebookError, match="no notebook about B2"):
        personal("B2", BOOK, tmp_path / "other.ipynb")


def test_there_are_labs() -> None:
    assert "A1-run-services" in SOLVED
    assert {path.stem for path in LABS.glob("*.ipynb") if "-seed-" not in path.stem} == set(NAMES)
    assert {path.stem for path in SOLUTIONS.glob("*.ipynb")} == set(SOLVED)


@pytest.mark.parametrize("name", NAMES)
def test_learners_notebooks_are_what_their_sources_make(name: str) -> None:
    made = notebook(source(name), "learner")

    assert (LABS / f"{name}.ipynb").read_text(encoding="utf-8") == nbformat.writes(made) + "\n"


@pytest.mark.parametrize("name", SOLVED)
def test_solved_notebooks_are_what_their_sources_make(name: str) -> None:
    made = notebook(source(name), "solution")
    stored = nbformat.read(SOLUTIONS / f"{name}.ipynb", as_version=4)

    assert sources(stored) == sources(made)
    executed = [cell.execution_count for cell in stored.cells if cell.cell_type == "code"]
    assert executed == list(range(1, len(executed) + 1))


@pytest.mark.parametrize("name", SOLVED)
def test_outputs_name_no_folder_of_the_machine_that_made_them(name: str) -> None:
    stored = nbformat.read(SOLUTIONS / f"{name}.ipynb", as_version=4)

    for cell in stored.cells:
        assert "/solutions/" not in str(cell.get("outputs", ""))


@pytest.mark.parametrize("name", NAMES)
def test_pictures_are_there_and_described(name: str) -> None:
    text = source(name)

    for description, target in re.findall(r"!\[([^\]]*)\]\(([^)]+)\)", text):
        assert (LABS / target).is_file()
        assert len(description) > 40


def play(home: Path, name: str, seed: int = BOOK) -> "subprocess.CompletedProcess[str]":
    """Run a solved notebook on a lab of its own.

    What it shows is compared with what is stored. With another seed there is nothing to compare: it must earn all.
    """
    commands = Path(sys.executable).parent
    variables = os.environ | {
        "SWARMLAB_HOME": str(home),
        "SWARMLAB_LAB": f"solved-{name.partition('-')[0].lower()}-{seed}",
        "PATH": os.pathsep.join((str(commands), os.environ["PATH"])),
        "JUPYTER_PLATFORM_DIRS": "1",
        # Other plugins of pytest, and what notebooks' format brings along, take two seconds of each process.
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    }
    plugins = ("no:cacheprovider", "tests.support.quick_schemas", "nbval.plugin", "pytest_timeout")
    stored = SOLUTIONS / f"{name}.ipynb"
    if seed != BOOK:
        stored = home / "solutions" / f"{name}-{seed}.ipynb"
        made = notebook(source(name, seed), "solution")
        last = "\n".join(("import checker", *(f'checker.assert_passed("{one}")' for one in exercises_of(name))))
        made.cells.append(nbformat.v4.new_code_cell(last))  # type: ignore[no-untyped-call]
        nbformat.write(made, stored)
    try:
        return subprocess.run(
            [
                *(sys.executable, "-m", "pytest", *(f"-p{plugin}" for plugin in plugins)),
                *("-o", "filterwarnings=", "--timeout=280"),
                *("--nbval" if seed == BOOK else "--nbval-lax", "--nbval-cell-timeout=120"),
                "--nbval-kernel-startup-timeout=120",
                *("--nbval-sanitize-with", SOLUTIONS / "sanitize.cfg", stored),
            ],
            env=variables, capture_output=True, text=True, check=False,
        )  # fmt: skip
    finally:
        subprocess.run([commands / "swarmlab", "down", "--purge"], env=variables, check=False, capture_output=True)


@pytest.fixture(scope="module")
def played(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> "Iterator[dict[tuple[str, int], Future[subprocess.CompletedProcess[str]]]]":
    """All notebooks that were selected, some at a time: they spend most of their time waiting."""
    home = tmp_path_factory.mktemp("labs")
    # Notebooks for other seeds lie beside the labs' files, as the stored ones do.
    (home / "solutions").mkdir()
    (home / "labs").symlink_to(LABS)
    items = [item for item in request.session.items if isinstance(item, pytest.Function)]
    wanted = [
        (item.callspec.params["name"], item.callspec.params["seed"])
        for item in items
        if item.originalname == "test_solved_notebooks_show_what_happens"
    ]
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        yield {one: pool.submit(play, home, *one) for one in wanted}


@pytest.mark.timeout(600)
def test_every_rule_for_outputs_is_one_to_nbval() -> None:
    """It reads them line by line, and passes over a replacement that is empty."""
    text = (SOLUTIONS / "sanitize.cfg").read_text("utf-8")
    assert len(get_sanitize_patterns(text)) == text.count("\nregex: ") == text.count("\n[")


@pytest.mark.parametrize(
    ("name", "seed"),
    [
        *((name, BOOK) for name in SOLVED),
        *((name, SEED) for name in ([name for name in SOLVED if takes_seeds(name)] if THOROUGH else SEEDED)),
    ],
)
def test_solved_notebooks_show_what_happens(
    name: str, seed: int, played: "dict[tuple[str, int], Future[subprocess.CompletedProcess[str]]]"
) -> None:
    run = played[name, seed].result()

    assert run.returncode == 0, run.stdout + run.stderr
