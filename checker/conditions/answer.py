"""A question of the book, as statements to choose from."""

from collections.abc import Sequence
from typing import Annotated

import msgspec

from checker.conditions.base import Condition, Finding, Observer
from checker.facts.base import plural
from checker.world import Swarm


class Statement(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A rubric item: something that a good answer says (`right`), or must not say. `because` explains it."""

    text: Annotated[str, msgspec.Meta(min_length=1)]
    right: bool
    because: Annotated[str, msgspec.Meta(min_length=1)]


class Answer(Condition, frozen=True, tag="answer"):
    """The learner chose, of the `statements`, all that answer the question, and no other."""

    question: Annotated[str, msgspec.Meta(min_length=1)]
    statements: Annotated[dict[str, Statement], msgspec.Meta(min_length=2)]

    def __post_init__(self) -> None:
        if not any(statement.right for statement in self.statements.values()):
            raise ValueError("one of the statements must be right")

    def observe(self) -> Observer:
        """See `Condition.observe`."""
        return AnswerObserver(self)


class AnswerObserver(Observer):
    """Is told what the learner answered last."""

    def __init__(self, condition: Answer) -> None:
        self._condition = condition
        self._chosen: Sequence[str] | None = None

    def answered(self, chosen: Sequence[str]) -> None:
        """The learner's choice: keys of the statements."""
        self._chosen = chosen

    def finding(self, swarm: Swarm) -> Finding:
        """See `Observer.finding`. Names what was chosen wrongly, and how many are missing, but not which."""
        statements = self._condition.statements
        expected = "that you choose every statement that answers the question, and no other"
        if self._chosen is None:
            return Finding(False, "the question has no answer yet", expected)
        chosen = set(self._chosen)
        right = {key for key, statement in statements.items() if statement.right}
        if chosen == right:
            return Finding(True, "; ".join(statements[key].because for key in sorted(right)), expected)
        wrong = [
            f"{key} is not right: {statements[key].because}" for key in sorted(chosen - right) if key in statements
        ]
        unknown = [f"there is no statement {key}" for key in sorted(chosen - set(statements))]
        missing = len(right - chosen)
        lacks = [f"{plural(missing, 'more statement')} would be right"] if missing else []
        return Finding(False, "; ".join((*wrong, *unknown, *lacks)), expected)
