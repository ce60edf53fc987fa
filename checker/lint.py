"""Finding mistakes in exercise files before learners do."""

from checker.document import Document, DocumentError
from checker.exercise import Exercise, VariableError, parse
from checker.grader import grade


def lint(text: str, name: str) -> list[str]:
    """The mistakes in an exercise file, each as `file:line: what is wrong`; empty when there is none.

    Besides the schema this holds every exercise to one rule: doing nothing earns nothing.
    """
    try:
        exercise, document = parse(text, name)
    except (DocumentError, VariableError) as error:
        return [str(error)]
    mistakes = [str(error) for error in _free_points(exercise, document)]
    stem = name.rpartition("/")[2].removesuffix(".yaml")
    if exercise.id != stem:
        mistakes.append(str(document.error("$.id", f"the file of exercise {exercise.id!r} is named {stem!r}")))
    return mistakes


def _free_points(exercise: Exercise, document: Document) -> list[DocumentError]:
    untouched = grade(exercise, None)
    return [
        document.error(
            f"$.steps[{i}].conditions[{j}]",
            verdict.error or f"step {step.step.id!r} gives points although nothing was done",
        )
        for i, step in enumerate(untouched.steps)
        for j, verdict in enumerate(step.verdicts)
        if verdict.met or verdict.error
    ]
