"""What notebooks and documentation say is there: links, commands and their options, words; and pages that are made."""

import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest
import typer.main

from checker import chapters
from checker.cli import app as checker_app
from checker.exercise import available, load
from checker.labs import LABS, exercises_of, index, source, stems
from swarmlab.cli.app import app as swarmlab_app
from swarmlab.lab.docker_cli import find_docker

replace = msgspec.structs.replace
ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
#: Pages about commands that learners give. The errata quote wrong ones.
MANUALS = [ROOT / "README.md", *(ROOT / "docs" / f"{name}.md" for name in ("quick-start", "learners", "labs"))]
TEXTS = {
    **{f"{name}.ipynb": source(name) for name in stems()},
    **{page.name: page.read_text("utf-8") for page in MANUALS},
}
#: Words that stand for something else, and plugins that are not on every machine.
FREE = re.compile(r"[A-Z<$…\"'{/.\d]|compose$")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_of_pages_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", re.sub(r"`[^`\n]*`", "", page.read_text("utf-8"))):
        assert (page.parent / target).exists(), f"{page.name} names {target}"


@pytest.mark.parametrize("name", stems())
def test_links_of_notebooks_lead_somewhere(name: str) -> None:
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", source(name)):
        assert (LABS / target).exists(), f"{name} names {target}"


def commands(text: str) -> list[list[str]]:
    """The words of each docker, swarmlab and checker command in a text. Notes on the book's mistakes are left out."""
    text = re.sub(r"^>.*$", "", text, flags=re.MULTILINE)
    spans = re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL))
    blocks = re.findall(r"^```.*?\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)
    shell = [line for block in blocks for line in re.sub(r"\\\n\s*", " ", block).splitlines() if "#" not in line[:1]]
    shell += re.findall(r"^    (.+)$", text, flags=re.MULTILINE)
    found = []
    for code in (*spans, *shell):
        for piece in re.split(r"[;|]|&&|\$\(|\)|   +|\bdo\b|\buntil\b|\bwhile\b|['\"]", code):
            words = piece.replace("$ ", "").strip().lstrip("!").split()
            if words and words[0].rpartition("/")[2] in {"docker", "swarmlab", "checker"}:
                found.append([words[0].rpartition("/")[2], *words[1:]])
    return found


@cache
def docker_help(*path: str) -> str:
    """What the docker command says of a command; of its group when there is no such command."""
    return subprocess.run([find_docker(), *path, "--help"], capture_output=True, text=True, check=False).stdout


def missing_in_docker(words: list[str]) -> str:
    rest = list(words[1:])
    while rest[:1] and rest[0] in {"--context", "-H"}:
        rest = rest[2:]
    path: list[str] = []
    while rest and not rest[0].startswith("-") and not FREE.match(rest[0]):
        # The usage, or among the aliases.
        if not re.search(rf"^.*\bdocker {' '.join((*path, rest[0]))}\b", docker_help(*path, rest[0]), re.MULTILINE):
            # An argument, unless a group of commands should have had a command here.
            return (
                rest[0] if re.search(r"^Usage: .* COMMAND$", docker_help(*path), re.MULTILINE) else options(path, rest)
            )
        path.append(rest.pop(0))
    return options(path, rest)


def options(path: list[str], rest: list[str]) -> str:
    """The first long option that the docker command doesn't have there. `exec` and `run` name other commands' too."""
    if path[-1:] in (["exec"], ["run"]) or rest[:1] == ["compose"]:
        return ""
    known = docker_help(*path)
    given = (word.partition("=")[0] for word in rest if re.match(r"--[a-z]", word))
    return next((option for option in given if not re.search(rf"{option}\b", known) and option != "--help"), "")


def missing_here(app: typer.Typer, words: list[str]) -> str:
    found: Any = typer.main.get_command(app)
    rest = words[1:]
    while rest and hasattr(found, "commands") and not FREE.match(rest[0]) and not rest[0].startswith("-"):
        if rest[0] not in found.commands:
            return rest[0]
        found = found.commands[rest.pop(0)]
    known = {name for parameter in found.params for name in (*parameter.opts, *parameter.secondary_opts)} | {"--help"}
    given = (word.strip("[]").partition("=")[0] for word in rest if re.match(r"\[?--[a-z]", word))
    return next((option for option in given if option not in known), "")


@pytest.mark.parametrize("name", TEXTS)
def test_commands_and_their_options_exist(name: str) -> None:
    here = {"swarmlab": swarmlab_app, "checker": checker_app}
    for words in commands(TEXTS[name]):
        missing = missing_in_docker(words) if words[0] == "docker" else missing_here(here[words[0]], words)
        assert not missing, f"{' '.join(words)}: there is no {missing}"


def test_what_does_not_exist_is_noticed() -> None:
    text = (
        "`docker servce`, `docker service sl`, `docker service ls --detatch`, `swarmlab rest`, `checker hint --stp 1`"
    )

    assert [
        missing_in_docker(words)
        if words[0] == "docker"
        else missing_here({"swarmlab": swarmlab_app}.get(words[0], checker_app), words)
        for words in commands(text)
    ] == ["servce", "sl", "--detatch", "rest", "--stp"]
    assert commands("> `docker no`\n\n```cell\n!for x in 1; do docker ps; done\n```\n") == [["docker", "ps"]]


def test_words_are_spelt_right() -> None:
    places = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs", "solutions/src", "checker", "labs/images"]
    run = subprocess.run(
        [sys.executable, "-m", "codespell_lib", *places], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert run.returncode == 0, run.stdout + run.stderr


def test_the_table_of_steps_is_up_to_date() -> None:
    assert (ROOT / "docs" / "chapters.md").read_text("utf-8") == chapters.table(), "python -m checker.chapters"


def test_where_a_step_is_done() -> None:
    exercise = load("Q1")
    two = replace(exercise, steps=(exercise.steps[0], replace(exercise.steps[0], id="more")))
    parts = ("", "One\n**Step 1.**", "Two\n**Step 2.**", 'Three\ncheck("Q1", steps="2-3")', 'Four\ncheck("Q1")')
    text = "\n## ".join(parts)

    assert [chapters.place(text, two, number) for number in (1, 2)] == ["One", "Three"]
    assert chapters.place(text, exercise, 1) == "Four", "the steps of the text are the chapter's"
    assert chapters.place("## One", exercise, 1) == ""


def test_every_step_has_its_place() -> None:
    assert not [f"{row.exercise.id} {row.step.id}" for row in chapters.rows() if row.notebook and not row.place]


def test_the_index_leads_to_every_lab() -> None:
    listed = re.findall(r"\]\((.+?)\.ipynb\)", index())

    assert listed == [name for name in stems() if name[0].isalpha() and name != "Z-glossary"]
    assert {exercise for name in listed for exercise in exercises_of(name)} <= set(available())


def words(name: str) -> set[str]:
    """The words that a notebook explains in its table."""
    tables = re.findall(r"^\| word \| what it means \|.*\n\|[-|]+\n((?:\|.*\n)+)", source(name) + "\n", re.MULTILINE)
    first = [row.split("|")[1] for table in tables for row in table.splitlines()]
    return {word for cell in first for word in re.findall(r"\*([^*]+)\*", cell)}


@pytest.mark.parametrize("name", [name for name in stems() if words(name)])
def test_the_glossary_has_every_word(name: str) -> None:
    assert words(name) <= words("Z-glossary")


@pytest.mark.parametrize("name", [name for name in stems() if "**In the book**" in source(name)])
def test_the_errata_name_every_lab_that_corrects_the_book(name: str) -> None:
    errata = (ROOT / "docs" / "errata.md").read_text("utf-8")

    assert re.search(rf"^\|.*\|[^|]*\b{name.partition('-')[0]}\b[^|]*\|$", errata, re.MULTILINE)
