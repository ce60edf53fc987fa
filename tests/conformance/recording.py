"""Recordings of what real engines did, and how a play is compared with one."""

import json
from pathlib import Path
from typing import Any

from .player import Play
from .scenario import Scenario

HERE = Path(__file__).parent / "recordings"


def save(name: str, steps: Play, engine: str) -> None:
    """Keep a play as the recording of a scenario; `engine` is the version of the engine it was made on."""
    content = {"engine": engine, "steps": steps}
    (HERE / f"{name}.json").write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def load(name: str) -> Play:
    """The recording of a scenario. Raises FileNotFoundError."""
    steps: Play = json.loads((HERE / f"{name}.json").read_text())["steps"]
    return steps


class Comparison:
    """Where a play differs from the recording.

    `failures` are texts that say what was expected and what was seen. `known` are the reasons of the steps that the
    scenario says differ, and do; one that does not is a failure. On real engines nothing may differ.
    """

    def __init__(self, scenario: Scenario, recorded: Play, seen: Play, *, real: bool) -> None:
        self.failures: list[str] = []
        self.known: list[str] = []
        reasons = ["" if real else step.differs for step in scenario.steps if step.observed]
        if [step["line"] for step in recorded] != [step.line for step in scenario.steps if step.observed]:
            self.failures.append("The recording is of another version of this scenario: record it again.")
            return
        for expected, found, reason in zip(recorded, seen, reasons, strict=True):
            if alike(expected, found):
                if reason:
                    self.failures.append(f"{expected['line']}\n  no longer differs: {reason}")
            elif reason:
                self.known.append(reason)
            else:
                self.failures.append(_difference(expected, found))


def alike(expected: dict[str, Any], found: dict[str, Any]) -> bool:
    """Whether two observations of a step agree; times (in swarm seconds) need to do so roughly only."""
    rough = "seconds" in expected and abs(expected["seconds"] - found["seconds"]) <= max(8.0, expected["seconds"] * 0.3)
    return all(value == found.get(key) or (key == "seconds" and rough) for key, value in expected.items())


def _difference(expected: dict[str, Any], found: dict[str, Any]) -> str:
    lines = [expected["line"]]
    for key, value in expected.items():
        if value != found[key]:
            lines += [f"  {key} recorded: {_shown(value)}", f"  {key} seen:     {_shown(found[key])}"]
    return "\n".join(lines)


def _shown(value: Any) -> str:
    return "\n                ".join(value) if isinstance(value, list) else str(value)
