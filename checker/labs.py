"""The labs' notebooks: where they and their sources are, which exercises they are about, and a source for a seed.

A source names the variables of its exercise as exercise files do: `${service}`, and `${replicas|word}` for a small
number in words. With seed 0 these are the book's values, and so they are in `labs/`; another seed gives a notebook that
has other values in texts and commands, and starts the exercise with that seed (`${seed}`). An empty fenced block marked
`question B5 where` is where that exercise's question stands, with its statements; a step need only be named when there
are several. One marked `index` is where the table of all labs stands.
"""

import re
from collections.abc import Mapping
from pathlib import Path

from checker.conditions.answer import Answer
from checker.exercise import BOOK, Variable, available, load

_ROOT = Path(__file__).parent.parent
LABS, SOLUTIONS, SOURCES = _ROOT / "labs", _ROOT / "solutions", _ROOT / "solutions" / "src"
IMAGES = LABS / "images"
_PLACE = re.compile(r"\$\{(\w+)(\|\w+)?\}")
_QUESTION = re.compile(r"^```question (\S+)(?: (\S+))?\n```$", re.MULTILINE)
_INDEX = "```index\n```"
#: How the names of labs begin; other notebooks are about the labs.
_LAB = re.compile(r"[A-Y]")
_WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")


class NoNotebookError(LookupError):
    """Raised when there is no notebook for an exercise (as where only the package is installed) and a seed."""


def stems() -> list[str]:
    """The names of all sources, without `.md`, in the order in which they are listed."""
    return sorted(path.stem for path in SOURCES.glob("*.md"))


def exercises_of(stem: str) -> list[str]:
    """The exercises that a notebook is about: `B2-rolling-updates` is about B2, and `Q-questions` about Q1, Q2, …."""
    prefix = stem.partition("-")[0]
    return [
        name for name in available() if name == prefix or (prefix.isalpha() and name.rstrip("0123456789") == prefix)
    ]


def stem_of(exercise: str) -> str:
    """The notebook that is about an exercise. Raises UnknownExerciseError, NoNotebookError."""
    name = load(exercise).id
    for stem in stems():
        if name in exercises_of(stem):
            return stem
    raise NoNotebookError(f"there is no notebook about {name} here")


def takes_seeds(stem: str) -> bool:
    """Whether a notebook has other values with another seed, and begins its exercise with it."""
    return "${seed}" in _raw(stem)


def source(stem: str, seed: int = BOOK) -> str:
    """A source with the values that a seed gives. Raises ValueError for what cannot be filled in."""
    values: dict[str, Variable] = {"seed": seed}
    for exercise in exercises_of(stem):
        values |= load(exercise, seed=seed).variables
    text = fill(_raw(stem), values)
    if seed != BOOK:
        text = _noted(text, values)
    if _INDEX in text:
        text = text.replace(_INDEX, index())
    return _QUESTION.sub(lambda match: _question(match[1], match[2], seed), text)


def index() -> str:
    """The table of all labs, in Markdown: what their first sentences say, and what they follow."""
    rows = ["| lab | what it is about | chapter |", "|---|---|---|"]
    for stem in stems():
        if not _LAB.match(stem):
            continue
        head, _, rest = _raw(stem).partition("\n")
        about = " ".join(rest.strip().split("\n\n")[0].split()).partition(". ")[0].rstrip(".")
        about = about.removeprefix("In this lab ").removeprefix("you ")
        about = about[:1].upper() + about[1:]
        title = head.removeprefix("# ").removeprefix("Lab ")
        rows.append(f"| [{title}]({stem}.ipynb) | {about} | {_chapter(stem)} |")
    return "\n".join(rows)


def fill(text: str, values: Mapping[str, Variable]) -> str:
    """`text` with each `${name}` replaced. Names that are no variables stay: they are a shell's or a compose file's."""

    def value(match: re.Match[str]) -> str:
        name, form = match[1], match[2]
        if form is None:
            return str(values.get(name, match[0]))
        found = values.get(name)
        if form != "|word" or not isinstance(found, int) or not 0 <= found < len(_WORDS):
            raise ValueError(f"{match[0]} makes no sense: {name} is {found!r}")
        return _WORDS[found]

    return _PLACE.sub(value, text)


def _noted(text: str, values: Mapping[str, Variable]) -> str:
    """`text` with a note below its title of what is otherwise in it; pictures and other labs keep the book's values."""
    title, _, rest = text.partition("\n")
    told = ", ".join(f"{name} = `{value}`" for name, value in values.items() if name != "seed")
    note = f"> **This is seed {values['seed']}**: {told}." if told else f"> **This is seed {values['seed']}.**"
    return f"{title}\n\n{note} Pictures show the book's names and numbers.\n{rest}"


def _question(exercise: str, step: str | None, seed: int) -> str:
    asked = load(exercise, seed=seed)
    conditions = [c for one in asked.steps if step in {None, one.id} for c in one.conditions if isinstance(c, Answer)]
    if len(conditions) != 1:
        raise ValueError(f"{exercise} has {len(conditions)} questions at {step or 'all its steps'}")
    statements = (f"* {key}. {statement.text}" for key, statement in conditions[0].statements.items())
    return "\n".join((conditions[0].question, "", *statements))


def _raw(stem: str) -> str:
    return (SOURCES / f"{stem}.md").read_text(encoding="utf-8")


def _chapter(stem: str) -> str:
    chapters = [load(exercise).chapter for exercise in exercises_of(stem)]
    if len(chapters) < 2:
        return "".join(chapters)
    common = chapters[0].rstrip("0123456789")
    return f"{common.rstrip()}s {chapters[0].removeprefix(common)} to {chapters[-1].removeprefix(common)}"
