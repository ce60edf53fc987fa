"""Exercises: data files that say what each step needs evidence of."""

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
_REFERENCE = re.compile(r"\$\{(\w+)\}")


class UnknownExerciseError(LookupError):
    """Raised when there is no exercise with that id."""


class VariableError(ValueError):
    """Raised when a variable is set that an exercise doesn't have, or to a value of the wrong kind."""


class Step(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One thing to do. Its points are shared among its conditions by weight."""

    id: Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9-]*$")]
    title: Text
    points: Annotated[int, msgspec.Meta(ge=1)]
    conditions: Annotated[tuple[AnyCondition, ...], msgspec.Meta(min_length=1)]


class Exercise(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An exercise. `variables` are names and values that `${name}` stands for everywhere else in the file."""

    id: Annotated[str, msgspec.Meta(pattern=r"^[A-Z][A-Za-z0-9.-]*$")]
    title: Text
    chapter: Text
    about: Text
    variables: dict[str, Variable] = {}
    steps: Annotated[tuple[Step, ...], msgspec.Meta(min_length=1)]

    @property
    def possible(self) -> int:
        """The points of all steps."""
        return sum(step.points for step in self.steps)


def parse(text: str, name: str, variables: Mapping[str, Variable] | None = None) -> tuple[Exercise, Document]:
    """An exercise from YAML, with `variables` in place of its own, and the document for telling lines.

    Raises DocumentError, VariableError.
    """
    document = Document.parse(text, name)
    value = document.value
    own = value.get("variables") if isinstance(value, dict) else None
    values = dict(own) if isinstance(own, dict) else {}
    for variable, given in (variables or {}).items():
        if variable not in values:
            raise VariableError(f"{name} has no variable {variable!r} (it has {', '.join(values) or 'none'})")
        values[variable] = _like(values[variable], variable, given)
    exercise = document.convert(Exercise, _fill(document, value, values, "$"))
    seen: set[str] = set()
    for i, step in enumerate(exercise.steps):
        if step.id in seen:
            raise document.error(f"$.steps[{i}].id", f"step {step.id!r} is there twice")
        seen.add(step.id)
    return exercise, document


@cache
def available() -> Mapping[str, str]:
    """The text of each exercise that comes with the checker, by id, in the order of the chapters."""
    folder = files("checker") / "exercises"
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".yaml"))
    return {name.removesuffix(".yaml"): (folder / name).read_text(encoding="utf-8") for name in names}


def load(exercise_id: str, variables: Mapping[str, Variable] | None = None) -> Exercise:
    """The exercise with that id, whatever its case. Raises UnknownExerciseError, VariableError, DocumentError."""
    for known, text in available().items():
        if known.lower() == exercise_id.lower():
            return parse(text, f"{known}.yaml", variables)[0]
    raise UnknownExerciseError(f"there is no exercise {exercise_id!r} (there are {', '.join(available())})")


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
