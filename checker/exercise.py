"""Exercises: data files that say what each step needs evidence of."""

import random
import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Annotated, Any

import msgspec

from checker.conditions import AnyCondition
from checker.document import Document

Text = Annotated[str, msgspec.Meta(min_length=1)]
Variable = str | int
#: The seed that gives the book's own values.
BOOK = 0
_REFERENCE = re.compile(r"\$\{(\w+)\}")


class UnknownExerciseError(LookupError):
    """Raised when there is no exercise with that id."""


class VariableError(ValueError):
    """Raised when a variable is set that an exercise doesn't have, or to a value of the wrong kind."""


class Mistake(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A misconception that has a name. `sign` recognises it; `says` tells the learner what is wrong with it."""

    name: Text
    says: Text
    sign: AnyCondition


class Step(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One thing to do. Its points are shared among its conditions by weight.

    `hints` are at most two: where to look, then the answer. `solution` is what a shell does to solve it.
    """

    id: Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9-]*$")]
    title: Text
    points: Annotated[int, msgspec.Meta(ge=1)]
    conditions: Annotated[tuple[AnyCondition, ...], msgspec.Meta(min_length=1)]
    hints: Annotated[tuple[Text, ...], msgspec.Meta(max_length=2)] = ()
    mistakes: tuple[Mistake, ...] = ()
    explanation: str = ""
    solution: tuple[Text, ...] = ()


class Start(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What there must be before the first step: so many engines, and what these commands make."""

    nodes: Annotated[int, msgspec.Meta(ge=1)] = 1
    commands: tuple[Text, ...] = ()


class Exercise(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An exercise.

    `variables` are names and values that `${name}` stands for everywhere else in the file; `vary` has other values for
    some of them, of which an attempt's seed chooses one.
    """

    id: Annotated[str, msgspec.Meta(pattern=r"^[A-Z][A-Za-z0-9.-]*$")]
    title: Text
    chapter: Text
    about: Text
    prerequisites: tuple[str, ...] = ()
    start: Start = Start()
    variables: dict[str, Variable] = {}
    vary: dict[str, Annotated[tuple[Variable, ...], msgspec.Meta(min_length=1)]] = {}
    steps: Annotated[tuple[Step, ...], msgspec.Meta(min_length=1)]

    @property
    def possible(self) -> int:
        """The points of all steps."""
        return sum(step.points for step in self.steps)

    def step(self, step_id: str) -> Step | None:
        """The step with that id."""
        return next((step for step in self.steps if step.id == step_id), None)


def parse(
    text: str, name: str, variables: Mapping[str, Variable] | None = None, seed: int = BOOK
) -> tuple[Exercise, Document]:
    """An exercise from YAML, with `variables` in place of its own, and the document for telling lines.

    Raises DocumentError, VariableError.
    """
    document = Document.parse(text, name)
    value = document.value
    values = _own(value)
    if seed != BOOK:
        values |= _varied(value, values, seed)
    for variable, given in (variables or {}).items():
        if variable not in values:
            raise VariableError(f"{name} has no variable {variable!r} (it has {', '.join(values) or 'none'})")
        values[variable] = _like(values[variable], variable, given)
    exercise = msgspec.structs.replace(
        document.convert(Exercise, _fill(document, value, values, "$")), variables=dict(values)
    )
    seen: set[str] = set()
    for i, step in enumerate(exercise.steps):
        if step.id in seen:
            raise document.error(f"$.steps[{i}].id", f"step {step.id!r} is there twice")
        seen.add(step.id)
    for variable in exercise.vary:
        if variable not in exercise.variables:
            raise document.error(f"$.vary.{variable}", f"there is no variable {variable!r}")
    return exercise, document


@cache
def available() -> Mapping[str, str]:
    """The text of each exercise that comes with the checker, by id, in the order of the chapters."""
    folder = files("checker") / "exercises"
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".yaml"))
    return {name.removesuffix(".yaml"): (folder / name).read_text(encoding="utf-8") for name in names}


def load(exercise_id: str, variables: Mapping[str, Variable] | None = None, seed: int = BOOK) -> Exercise:
    """The exercise with that id, whatever its case. Raises UnknownExerciseError, VariableError, DocumentError."""
    for known, text in available().items():
        if known.lower() == exercise_id.lower():
            return _loaded(known, text, tuple(sorted((variables or {}).items())), seed)
    raise UnknownExerciseError(f"there is no exercise {exercise_id!r} (there are {', '.join(available())})")


@cache
def _loaded(name: str, text: str, variables: tuple[tuple[str, Variable], ...], seed: int) -> Exercise:
    return parse(text, f"{name}.yaml", dict(variables), seed)[0]


def _own(value: Any) -> dict[str, Variable]:
    own = value.get("variables") if isinstance(value, dict) else None
    return {k: v for k, v in own.items() if isinstance(v, str | int)} if isinstance(own, dict) else {}


def _varied(value: Any, own: Mapping[str, Variable], seed: int) -> dict[str, Variable]:
    """What the seed chooses: always the same for the same file and seed."""
    vary = value.get("vary") if isinstance(value, dict) else None
    choice = random.Random(f"{value.get('id')}:{seed}")  # noqa: S311  (variety, not secrecy)
    found: dict[str, Variable] = {}
    for name, others in (vary if isinstance(vary, dict) else {}).items():
        if name in own and isinstance(others, list) and others:
            found[name] = choice.choice(others)
    return found


def _like(default: Variable, name: str, given: Variable) -> Variable:
    try:
        return type(default)(given)
    except ValueError:
        raise VariableError(f"variable {name!r} must be a number, not {given!r}") from None


def _fill(document: Document, value: Any, variables: Mapping[str, Variable], path: str) -> Any:
    """`value` with each `${name}` replaced; a string that is nothing but a reference takes over the variable's type."""
    if isinstance(value, dict):
        return {key: _fill(document, item, variables, f"{path}.{key}") for key, item in value.items()}
    if isinstance(value, list):
        return [_fill(document, item, variables, f"{path}[{i}]") for i, item in enumerate(value)]
    if not isinstance(value, str):
        return value
    for name in _REFERENCE.findall(value):
        if name not in variables:
            raise document.error(path, f"there is no variable {name!r}")
    whole = _REFERENCE.fullmatch(value)
    return variables[whole[1]] if whole else _REFERENCE.sub(lambda match: str(variables[match[1]]), value)
