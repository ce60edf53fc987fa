"""Facts about a service and its tasks."""

from collections.abc import Callable, Iterator
from typing import Annotated, Any

import msgspec

from checker.facts.base import Clause, Fact, Reading, at_least, exactly, plural
from checker.world import Fields, Swarm

Port = Annotated[int, msgspec.Meta(ge=1, le=65535)]
Count = Annotated[int, msgspec.Meta(ge=1)]


class Service(Fact, frozen=True, tag="service"):
    """A service exists and is so. What is not given does not matter.

    `image` without a tag fits any tag. `published` and `target` are one port of the routing mesh. `replicas` is the
    number asked for; `running`, `waiting` (pending because of `reason`) and `stopped` (shut down, kept as history) are
    tasks, at least so many.
    """

    name: str
    image: str | None = None
    published: Port | None = None
    target: Port | None = None
    replicas: int | None = None
    running: Count | None = None
    waiting: Count | None = None
    reason: str = ""
    stopped: Count | None = None

    def phrase(self) -> str:
        """See `Fact.phrase`."""
        parts = []
        if self.image is not None:
            parts.append(f"image {self.image}")
        if self.published is not None:
            parts.append(f"port {self.published} published to {self.target}")
        if self.replicas is not None:
            parts.append(plural(self.replicas, "replica"))
        if self.running is not None:
            parts.append(f"{plural(self.running, 'task')} running")
        if self.waiting is not None:
            parts.append(f'{plural(self.waiting, "task")} pending with "{self.reason}"')
        if self.stopped is not None:
            parts.append(f"{plural(self.stopped, 'older task')} shut down")
        return f"service {self.name}" + (f" with {', '.join(parts)}" if parts else "")

    def clauses(self) -> tuple[Clause, ...]:
        """See `Fact.clauses`."""
        return tuple(self._clauses())

    def _clauses(self) -> Iterator[Clause]:
        name = self.name
        yield Clause(self._exists, lambda v: f"there was no service {name}{f' (only {v})' if v else ''}")
        if self.image is not None:
            image = self.image
            yield self._clause(lambda s, _: _image(s, image), lambda v: f"{name} had image {v}, not {image}")
        if self.published is not None:
            yield self._clause(lambda s, _: self._ports(s), lambda v: f"{name} published {v or 'no port'}")
        if self.replicas is not None:
            wanted = self.replicas
            yield self._clause(
                lambda s, _: exactly(_replicas(s), wanted), lambda v: f"{name} had {plural(v, 'replica')}, not {wanted}"
            )
        if self.running is not None:
            yield self._tasks("running", self.running, lambda v: _at_most(name, v, "running task"))
        if self.waiting is not None:
            yield self._clause(self._waits, lambda v: f'{name} had no task pending with "{self.reason}"{v}')
        if self.stopped is not None:
            yield self._tasks("stopped", self.stopped, lambda v: _at_most(name, v, "task") + " shut down")

    def _clause(self, read: Callable[[Fields, Swarm], Reading], shortfall: Callable[[Any], str]) -> Clause:
        """A clause about a service that exists; without one there is nothing to read."""

        def guarded(swarm: Swarm) -> Reading:
            service = swarm.service(self.name)
            return Reading(0.0, None) if service is None else read(service, swarm)

        return Clause(guarded, shortfall)

    def _tasks(self, which: str, wanted: int, shortfall: Callable[[Any], str]) -> Clause:
        return self._clause(lambda s, swarm: at_least(getattr(swarm.tasks(s["ID"]), which), wanted), shortfall)

    def _exists(self, swarm: Swarm) -> Reading:
        others = sorted(service["Spec"].get("Name", "") for service in swarm.services.values())
        return Reading(float(self.name in others), ", ".join(others))

    def _waits(self, service: Fields, swarm: Swarm) -> Reading:
        tasks = swarm.tasks(service["ID"])
        assert self.waiting is not None
        others = tasks.reasons or (
            [f"{plural(tasks.pending, 'task')} pending without a reason yet"] * bool(tasks.pending)
        )
        return Reading(at_least(tasks.waiting(self.reason), self.waiting).score, f" ({others[0]})" if others else "")

    def _ports(self, service: Fields) -> Reading:
        ports = ((service["Spec"].get("EndpointSpec") or {}).get("Ports")) or []
        pairs = [(port.get("PublishedPort"), port.get("TargetPort")) for port in ports]
        met = (self.published, self.target) in pairs
        text = ", ".join(f"{published or 'any port'} to {target}" for published, target in pairs)
        return Reading(1.0 if met else 0.5 if pairs else 0.0, text and f"{text}, not {self.published} to {self.target}")


class NoService(Fact, frozen=True, tag="no-service"):
    """No service has that name."""

    name: str

    def phrase(self) -> str:
        """See `Fact.phrase`."""
        return f"no service {self.name}"

    def clauses(self) -> tuple[Clause, ...]:
        """See `Fact.clauses`."""
        return (Clause(self._read, lambda _: f"service {self.name} was still there"),)

    def _read(self, swarm: Swarm) -> Reading:
        return Reading(float(swarm.service(self.name) is None), self.name)


def _at_most(name: str, count: int, noun: str) -> str:
    return f"{name} never had more than {plural(count, noun)}" if count else f"{name} had no {noun}"


def _replicas(service: Fields) -> int:
    replicated = (service["Spec"].get("Mode") or {}).get("Replicated") or {}
    return int(replicated.get("Replicas") or 0)


def _image(service: Fields, wanted: str) -> Reading:
    template = service["Spec"].get("TaskTemplate") or {}
    image = (template.get("ContainerSpec") or {}).get("Image", "").partition("@")[0]
    name, tag = _split(image.removeprefix("docker.io/").removeprefix("library/"))
    wanted_name, wanted_tag = _split(wanted)
    return Reading(float(name == wanted_name and wanted_tag in {"", tag}), image)


def _split(image: str) -> tuple[str, str]:
    """Name and tag; a colon before a slash belongs to a registry's port."""
    name, colon, tag = image.rpartition(":")
    return (name, tag) if colon and "/" not in tag else (image, "")
