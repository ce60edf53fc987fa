"""Finding mistakes in exercise files before learners do."""

import re
from collections.abc import Iterator

from checker.document import Document, DocumentError
from checker.exercise import Exercise, VariableError, parse
from checker.grader import grade

#: A command between backquotes.
_COMMAND = re.compile("`(docker [^`]+)`")
#: So many words has a command with its sub-command.
_NAME = 3


def lint(text: str, name: str) -> list[str]:
    """The mistakes in an exercise file, each as `file:line: what is wrong`; empty when there is none.

    Besides the schema this holds every exercise to two rules: doing nothing earns nothing, and only the second hint
    gives a solution away.
    """
    try:
        exercise, document = parse(text, name)
    except (DocumentError, VariableError) as error:
        return [str(error)]
    mistakes = [str(error) for error in (*_free_points(exercise, document), *_leaks(exercise, document))]
    stem = name.rpartition("/")[2].removesuffix(".yaml")
    if exercise.id != stem:
        mistakes.append(str(document.error("$.id", f"the file of exercise {exercise.id!r} is named {stem!r}")))
    return mistakes


def _leaks(exercise: Exercise, document: Document) -> Iterator[DocumentError]:
    """Whole lines of a step's solution where learners read them without having asked for the second hint."""
    for i, step in enumerate(exercise.steps):
        at = f"$.steps[{i}]"
        texts = {f"{at}.title": step.title, "$.about": exercise.about}
        texts |= {f"{at}.conditions[{j}].why": condition.why for j, condition in enumerate(step.conditions)}
        texts |= {f"{at}.mistakes[{j}].says": mistake.says for j, mistake in enumerate(step.mistakes)}
        texts |= {f"{at}.hints[0]": hint for hint in step.hints[:1]}
        lines = [" ".join(line.split()) for text in step.solution for line in text.splitlines()]
        # `docker node ls` is the name of a command; with arguments it is an answer.
        answers = [line for line in lines if line.startswith("docker ") and len(line.split()) > _NAME]
        for path, text in texts.items():
            plain = " ".join(text.split())
            # The beginning of a line with its options gives it away as well.
            told = [command for command in _COMMAND.findall(plain) if len(command.split()) > _NAME]
            if any(answer in plain or answer.startswith(tuple(told)) for answer in answers):
                yield document.error(path, f"step {step.id!r}: this gives the solution away; only the second hint may")


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
