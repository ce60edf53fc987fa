"""A random command, as one line."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Command:
    """A line for bash: `docker` talks to node `node`; `$N1`, … are the nodes' names, `$A1`, … their addresses.

    `api METHOD PATH BODY` is a request to the Engine API instead; `$VERSION_one` is the version of service `one`.
    `node stop|kill|start|restart N` switches node N.
    """

    text: str
    node: int = 1
    #: Whether tasks may change because of it.
    disturbs: bool = False
    #: Whether it may do something and fail.
    partly: bool = False

    def __str__(self) -> str:
        return f"@{self.node} {self.text}" if self.node > 1 else self.text


Kinds = tuple[tuple[float, Callable[[], Command]], ...]


def line(words: Sequence[str], *, disturbs: bool = False, partly: bool = False) -> Command:
    """A command of these words; empty ones are left out."""
    return Command(" ".join(filter(None, words)), disturbs=disturbs, partly=partly)
