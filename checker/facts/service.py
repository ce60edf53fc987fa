"""Facts about a service and its tasks."""

from collections.abc import Callable, Iterator
from typing import Annotated, Any, Literal

import msgspec

from checker import values
from checker.facts.base import Clause, Fact, Reading, at_least, exactly, plural
from checker.facts.blobs import EXECUTABLE, Given, given, nearest
from checker.facts.properties import MEMBERS, PROPERTIES, container
from checker.world import Fields, Swarm, name_of

Port = Annotated[int, msgspec.Meta(ge=1, le=65535)]
Count = Annotated[int, msgspec.Meta(ge=1)]
Order = Literal["start-first", "stop-first"]
Action = Literal["pause", "continue", "rollback"]
Duration = str | int
Number = str | int | float


class Service(Fact, frozen=True, tag="service"):
    """A service exists and is so. What is not given does not matter.

    `image` without a tag means `latest`, as for Docker; the tag `*` fits every tag. `published` and `target` are one
    port of the routing mesh, or of the task's own node with `publish-mode: host`. `replicas` is the number asked for;
    `running` (of this `image`, if given), `waiting` (pending because of `reason`), `stopped` (shut down, kept as
    history), `ended` (by themselves) and `exited` (of these, with a container) are tasks, at least so many; `on-nodes`
    is on how many nodes they run.
    `config` and `secret` are lists of `source`, `target` and `mode`; `no-config`, `no-secret` and `no-env` are names
    that must not be there. `network` (names), `constraint`, `env` (`NAME=value` or `NAME`), `label` and `mount`
    (targets) are lists; `network-with` is a service that is on one of its networks, too. All others are the docker
    command's options.
    """

    name: str
    image: str | None = None
    published: Port | None = None
    target: Port | None = None
    publish_mode: Literal["ingress", "host"] = "ingress"
    replicas: int | None = None
    running: Count | None = None
    waiting: Count | None = None
    reason: str = ""
    stopped: Count | None = None
    ended: Count | None = None
    exited: Count | None = None
    on_nodes: Count | None = None
    mode: Literal["replicated", "global"] | None = None
    update_parallelism: int | None = None
    update_delay: Duration | None = None
    update_order: Order | None = None
    update_failure_action: Action | None = None
    update_monitor: Duration | None = None
    update_state: str | None = None
    rollback_parallelism: int | None = None
    rollback_delay: Duration | None = None
    rollback_order: Order | None = None
    rollback_failure_action: Action | None = None
    rollback_monitor: Duration | None = None
    endpoint_mode: Literal["vip", "dnsrr"] | None = None
    limit_cpu: Number | None = None
    limit_memory: Number | None = None
    reserve_cpu: Number | None = None
    reserve_memory: Number | None = None
    health_cmd: str | None = None
    health_interval: Duration | None = None
    health_timeout: Duration | None = None
    health_start_period: Duration | None = None
    health_retries: int | None = None
    command: str | None = None
    env: tuple[str, ...] = ()
    constraint: tuple[str, ...] = ()
    label: tuple[str, ...] = ()
    mount: tuple[str, ...] = ()
    network: tuple[str, ...] = ()
    network_with: str | None = None
    config: tuple[Given, ...] = ()
    secret: tuple[Given, ...] = ()
    no_env: tuple[str, ...] = ()
    no_config: tuple[str, ...] = ()
    no_secret: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        # What means nothing is the author's mistake, and told with its line.
        for name, wanted in self._asked():
            PROPERTIES[name].normal(wanted)
        for blob in (*self.config, *self.secret):
            if blob.mode not in {None, EXECUTABLE}:
                values.mode(blob.mode)

    def phrase(self) -> str:
        """See `Fact.phrase`."""
        parts = []
        if self.image is not None:
            name, _, tag = self.image.rpartition(":")
            parts.append(f"image {name} of any tag" if tag == values.ANY_TAG else f"image {self.image}")
        if self.published is not None:
            own = " on its own node only" if self.publish_mode == "host" else ""
            target = f" to {self.target}" if self.target is not None else ""
            parts.append(f"port {self.published} published{target}{own}")
        if self.replicas is not None:
            parts.append(plural(self.replicas, "replica"))
        parts += [f"{PROPERTIES[name].label} {_text(name, wanted)}" for name, wanted in self._asked()]
        parts += [f"{MEMBERS[name].label} {one}" for name in MEMBERS for one in getattr(self, name)]
        parts += [f"network {name}" for name in self.network]
        if self.network_with is not None:
            parts.append(f"a network in common with {self.network_with}")
        parts += [f"{kind} {one.text()}" for kind in ("config", "secret") for one in getattr(self, kind)]
        parts += [f"no {kind} {name}" for kind in ("config", "secret") for name in getattr(self, f"no_{kind}")]
        parts += [f"no environment variable {name}" for name in self.no_env]
        if self.running is not None:
            parts.append(f"{plural(self.running, 'task')} running")
        if self.on_nodes is not None:
            parts.append(f"tasks on {plural(self.on_nodes, 'node')}")
        if self.waiting is not None:
            parts.append(f'{plural(self.waiting, "task")} pending with "{self.reason}"')
        if self.stopped is not None:
            parts.append(f"{plural(self.stopped, 'older task')} shut down")
        if self.ended is not None:
            parts.append(f"{plural(self.ended, 'task')} ended by itself")
        if self.exited is not None:
            parts.append(f"{plural(self.exited, 'task')} ended by itself after its container had begun")
        return f"service {self.name}" + (f" with {', '.join(parts)}" if parts else "")

    def clauses(self) -> tuple[Clause, ...]:
        """See `Fact.clauses`."""
        return tuple(self._clauses())

    def interests(self) -> frozenset[str]:
        """See `Fact.interests`."""
        others = (f"service:{self.network_with}",) if self.network_with is not None else ()
        return frozenset({f"service:{self.name}", "service names", *(("network",) if self.network else ()), *others})

    def _asked(self) -> Iterator[tuple[str, Any]]:
        for name in PROPERTIES:
            wanted = getattr(self, name)
            if wanted is not None:
                yield name, wanted

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
        for field, asked in self._asked():
            yield self._property(field, asked)
        for field in MEMBERS:
            for one in getattr(self, field):
                yield self._member(field, one)
        for network in self.network:
            yield self._clause(
                lambda s, swarm, n=network: _attached(s, swarm, n),  # type: ignore[misc]
                lambda v, n=network: f"{name} was not attached to network {n}" + (f" (only to {v})" if v else ""),  # type: ignore[misc]
            )
        if self.network_with is not None:
            other = self.network_with
            yield self._clause(
                lambda s, swarm: _in_common(s, swarm, other), lambda _: f"{name} had no network in common with {other}"
            )
        for kind in ("config", "secret"):
            for one in getattr(self, kind):
                yield self._given(kind, one)
            for one in getattr(self, f"no_{kind}"):
                yield self._clause(
                    lambda s, _, k=kind, o=one: Reading(float(o not in [g[0] for g in given(s, k)]), o),  # type: ignore[misc]
                    lambda v, k=kind: f"{name} still had {k} {v}",  # type: ignore[misc]
                )
        for one in self.no_env:
            yield self._clause(
                lambda s, _, o=one: _without(s, o),  # type: ignore[misc]
                lambda v: f"{name} had environment variable {v}",
            )
        yield from self._of_tasks()

    def _of_tasks(self) -> Iterator[Clause]:
        name = self.name
        if self.running is not None:
            of = f" of image {self.image}" if self.image is not None else ""
            yield self._tasks(
                lambda t: t.running(self.image), self.running, lambda v: _at_most(name, v, "running task") + of
            )
        if self.on_nodes is not None:
            yield self._tasks(
                lambda t: len(t.nodes()), self.on_nodes, lambda v: f"tasks of {name} ran on {plural(v or 0, 'node')}"
            )
        if self.waiting is not None:
            yield self._clause(self._waits, lambda v: f'{name} had no task pending with "{self.reason}"{v or ""}')
        if self.stopped is not None:
            yield self._tasks(lambda t: t.stopped, self.stopped, lambda v: _at_most(name, v, "task") + " shut down")
        if self.ended is not None:
            yield self._tasks(
                lambda t: t.ended, self.ended, lambda v: _at_most(name, v, "task") + " that ended by itself"
            )
        if self.exited is not None:
            yield self._tasks(
                lambda t: t.exited,
                self.exited,
                lambda v: _at_most(name, v, "task") + " whose container ended by itself",
            )

    def _clause(self, read: Callable[[Fields, Swarm], Reading], shortfall: Callable[[Any], str]) -> Clause:
        """A clause about a service that exists; without one there is nothing to read."""

        def guarded(swarm: Swarm) -> Reading:
            service = swarm.service(self.name)
            return Reading(0.0, None) if service is None else read(service, swarm)

        return Clause(guarded, shortfall)

    def _tasks(self, count: Callable[[Any], int], wanted: int, shortfall: Callable[[Any], str]) -> Clause:
        return self._clause(lambda s, swarm: at_least(count(swarm.tasks(s["ID"])), wanted), shortfall)

    def _property(self, field: str, asked: Any) -> Clause:
        prop = PROPERTIES[field]
        wanted = prop.normal(asked)
        return self._clause(
            lambda s, _: Reading(float(prop.same(prop.read(s), wanted)), prop.read(s)),
            lambda v: f"{self.name} had {prop.label} {prop.text(v)}, not {prop.text(wanted)}",
        )

    def _member(self, field: str, asked: str) -> Clause:
        members = MEMBERS[field]
        wanted = members.normal(asked)

        def read(service: Fields, _: Swarm) -> Reading:
            found = members.read(service)
            # Values of variables stay unsaid: they may be passwords.
            told = [one for one in found if field != "env" or "=" not in one]
            return Reading(float(wanted in found), ", ".join(told))

        return self._clause(
            read, lambda v: f"{self.name} had no {members.label} {wanted}" + (f" (only {v})" if v else "")
        )

    def _given(self, kind: str, wanted: Given) -> Clause:
        return self._clause(
            lambda s, _: Reading(*nearest(s, kind, wanted)),
            lambda v: f"{self.name} did not have {kind} {wanted.text()}" + (f", but {v}" if v else ""),
        )

    def _exists(self, swarm: Swarm) -> Reading:
        others = sorted(name_of(service) for service in swarm.services.values())
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
        found = [(p.get("PublishedPort"), p.get("TargetPort"), p.get("PublishMode") or "ingress") for p in ports]
        met = any(
            published == self.published and target == (self.target or target) and how == self.publish_mode
            for published, target, how in found
        )
        text = ", ".join(
            f"{published or 'any port'} to {target}" + (f" in mode {how}" if how != self.publish_mode else "")
            for published, target, how in found
        )
        wanted = f"{self.published} to {self.target}" if self.target else f"{self.published}"
        return Reading(1.0 if met else 0.5 if found else 0.0, text and f"{text}, not {wanted}")


class NoService(Fact, frozen=True, tag="no-service"):
    """No service has that name."""

    name: str

    def phrase(self) -> str:
        """See `Fact.phrase`."""
        return f"no service {self.name}"

    def clauses(self) -> tuple[Clause, ...]:
        """See `Fact.clauses`."""
        return (Clause(self._read, lambda _: f"service {self.name} was still there"),)

    def interests(self) -> frozenset[str]:
        """See `Fact.interests`."""
        return frozenset({f"service:{self.name}"})

    def _read(self, swarm: Swarm) -> Reading:
        return Reading(float(swarm.service(self.name) is None), self.name)


def _text(field: str, wanted: Any) -> str:
    prop = PROPERTIES[field]
    return prop.text(prop.normal(wanted))


def _at_most(name: str, count: int, noun: str) -> str:
    return f"{name} had no more than {plural(count, noun)}" if count else f"{name} had no {noun}"


def _replicas(service: Fields) -> int:
    replicated = (service["Spec"].get("Mode") or {}).get("Replicated") or {}
    return int(replicated.get("Replicas") or 0)


def _image(service: Fields, wanted: str) -> Reading:
    found = str(container(service).get("Image") or "").partition("@")[0]
    return Reading(float(values.same_image(found, wanted)), found)


def _without(service: Fields, name: str) -> Reading:
    """Values stay unsaid: they may be passwords."""
    names = [variable.partition("=")[0] for variable in container(service).get("Env") or ()]
    return Reading(float(name not in names), name)


def _networks(service: Fields) -> list[Any]:
    spec = service["Spec"]
    return [n.get("Target") for n in (spec.get("TaskTemplate") or {}).get("Networks") or spec.get("Networks") or ()]


def _in_common(service: Fields, swarm: Swarm, name: str) -> Reading:
    other = swarm.service(name)
    return Reading(float(other is not None and not set(_networks(service)).isdisjoint(_networks(other))), None)


def _attached(service: Fields, swarm: Swarm, wanted: str) -> Reading:
    ids = _networks(service)
    names = [name_of(swarm.tables["network"].get(str(found)) or {}) or str(found) for found in ids]
    return Reading(float(wanted in names or wanted in ids), ", ".join(names))
