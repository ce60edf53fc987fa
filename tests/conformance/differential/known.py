"""Differences that have a reason: docs/conformance.md lists them. Each is as narrow as it can be."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from .comparer import Difference


@dataclass(frozen=True)
class Known:
    """Lines like `line` of a view are left out on both sides of a difference."""

    where: str
    line: re.Pattern[str]
    reason: str


KNOWN = (
    Known(
        "services",
        re.compile(r"\.Privileges(=\{\}|\.NoNewPrivileges=false)$"),
        "engines before 28 do not know NoNewPrivileges, which `docker stack deploy` always sends",
    ),
    Known(
        "tasks",
        re.compile(r"^gone job ended "),
        "engine 20.10 keeps the tasks of a removed job that have ended, SwarmKit has removed them since",
    ),
)


def unexplained(found: Iterable[Difference]) -> list[Difference]:
    """The differences that are left when lines are taken out that are known to differ."""
    left = []
    for difference in found:
        patterns = [known.line for known in KNOWN if known.where == difference.where]

        def kept(lines: tuple[str, ...], patterns: list[re.Pattern[str]] = patterns) -> tuple[str, ...]:
            return tuple(line for line in lines if not any(pattern.search(line) for pattern in patterns))

        ours, real = kept(difference.ours), kept(difference.real)
        if ours != real:
            left.append(Difference(difference.where, ours, real))
    return left
