"""Something answers as it should, at a time when the exercise is checked.

What was seen to answer once stays seen: the attempt keeps it as evidence, so that it counts after the service is gone,
and where only the journal is. When nobody looked while there was something to see, the step's other conditions decide.
"""

from collections.abc import Callable
from typing import Annotated, Literal, NamedTuple

import msgspec

from checker.conditions.base import Condition, Finding, Observer, Watch
from checker.facts import AnyFact
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


class File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file in a container of a service: its mode, and the config that it shows."""

    service: Text
    path: Text
    mode: str = ""
    config: str = ""

    def phrase(self) -> str:
        """What is wanted."""
        mode = f" with mode {self.mode}" if self.mode else ""
        config = f" with what is in config {self.config}" if self.config else ""
        return f"a container of {self.service} has a file {self.path}{mode}{config}"


What = Http | Exec | File


class Outcome(NamedTuple):
    """What a probe came to. `unknown` says why it could not be made; that is nobody's fault."""

    met: bool
    found: str
    unknown: str = ""


class Probe(Condition, frozen=True, tag="probe"):
    """One of `http`, `exec` (also for SQL and DNS: a client in the container asks) and `file`.

    It is tried while `facts` hold.
    """

    http: Http | None = None
    exec: Exec | None = None
    file: File | None = None
    facts: tuple[AnyFact, ...] = ()

    def __post_init__(self) -> None:
        if sum(one is not None for one in (self.http, self.exec, self.file)) != 1:
            raise ValueError("a probe has one of http, exec and file")

    @property
    def what(self) -> What:
        """What is probed."""
        found = self.http or self.exec or self.file
        assert found is not None
        return found

    def phrase(self) -> str:
        """What is wanted, and when; evidence is kept under this."""
        when = " and ".join(fact.phrase() for fact in self.facts)
        return f"{self.what.phrase()}{f', while the swarm has {when}' if when else ''}"

    def observe(self) -> Observer:
        """See `Condition.observe`."""
        return ProbeObserver(self)


#: Makes a probe now.
Prober = Callable[[Probe], Outcome]


class ProbeObserver(Observer):
    """Knows whether it is the time to probe, and what the probe came to."""

    def __init__(self, condition: Probe) -> None:
        self._condition = condition
        self._watch = Watch(condition.facts, fresh=False)
        self._outcome: Outcome | None = None
        self.interests = self._watch.interests

    def begin(self, swarm: Swarm) -> None:
        """See `Observer.begin`."""
        self._watch.look(swarm)

    def changed(self, swarm: Swarm) -> None:
        """See `Observer.changed`."""
        self._watch.look(swarm)

    def seen(self, found: str) -> None:
        """It answered at an earlier check."""
        self._outcome = Outcome(True, found)

    def probe(self, swarm: Swarm, prober: Prober) -> None:
        """Try it, if that is not done and the swarm is as it should be for it."""
        if self._outcome is None and self._watch.holds(swarm):
            self._outcome = prober(self._condition)

    def finding(self, swarm: Swarm) -> Finding:
        """See `Observer.finding`."""
        expected = self._condition.phrase()
        # Evidence of what cannot have been is none.
        if not self._watch.held:
            return Finding(False, self._watch.shortfall(), expected)
        if self._outcome is None:
            unknown = "nobody looked while it could be seen, which `checker check` does"
            return Finding(False, f"could not be checked: {unknown}", expected, unknown=unknown, spare=True)
        met, found, unknown = self._outcome
        return Finding(met, f"could not be checked: {unknown}" if unknown else found, expected, unknown=unknown)
