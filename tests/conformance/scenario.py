"""Scenario files: what is done to the engines, one step a line. docs/conformance.md describes the format."""

import re
from dataclasses import dataclass, replace
from pathlib import Path

HERE = Path(__file__).parent / "scenarios"
KINDS = ("run", "let", "quiet", "wait", "time", "pass", "node", "api", "mark", "changes", "ways")
_UNOBSERVED = {"let", "quiet", "pass", "node", "mark"}
_ARGUMENTS = {"let": r"(\w+) (.+)", "wait": r"(\d+) (.+)", "time": r"(\d+) (.+)", "pass": r"([\d.]+)$",
              "node": r"(kill|stop|start) (\d+)$", "api": r"(GET|POST|DELETE) (/\S+)(?: (.+))?$"}  # fmt: skip


class ScenarioError(Exception):
    """Raised when a scenario file cannot be understood."""


@dataclass(frozen=True)
class Step:
    """One step. `differs` says why swarmlab is known to answer otherwise; empty when it must answer alike."""

    line: str
    kind: str
    node: int
    arguments: tuple[str, ...]
    differs: str = ""

    @property
    def observed(self) -> bool:
        """Whether a recording has what the step shows."""
        return self.kind not in _UNOBSERVED


@dataclass(frozen=True)
class Scenario:
    """A scenario: `roles` of node 1, 2, … (`manager`, `worker`), swarmlab's `speed`, and the steps."""

    name: str
    roles: tuple[str, ...]
    speed: float
    steps: tuple[Step, ...]

    @property
    def needs_power(self) -> bool:
        """Whether nodes are shut down, killed or started."""
        return any(step.kind == "node" for step in self.steps)


def names() -> list[str]:
    """The names of all scenarios."""
    return sorted(path.stem for path in HERE.glob("*.txt"))


def load(name: str) -> Scenario:
    """Read a scenario. Raises ScenarioError."""
    return parse(name, (HERE / f"{name}.txt").read_text())


def parse(name: str, text: str) -> Scenario:
    """Understand a scenario's text. Raises ScenarioError."""
    roles: tuple[str, ...] = ()
    speed, differs = 1.0, ""
    steps: list[Step] = []
    for line in text.replace("\\\n", "").splitlines():
        word, _, rest = line.strip().partition(" ")
        if not word or word.startswith("#"):
            continue
        if word == "swarm":
            roles = tuple(rest.split())
            if not set(roles) <= {"manager", "worker"} or roles[0] != "manager":
                raise ScenarioError(f"{name}: not roles: {rest}")
        elif word == "speed":
            speed = float(rest)
        elif word == "differs":
            differs = rest
        else:
            steps.append(replace(_step(name, line.strip()), differs=differs))
            differs = ""
    if differs or not steps:
        raise ScenarioError(f"{name}: ends before a step")
    if any(step.differs and not step.observed for step in steps):
        raise ScenarioError(f"{name}: only what is observed can differ")
    return Scenario(name, roles, speed, tuple(steps))


def _step(name: str, line: str) -> Step:
    node, rest = 1, line
    if found := re.match(r"@(\d+) +(.+)", line):
        node, rest = int(found[1]), found[2]
    word, _, tail = rest.partition(" ")
    if word not in KINDS:
        return Step(line, "run", node, (rest,))
    if word not in _ARGUMENTS:
        return Step(line, word, node, (tail,))
    arguments = re.match(_ARGUMENTS[word], tail)
    if arguments is None:
        raise ScenarioError(f"{name}: not understood: {line}")
    return Step(line, word, node, tuple(group or "" for group in arguments.groups()))
