"""A grading's record in other forms: CSV, JUnit XML, Markdown, HTML."""

import csv
import io
import json
from collections.abc import Callable
from html import escape
from typing import Any
from xml.etree import ElementTree as ET

from checker.record import conditions
from checker.render import code

Record = dict[str, Any]
#: What is told of a condition that is not met.
_TOLD = ("found", "expected", "why")
#: Spreadsheets take a cell that begins so for a formula; what learners typed must not be one.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def as_json(record: Record) -> str:
    """The record itself."""
    return json.dumps(record, indent=2) + "\n"


def as_csv(record: Record) -> str:
    """A row for each condition."""
    return table(conditions(record))


def table(rows: list[dict[str, Any]]) -> str:
    """Rows as CSV with a header; safe to open in a spreadsheet."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]) if rows else [], lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: _cell(value) for name, value in row.items()})
    return text.getvalue()


def as_junit(record: Record) -> str:
    """A suite for each exercise, a case for each step."""
    root = ET.Element("testsuites", name="checker")
    for exercise in record["exercises"]:
        suite = ET.SubElement(root, "testsuite", name=exercise["exercise"], tests=str(len(exercise["steps"])))
        counts = {"failures": 0, "errors": 0, "skipped": 0}
        for step in exercise["steps"]:
            case = ET.SubElement(suite, "testcase", classname=exercise["exercise"], name=step["id"])
            if step["given_up"]:
                counts["skipped"] += 1
                ET.SubElement(case, "skipped", message=step["given_up"])
                continue
            unknown = [condition for condition in step["conditions"] if condition["error"]]
            missing = [condition for condition in step["conditions"] if not (condition["met"] or condition["error"])]
            if missing:
                # Readers of this form expect one verdict a case.
                counts["failures"] += 1
                failure = ET.SubElement(case, "failure", message=_xml("; ".join(one["found"] for one in missing)))
                failure.text = _xml("\n".join(f"{name}: {one[name]}" for one in missing for name in _TOLD))
            elif unknown:
                counts["errors"] += 1
                ET.SubElement(case, "error", message=_xml("; ".join(one["error"] for one in unknown)))
        for name, count in counts.items():
            suite.set(name, str(count))
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def as_markdown(record: Record) -> str:
    """A table for each exercise, and what is missing below it."""
    lines = [f"# {record['points']} of {record['possible']} points", "", _flat(_made(record)), ""]
    for exercise in record["exercises"]:
        lines += [f"## {exercise['exercise']}: {_flat(exercise['title'])}", ""]
        lines += [f"{exercise['points']} of {exercise['possible']} points, seed {exercise['seed']}", ""]
        lines += ["| Step | Points |", "| --- | --- |"]
        lines += [
            f"| {_flat(step['title'])} | {step['points']} / {step['possible']}{_given_up(step)} |"
            for step in exercise["steps"]
        ]
        lines.append("")
        for step in exercise["steps"]:
            for condition in step["conditions"]:
                if not condition["met"] and not step["given_up"]:
                    lines.append(f"* {_flat(step['title'])}")
                    lines += [f"  * {name}: {_flat(condition[name])}" for name in _TOLD]
            lines += [f"  * known mistake: {_flat(mistake)}" for mistake in step["mistakes"]]
        lines.append("")
    return "\n".join(lines)


def as_html(record: Record) -> str:
    """A page of its own, without scripts."""
    points = f"{record['points']} of {record['possible']} points"
    body = [f"<h1>{points}</h1><p>{escape(_made(record))}</p>"]
    for exercise in record["exercises"]:
        title = escape(f"{exercise['exercise']}: {exercise['title']}")
        rows = "".join(
            f'<tr><th scope="row">{escape(step["title"])}</th><td>{step["points"]} / {step["possible"]}'
            f"{escape(_given_up(step))}</td><td>{_missing(step)}</td></tr>"
            for step in exercise["steps"]
        )
        body.append(
            f"<h2>{title}</h2><p>{exercise['points']} of {exercise['possible']} points, seed {exercise['seed']}</p>"
            "<table>"
            '<thead><tr><th scope="col">Step</th><th scope="col">Points</th><th scope="col">Missing</th></tr></thead>'
            f"<tbody>{rows}</tbody></table>"
        )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>'
        f"{escape(record['learner'] or 'checker')}: {points}</title><style>"
        "body { font-family: system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; line-height: 1.45; }"
        "th, td { text-align: left; vertical-align: top; padding: .3rem .6rem .3rem 0; border-top: 1px solid #8888; }"
        f"</style></head><body>{''.join(body)}</body></html>\n"
    )


#: By the names of the command line.
FORMS: dict[str, Callable[[Record], str]] = {
    "json": as_json, "csv": as_csv, "junit": as_junit, "markdown": as_markdown, "html": as_html,
}  # fmt: skip


def _missing(step: Record) -> str:
    if step["given_up"]:
        return ""
    found = [condition["found"] for condition in step["conditions"] if not condition["met"]]
    return "<br>".join(code(text) for text in (*found, *step["mistakes"]))


def _made(record: Record) -> str:
    who = f"{record['learner']}, " if record["learner"] else ""
    return f"{who}graded {record['graded']} by version {record['checker']}, from the journal of {record['engine']}"


def _given_up(step: Record) -> str:
    return f" ({step['given_up']}, no credit)" if step["given_up"] else ""


def _flat(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _cell(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _xml(text: str) -> str:
    """Without the control characters that XML cannot hold."""
    return "".join(char for char in text if char in "\n\t" or ord(char) >= 32)
