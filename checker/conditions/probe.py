"""Something answers as it should, when the exercise is checked."""

from typing import Annotated, Literal, NamedTuple

import msgspec

from checker.conditions.base import Condition, Finding, Observer
from checker.world import Swarm

Text = Annotated[str, msgspec.Meta(min_length=1)]


class Http(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A page at a published port, on `every` node or on `any`: its status, and a text that it contains."""

    port: Annotated[int, msgspec.Meta(ge=1, le=65535)]
    path: str = "/"
    status: int = 200
    contains: str = ""
    nodes: Literal["every", "any"] = "every"

    def phrase(self) -> str:
        """What is wanted."""
        text = f' with "{self.contains}"' if self.contains else ""
        return f"port {self.port} answers {self.path} with {self.status}{text} on {self.nodes} node"


class Exec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A command in a container of a service ends well, and its output contains a text."""

    service: Text
    command: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]
    contains: str = ""

    def phrase(self) -> str:
        """What is wanted."""
        text = f' and says "{self.contains}"' if self.contains else ""
        return f"`{' '.join(self.command)}` in a container of {self.service} ends well{text}"


class Outcome(NamedTuple):
    """What a probe came to. `unknown` says why it could not be made; that is nobody's fault."""

    met: bool
    found: str
    unknown: str = ""


class Probe(Condition, frozen=True, tag="probe"):
    """One of `http` and `exec` (also for SQL and DNS: a client in the container asks)."""

    http: Http | None = None
    exec: Exec | None = None

    def __post_init__(self) -> None:
        if (self.http is None) == (self.exec is None):
            raise ValueError("a probe has either http or exec")

    @property
    def what(self) -> Http | Exec:
        """What is probed."""
        found = self.http or self.exec
        assert found is not None
        return found

    def observe(self) -> Observer:
        """See `Condition.observe`."""
        return ProbeObserver(self)


class ProbeObserver(Observer):
    """Is told what the probe came to."""

    def __init__(self, condition: Probe) -> None:
        self._phrase = condition.what.phrase()
        self._outcome = Outcome(False, "", "nothing could be probed: only the journal is there")

    def told(self, outcome: Outcome) -> None:
        """What the probe came to."""
        self._outcome = outcome

    def finding(self, swarm: Swarm) -> Finding:
        """See `Observer.finding`."""
        met, found, unknown = self._outcome
        return Finding(met, f"could not be checked: {unknown}" if unknown else found, self._phrase, unknown=unknown)
