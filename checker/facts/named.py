"""Facts about what has a name and little else: configs, secrets, networks, stacks."""

from typing import Annotated, ClassVar

import msgspec

from checker.facts.base import Clause, Fact, Reading, at_least, exactly, plural
from checker.world import Fields, Swarm, name_of


class _Named(Fact, frozen=True):
    name: str
    kind: ClassVar[str]

    def interests(self) -> frozenset[str]:
        """See `Fact.interests`."""
        return frozenset({self.kind})


class _There(_Named, frozen=True):
    def phrase(self) -> str:
        """See `Fact.phrase`."""
        return f"{self.kind} {self.name}"

    def clauses(self) -> tuple[Clause, ...]:
        """See `Fact.clauses`."""
        return (Clause(self._exists, self._missing),)

    def _exists(self, swarm: Swarm) -> Reading:
        names = [name_of(found) for found in swarm.tables[self.kind].values()]
        return Reading(float(self.name in names), ", ".join(sorted(name for name in names if name != "ingress")))

    def _missing(self, others: str) -> str:
        return f"there was no {self.kind} {self.name}{f' (only {others})' if others else ''}"


class Config(_There, frozen=True, tag="config"):
    """A config of that name exists."""

    kind = "config"


class Secret(_There, frozen=True, tag="secret"):
    """A secret of that name exists."""

    kind = "secret"


class Network(_There, frozen=True, tag="network"):
    """A network of the swarm has that name, and perhaps this `driver`."""

    kind = "network"
    driver: str | None = None

    def phrase(self) -> str:
        """See `Fact.phrase`."""
        return f"network {self.name}" + (f" with driver {self.driver}" if self.driver else "")

    def clauses(self) -> tuple[Clause, ...]:
        """See `Fact.clauses`."""
        found = super().clauses()
        if self.driver is None:
            return found
        wanted = self.driver

        def read(swarm: Swarm) -> Reading:
            network = swarm.named("network", self.name)
            return Reading(0.0, None) if network is None else exactly(_driver(network), wanted)

        return (*found, Clause(read, lambda v: f"network {self.name} had driver {v}, not {wanted}"))


class _Absent(_Named, frozen=True):
    def phrase(self) -> str:
        """See `Fact.phrase`."""
        return f"no {self.kind} {self.name}"

    def clauses(self) -> tuple[Clause, ...]:
        """See `Fact.clauses`."""
        return (Clause(self._read, lambda _: f"{self.kind} {self.name} was still there"),)

    def _read(self, swarm: Swarm) -> Reading:
        return Reading(float(swarm.named(self.kind, self.name) is None), self.name)


class NoConfig(_Absent, frozen=True, tag="no-config"):
    """No config has that name."""

    kind = "config"


class NoSecret(_Absent, frozen=True, tag="no-secret"):
    """No secret has that name."""

    kind = "secret"


class NoNetwork(_Absent, frozen=True, tag="no-network"):
    """No network of the swarm has that name."""

    kind = "network"


class Stack(Fact, frozen=True, tag="stack"):
    """A stack has at least so many services, and all their tasks run if `running` is asked for."""

    name: str
    services: Annotated[int, msgspec.Meta(ge=1)] = 1
    running: bool = False

    def phrase(self) -> str:
        """See `Fact.phrase`."""
        running = ", all running" if self.running else ""
        return f"stack {self.name} with {plural(self.services, 'service')}{running}"

    def clauses(self) -> tuple[Clause, ...]:
        """See `Fact.clauses`."""
        clauses: tuple[Clause, ...] = (
            Clause(self._services, lambda v: f"stack {self.name} had {plural(v or 0, 'service')}"),
        )
        if self.running:
            clauses += (Clause(self._runs, lambda v: f"not all of stack {self.name} ran{f' ({v})' if v else ''}"),)
        return clauses

    def interests(self) -> frozenset[str]:
        """See `Fact.interests`."""
        return frozenset({"service", "task"} if self.running else {"service"})

    def _services(self, swarm: Swarm) -> Reading:
        return at_least(sum(1 for _ in swarm.stack(self.name)), self.services)

    def _runs(self, swarm: Swarm) -> Reading:
        counts = []
        for service in swarm.stack(self.name):
            replicated = (service["Spec"].get("Mode") or {}).get("Replicated") or {}
            wanted = replicated.get("Replicas") or 1
            running = swarm.tasks(service["ID"]).running()
            if running < wanted:
                counts.append(f"{name_of(service)} {running}/{wanted}")
        return Reading(0.5 if counts else 1.0, ", ".join(counts))


class NoStack(Fact, frozen=True, tag="no-stack"):
    """No service belongs to a stack of that name."""

    name: str

    def phrase(self) -> str:
        """See `Fact.phrase`."""
        return f"no stack {self.name}"

    def clauses(self) -> tuple[Clause, ...]:
        """See `Fact.clauses`."""
        return (Clause(self._read, lambda v: f"stack {self.name} still had {v}"),)

    def interests(self) -> frozenset[str]:
        """See `Fact.interests`."""
        return frozenset({"service"})

    def _read(self, swarm: Swarm) -> Reading:
        names = ", ".join(map(name_of, swarm.stack(self.name)))
        return Reading(float(not names), names)


def _driver(network: Fields) -> str:
    configuration = (network.get("Spec") or {}).get("DriverConfiguration") or network.get("DriverState") or {}
    return str(configuration.get("Name") or "overlay")
