"""Results for people: as text for terminals and as HTML for notebooks."""

from html import escape
from textwrap import wrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from checker.result import Result, StepResult, Verdict

# Colours come from JupyterLab's own variables, so the report follows its theme; the fallbacks suit other viewers. The
# rules for cells name `section` and two classes because JupyterLab's own rules for tables would win over fewer.
_STYLE = """
.checker-report { font-family: var(--jp-content-font-family, system-ui, sans-serif); max-width: 52rem;
  line-height: 1.45; color: var(--jp-content-font-color1, currentColor); }
section.checker-report .checker-steps { border-collapse: collapse; table-layout: auto; width: 100%; margin: .5rem 0; }
.checker-report caption { text-align: left; font-weight: 600; padding: .25rem 0; color: inherit; }
section.checker-report .checker-steps tr { background: none; }
section.checker-report .checker-steps :is(th, td) { text-align: left; vertical-align: top; padding: .3rem .6rem;
  border: 0 solid var(--jp-border-color2, #8888); border-top-width: 1px; white-space: normal; }
section.checker-report .checker-steps :is(th, td):nth-child(n+2) { white-space: nowrap; }
section.checker-report .checker-steps :is(th, td):last-child { text-align: right;
  font-variant-numeric: tabular-nums; }
section.checker-report .checker-steps th:first-child { width: 100%; border-left: 5px solid transparent; }
section.checker-report .checker-steps tbody th:first-child { font-weight: 500;
  border-left-color: var(--checker-state); }
.checker-report tr { --checker-state: var(--jp-border-color1, #8888); }
.checker-report tr.checker-done { --checker-state: var(--jp-success-color1, #388e3c); }
.checker-report tr.checker-partly { --checker-state: var(--jp-warn-color0, #e65100); }
.checker-report tr.checker-not-yet { --checker-state: var(--jp-error-color1, #d32f2f); }
.checker-sign { color: var(--checker-state); font-weight: 700; }
section.checker-report .checker-steps p { margin: .2rem 0; }
section.checker-report .checker-steps dl { margin: .2rem 0 .5rem; display: grid;
  grid-template-columns: max-content 1fr; gap: .1rem .8rem; }
section.checker-report .checker-steps :is(dt, dd) { margin: 0; float: none; width: auto; overflow-wrap: anywhere; }
.checker-report dt { font-weight: 600; }
@media (max-width: 45rem) {
  section.checker-report .checker-steps dl { grid-template-columns: 1fr; }
}
"""


def plain(text: str) -> str:
    """`text` without the backquotes that mark commands."""
    return text.replace("`", "")


def mark(step: "StepResult") -> str:
    """Whether a step is done, as a sign that comes with words."""
    if step.given_up:
        return f"– {step.given_up}"
    if not step.possible:
        return "? unknown"
    if step.full:
        return "✔ done"
    return "◐ partly" if step.points else "✘ not yet"


def failed(step: "StepResult") -> "list[Verdict]":
    """The verdicts that a step needs to explain."""
    if step.given_up:
        return []
    return [verdict for verdict in step.verdicts if not verdict.met]


def summary(result: "Result") -> str:
    """One line: how many points, and what follows."""
    done = sum(step.full for step in result.steps)
    line = f"{result.points} of {result.possible} points, {done} of {len(result.steps)} steps done"
    if result.errors:
        line += f"; {len(result.errors)} conditions could not be checked, which is not your fault and costs you nothing"
    return line


def text(result: "Result") -> str:
    """The report as plain text, every line short enough for most terminals."""
    lines = [f"{result.exercise.id}  {result.exercise.title}", summary(result), ""]
    for step in result.steps:
        lines.append(f"{mark(step):<10} {step.points:>4}/{step.possible:<3} {step.step.title}")
        if step.full and step.step.explanation:
            lines += _indented("note:     ", step.step.explanation)
        for mistake in step.mistakes:
            lines += _indented("mistake:  ", mistake)
        for verdict in failed(step):
            lines += _indented("found:    ", verdict.found)
            lines += _indented("expected: ", verdict.expected)
            lines += _indented("why:      ", verdict.why)
    return "\n".join(lines)


def _indented(title: str, value: str) -> list[str]:
    indent = " " * 20
    return wrap(plain(value), 100, initial_indent=indent + title, subsequent_indent=indent + " " * len(title))


def html(result: "Result") -> str:
    """The report as one accessible HTML fragment: a real table with headings, no colour without words, no script."""
    title = f"{result.exercise.id}: {result.exercise.title}"
    rows = "".join(_row(step) for step in result.steps)
    return (
        f'<style>{_STYLE}</style><section class="checker-report" aria-label="{escape(title)}">'
        f'<table class="checker-steps"><caption>{escape(title)}<br>{escape(summary(result))}</caption>'
        '<thead><tr><th scope="col">Step</th><th scope="col">State</th><th scope="col">Points</th></tr></thead>'
        f"<tbody>{rows}</tbody></table></section>"
    )


def _row(step: "StepResult") -> str:
    details = "".join(f"<p>Known mistake: {code(mistake)}</p>" for mistake in step.mistakes)
    if step.full and step.step.explanation:
        details += f"<p>{code(step.step.explanation)}</p>"
    details += "".join(_details(verdict) for verdict in failed(step))
    sign, state = mark(step).split(" ", 1)
    return (
        f'<tr class="checker-{state.replace(" ", "-")}"><th scope="row">{escape(step.step.title)}{details}</th>'
        f'<td><span class="checker-sign">{sign}</span> {state}</td><td>{step.points} / {step.possible}</td></tr>'
    )


def _details(verdict: "Verdict") -> str:
    pairs = (("Found", verdict.found), ("Expected", verdict.expected), ("Why", verdict.why))
    return "<dl>" + "".join(f"<dt>{name}</dt><dd>{code(value)}</dd>" for name, value in pairs) + "</dl>"


def code(value: str) -> str:
    """Escaped text, with what stands between backquotes as code."""
    parts = escape(value).split("`")
    return "".join(f"<code>{part}</code>" if i % 2 else part for i, part in enumerate(parts))
