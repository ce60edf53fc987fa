"""A question with boxes to tick, for notebooks. What was chosen is kept with the attempt, as by `answer`, not here."""

from typing import Any

# It has no types.
import ipywidgets as widgets  # type: ignore[import-untyped]

from checker.session import Session


class Quiz:
    """The statements' letters as boxes, a button that answers, and below it what the checker says.

    The statements themselves stand in the notebook's text, where a reader without a kernel finds them. Where no widgets
    are shown, this is a line that says how to answer without them.
    Raises UnknownStepError for a step, or an exercise, without a question.
    """

    def __init__(self, session: Session, step: str = "") -> None:
        self._session = session
        self._step, question = session.question(step)
        chosen = session.record.answers.get(self._step.id, ())
        self._boxes = {
            key: widgets.Checkbox(value=key in chosen, description=key, indent=False, layout={"width": "4em"})
            for key in question.statements
        }
        button = widgets.Button(description="Check my answer", button_style="primary")
        button.on_click(lambda _button: self.submit())
        self._report = widgets.HTML()
        choices = widgets.Box([*self._boxes.values(), button], layout={"flex_flow": "row wrap"})
        self.box = widgets.VBox([choices, self._report])

    def submit(self) -> None:
        """Answer with the boxes that are ticked, and show what the checker says."""
        self._session.answer([key for key, box in self._boxes.items() if box.value], self._step.id)
        number = [step.id for step in self._session.exercise().steps].index(self._step.id) + 1
        self._report.value = self._session.check().only([number])._repr_html_()

    def __repr__(self) -> str:
        return f'Answer with answer("{self._session.id}", …), the letters in quotes: {", ".join(self._boxes)}.'

    def _repr_mimebundle_(self, **options: Any) -> dict[str, Any]:
        shown: dict[str, Any] = self.box._repr_mimebundle_(**options)
        return {**shown, "text/plain": repr(self)}
