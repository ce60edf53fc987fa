"""How far a learner is in the exercises, as a table with a link to each notebook."""

from collections.abc import Sequence
from html import escape
from typing import NamedTuple

from checker.labs import NoNotebookError, stem_of
from checker.result import Points


class Standing(NamedTuple):
    """One exercise: the points reached in the best attempt at each step, and those that are possible."""

    exercise: str
    title: str
    points: Points
    possible: Points


class Progress:
    """A table that shows itself in a notebook, and as text elsewhere."""

    def __init__(self, rows: Sequence[Standing]) -> None:
        self.rows = rows

    @property
    def points(self) -> Points:
        """The sum."""
        return round(sum(row.points for row in self.rows), 2)

    @property
    def possible(self) -> Points:
        """The sum."""
        return sum(row.possible for row in self.rows)

    def __repr__(self) -> str:
        lines = [f"{row.exercise:<4} {row.points:>5} / {row.possible:<5} {row.title}" for row in self.rows]
        return "\n".join((*lines, f"{'':<4} {self.points:>5} / {self.possible:<5} in all"))

    def _repr_html_(self) -> str:
        rows = "".join(
            f'<tr><th scope="row" style="text-align: left">{_link(row)}</th>'
            f'<td style="text-align: right">{row.points} / {row.possible}</td>'
            f'<td><progress value="{row.points}" max="{row.possible}" aria-label="{escape(row.exercise)}">'
            "</progress></td></tr>"
            for row in self.rows
        )
        headings = "".join(f'<th scope="col">{heading}</th>' for heading in ("Exercise", "Points", "Progress"))
        return (
            f"<table><caption>{self.points} of {self.possible} points</caption>"
            f"<thead><tr>{headings}</tr></thead><tbody>{rows}</tbody></table>"
        )


def _link(row: Standing) -> str:
    title = escape(f"{row.exercise}: {row.title}")
    try:
        return f'<a href="{escape(stem_of(row.exercise))}.ipynb">{title}</a>'
    except NoNotebookError:
        return title
