"""The record of a grading: points, evidence, and what they were made with. Its layout has a version."""

import hashlib
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

from checker.exercise import available
from checker.grader import Attempt
from checker.result import Result

#: The version of the layout; it changes when a reader of the old one would misread the new one.
SCHEMA = 1


def grade_record(
    attempts: Sequence[Attempt], results: Sequence[Result], *, engine: str, learner: str = ""
) -> dict[str, Any]:
    """The record, ready for JSON. `engine` says whose journal it is: a lab's, or that of an engine."""
    exercises = []
    for attempt, result in zip(attempts, results, strict=True):
        exercises.append(
            {
                **result.to_dict(),
                "title": result.exercise.title,
                "began": {"after": attempt.marker.seq},
                "variables": dict(result.exercise.variables),
                "file": digest(result.exercise.id),
            }
        )
    return {
        "schema": SCHEMA,
        "learner": learner,
        "graded": datetime.now(UTC).isoformat(timespec="seconds"),
        "engine": engine,
        "checker": version("swarmlab"),
        "python": platform.python_version(),
        "points": _sum(results, "points"),
        "possible": _sum(results, "possible"),
        "exercises": exercises,
    }


def digest(exercise: str) -> str:
    """What tells one version of an exercise's file from another."""
    return hashlib.sha256(available()[exercise].encode()).hexdigest()


def conditions(record: dict[str, Any]) -> list[dict[str, Any]]:
    """A row for each condition of a record."""
    return [
        {
            "learner": record["learner"],
            "exercise": exercise["exercise"],
            "step": step["id"],
            "condition": number,
            "points": 0 if step["given_up"] else _share(step, condition),
            "met": condition["met"],
            "given_up": step["given_up"],
            "found": condition["found"],
            "expected": condition["expected"],
            "at": condition["at"],
            "error": condition["error"],
        }
        for exercise in record["exercises"]
        for step in exercise["steps"]
        for number, condition in enumerate(step["conditions"], 1)
    ]


def _share(step: dict[str, Any], condition: dict[str, Any]) -> float:
    weights = sum(one["weight"] for one in step["conditions"] if not one["error"])
    return round(step["possible"] * condition["weight"] / weights, 2) if condition["met"] and weights else 0


def _sum(results: Sequence[Result], name: str) -> float:
    total = round(sum(getattr(result, name) for result in results), 2)
    return int(total) if total == int(total) else total
