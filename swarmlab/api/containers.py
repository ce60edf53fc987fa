"""`/containers`: list and inspect (MB: daemon/list.go, daemon/inspect.go)."""

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from swarmlab.api import graphdriver, hostconfig
from swarmlab.api.attachments import (
    Known,
    endpoint_id,
    endpoint_settings,
    known_networks,
    listed_endpoint,
    mac,
    places,
)
from swarmlab.api.call import Answer, ApiVersion, Call, Route, document
from swarmlab.api.duration import human_duration
from swarmlab.api.encode import instant, sorted_map
from swarmlab.api.errors import ApiError, bad_request, internal
from swarmlab.api.query import Filters, parse_int
from swarmlab.engine import DockerEngine
from swarmlab.engine.container.legacylinks import link_names
from swarmlab.engine.errors import EngineError
from swarmlab.objects.local import Container, MountPoint

_ACCEPTED = (
    "ancestor", "before", "exited", "expose", "health", "id", "is-task", "isolation", "label", "name", "network",
    "publish", "since", "status", "volume",
)  # fmt: skip
_NUMBER = re.compile(r"[+-]?[0-9]+")
_STATES = frozenset({"paused", "restarting", "removing", "running", "dead", "created", "exited"})
_LAST_PORT = 65535
_HEALTH = frozenset({"none", "starting", "healthy", "unhealthy"})
#: Where Docker says a published port listens.
_EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104  (shown, not bound)
_ROOT = "/var/lib/docker/containers"


def list_containers(call: Call) -> Answer:
    """`GET /containers/json`, newest first."""
    filters = call.filters(*_ACCEPTED)
    limit = _limit(call.param("limit"))
    for value in filters.get("status"):
        if value not in _STATES:
            raise bad_request(f"Invalid filter 'status={value}'")
    for value in filters.get("health"):
        if value not in _HEALTH:
            raise bad_request(f"Unrecognised filter value for health: {value}")
    for key in ("publish", "expose"):
        _port_set(filters.get(key), key)
    for value in filters.get("exited"):
        if not _NUMBER.fullmatch(value):
            raise internal(f'strconv.Atoi: parsing "{value}": invalid syntax')
    is_task = filters.flag("is-task")
    engine = call.engine
    every = sorted(engine.containers.list(all=True), key=lambda c: (c.created_at, c.id), reverse=True)
    shown = call.flag("all") or limit > 0 or bool(filters.get("status"))
    known = known_networks(call)
    views = [_View(engine, container, known, call.version) for container in _between(engine, every, filters)]
    found = [
        view
        for view in views
        if (shown or view.container.state.active)
        and (is_task is None or is_task == bool(view.container.task_id))
        and view.matches(filters)
    ]
    with_size = call.flag("size")
    links = link_names(every)
    return document([view.summary(with_size, links) for view in (found[:limit] if limit > 0 else found)])


def summaries(call: Call) -> list[dict[str, Any]]:
    """The rows of `docker ps --all --size`, in no order that means anything."""
    known = known_networks(call)
    every = call.engine.containers.list(all=True)
    links = link_names(every)
    return [_View(call.engine, c, known, call.version).summary(True, links) for c in every]


def _limit(text: str) -> int:
    try:
        return parse_int(text, "strconv.Atoi") if text else 0
    except ApiError as error:
        raise internal(str(error)) from None


def _between(engine: DockerEngine, containers: list[Container], filters: Filters) -> list[Container]:
    """Those created before and since the containers that the filters name. Raises ApiError (500)."""

    def named(value: str) -> Container:
        try:
            return engine.containers.find(value)
        except EngineError:
            raise internal(f"no such container {value}") from None

    for value in filters.get("before"):
        at = containers.index(named(value))
        containers = containers[at + 1 :]
    for value in filters.get("since"):
        found = named(value)
        containers = containers[: containers.index(found)] if found in containers else []
    return containers


def inspect_container(call: Call) -> Answer:
    """`GET /containers/{id}/json`."""
    view = _View(call.engine, call.engine.containers.find(call.name), known_networks(call), call.version)
    return document({**view.details(), **(view.size() if call.flag("size") else {})})


class _View:
    """A container with what the engine knows around it."""

    def __init__(
        self, engine: DockerEngine, container: Container, known: Mapping[str, Known], version: ApiVersion
    ) -> None:
        self.engine = engine
        self.container = container
        self.version = version
        running = engine.containers.runtime_container(container.id)
        self.health = running.health if running is not None else ""
        self._running = running
        self.places = places(container, known)
        #: Whether its ports can be published, and so are shown.
        self._outward = any(place.network_id in known and known[place.network_id].outward for place in self.places)

    def matches(self, filters: Filters) -> bool:
        """Whether the filters that look at one container alone let it pass."""
        container, state = self.container, self.container.state
        exits = filters.get("exited")
        if exits and (state.active or not state.started_at or str(state.exit_code) not in exits):
            return False
        return (
            self._descends(filters)
            and self._is_on(filters.get("network"))
            and filters.match("name", container.name, f"/{container.name}")
            and filters.match("id", container.id)
            and filters.labels("label", container.labels)
            and filters.match("status", state.status)
            and filters.exact("health", self.health or "none")
            and self._has_volume(filters.get("volume"))
            and self._has_port(filters)
        )

    def _descends(self, filters: Filters) -> bool:
        """Whether its image is one of those that are asked for, or was made of one."""
        images = (self.engine.images.find(value) for value in filters.get("ancestor"))
        store = self.engine.images.store
        return "ancestor" not in filters or any(
            self.container.image_id in store.descendants(image) for image in images if image is not None
        )

    def _is_on(self, networks: tuple[str, ...]) -> bool:
        """Networks may be asked for by name, or by the beginning of an id."""
        return not networks or any(
            value == place.network or place.network_id.startswith(value) for value in networks for place in self.places
        )

    def _has_volume(self, wanted: tuple[str, ...]) -> bool:
        """Volumes may be asked for by name or source, and by where they are mounted."""
        mounts = self.container.mounts
        return not wanted or any(value in {m.name or m.source, m.destination} for value in wanted for m in mounts)

    def _mounts(self) -> list[dict[str, Any]]:
        return [self._mount(mount) for mount in self.container.mounts]

    def _mount(self, mount: MountPoint) -> dict[str, Any]:
        is_volume = mount.type == "volume"
        return {
            "Type": mount.type,
            **({"Name": mount.name} if is_volume else {}),
            "Source": str(self.engine.volumes.path(mount.name)) if is_volume else mount.source,
            "Destination": mount.destination,
            **({"Driver": mount.driver} if is_volume else {}),
            "Mode": mount.mode,
            "RW": mount.rw,
            "Propagation": mount.propagation,
        }

    def _has_port(self, filters: Filters) -> bool:
        """Ports may be asked for as `80`, `80/tcp` or a range `8000-8080/tcp`."""
        if not filters.get("publish") and not filters.get("expose"):
            return True
        published = {f"{port.get('PublicPort', 0)}/{port['Type']}" for port in self._ports()}
        exposed = {f"{port['PrivatePort']}/{port['Type']}" for port in self._ports()}
        return bool(published & _port_set(filters.get("publish"), "publish")) or bool(
            exposed & _port_set(filters.get("expose"), "expose")
        )

    def status(self) -> str:
        """`Up 5 seconds (healthy)`, `Exited (0) 2 minutes ago`, `Created`."""
        state, now = self.container.state, self.engine.clock.now()
        if state.status == "restarting":
            return f"Restarting ({state.exit_code}) {human_duration(now - state.finished_at)} ago"
        if state.status == "paused":
            return f"Up {human_duration(now - state.started_at)} (Paused)"
        if state.status == "running":
            health = {"starting": " (health: starting)", "": ""}.get(self.health, f" ({self.health})")
            return f"Up {human_duration(now - state.started_at)}{health}"
        if state.status == "removing":
            return "Removal In Progress"
        if state.status == "dead":
            return "Dead"
        if state.status == "created":
            return "Created"
        return f"Exited ({state.exit_code}) {human_duration(now - state.finished_at)} ago"

    def _bindings(self) -> dict[str, list[int]]:
        """The ports of the container and where they are published on the node."""
        found: dict[str, list[int]] = {port: [] for port in self.container.exposed_ports}
        for port in self.container.ports:
            key = f"{port.target_port}/{port.protocol or 'tcp'}"
            found.setdefault(key, []).append(port.published_port)
        return found

    def _keeps_ports(self) -> bool:
        """Whether its ports are shown: while it runs, and when it ended with its machine, which clears nothing."""
        return self._outward and (self.container.state.runs or bool(self.container.ports))

    def _host_addresses(self, key: str, port: int) -> Sequence[str]:
        """The addresses of the node at which a published port listens: all, unless one was asked for."""
        host = self.container.host
        asked = host.port_bindings.get(key, ()) if host is not None else ()
        found = [binding.host_ip for binding in asked if binding.host_ip and binding.host_port in {"", str(port)}]
        return found or _EVERYWHERE

    def _host_ports(self, key: str, published: list[int]) -> list[Mapping[str, str]] | None:
        if not published:
            return None
        return [{"HostIp": a, "HostPort": str(port)} for port in published for a in self._host_addresses(key, port)]

    def _ports(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        if not self._keeps_ports():
            return found
        for key, published in sorted(self._bindings().items()):
            number, _, protocol = key.partition("/")
            private = {"PrivatePort": int(number)}
            if not published:
                found.append({**private, "Type": protocol})
            for port in published:
                at = self._host_addresses(key, port)
                found.extend({"IP": a, **private, "PublicPort": port, "Type": protocol} for a in at)
        return found

    def summary(self, with_size: bool, links: Mapping[str, Sequence[str]]) -> dict[str, Any]:
        """A row of `docker ps`; for `links` see `link_names`."""
        container = self.container
        words = [f"'{arg}'" if " " in arg else arg for arg in container.args]
        return {
            "Id": container.id,
            "Names": [f"/{container.name}", *sorted({*links.get(container.name, ()), *links.get(container.id, ())})],
            "Image": self._image_name(),
            "ImageID": container.image_id,
            "Command": " ".join([container.path, *words]),
            "Created": container.created_at // 1_000_000_000,
            "Ports": self._ports(),
            # In a list a size of none is left out.
            **({name: size for name, size in self.size().items() if size} if with_size else {}),
            "Labels": sorted_map(container.labels),
            "State": container.state.status,
            "Status": self.status(),
            "HostConfig": self._listed_host(),
            "NetworkSettings": {
                "Networks": {p.network: listed_endpoint(self.container, p, self.version) for p in self.places}
            },
            "Mounts": self._mounts(),
        }

    def _listed_host(self) -> dict[str, Any]:
        wanted = self.container.wanted
        found: dict[str, Any] = {"NetworkMode": wanted.network_mode or "default"}
        if wanted.annotations and self.version >= ApiVersion(1, 46):
            found["Annotations"] = sorted_map(wanted.annotations)
        return found

    def _image_name(self) -> str:
        """The image as it was named, if that still means the same, else its id."""
        container = self.container
        found = self.engine.images.find(container.image)
        return container.image if found is not None and found.id == container.image_id else container.image_id

    def size(self) -> dict[str, int]:
        """The bytes that the container has written, and all that it sees, its image's included."""
        image = self.engine.images.find(self.container.image_id)
        written = self.engine.by_hand.written(self.container.id)
        return {"SizeRw": written, "SizeRootFs": written + (image.size if image is not None else 0)}

    def details(self) -> dict[str, Any]:
        """The whole of `docker inspect`."""
        container = self.container
        # Its files are there once it was started.
        folder = f"{_ROOT}/{container.id}" if container.state.status != "created" else ""
        return {
            "Id": container.id,
            "Created": instant(container.created_at),
            "Path": container.path,
            "Args": list(container.args),
            "State": self._state(),
            "Image": container.image_id,
            "ResolvConfPath": folder and f"{folder}/resolv.conf",
            "HostnamePath": folder and f"{folder}/hostname",
            "HostsPath": folder and f"{folder}/hosts",
            "LogPath": folder and f"{folder}/{container.id}-json.log",
            "Name": f"/{container.name}",
            "RestartCount": container.restart_count,
            "Driver": "overlay2",
            "Platform": "linux",
            "MountLabel": "",
            "ProcessLabel": "",
            "AppArmorProfile": "",
            "ExecIDs": self.engine.execs.of_container(container.id) or None,
            "HostConfig": hostconfig.host_config(container, self._bindings()) | {"Links": self._links() or None},
            "GraphDriver": graphdriver.of_container(container.id, self.engine.images.find(container.image_id)),
            "Mounts": self._mounts(),
            "Config": hostconfig.config(container),
            "NetworkSettings": self._network_settings(),
        }

    def _links(self) -> list[str]:
        """The links of the first bridge to containers that are still there, by both names (MB: daemon/inspect.go)."""
        found = []
        for link in self.container.wanted.links:
            name, _, alias = link.partition(":")
            with suppress(EngineError):
                other = self.engine.containers.find(name)
                found.append(f"/{other.name}:/{self.container.name}/{alias or other.name}")
        return found

    def _state(self) -> dict[str, Any]:
        state = self.container.state
        found: dict[str, Any] = {
            "Status": state.status,
            "Running": state.active,
            "Paused": state.status == "paused",
            "Restarting": state.status == "restarting",
            "OOMKilled": state.oom_killed,
            "Dead": state.status == "dead",
            "Pid": state.pid,
            "ExitCode": state.exit_code,
            "Error": state.error,
            "StartedAt": instant(state.started_at),
            "FinishedAt": instant(state.finished_at),
        }
        if self._running is not None and self.health:
            found["Health"] = {
                "Status": self.health,
                "FailingStreak": self._running.failing_streak,
                "Log": [
                    {"Start": instant(r.start), "End": instant(r.end), "ExitCode": r.exit_code, "Output": r.output}
                    for r in self._running.health_log()
                ],
            }
        return found

    def _network_settings(self) -> dict[str, Any]:
        running = self.container.state.runs
        sandbox = endpoint_id("sandbox", self.container.id)
        on_host = self.container.wanted.network_mode == "host"
        key = "default" if on_host else sandbox[:12]
        bridge = next((place for place in self.places if place.network == "bridge" and running), None)
        ip, _, prefix = bridge.address(4).partition("/") if bridge is not None else ("", "", "")
        bindings = self._bindings() if self._keeps_ports() else {}
        return {
            "Bridge": "",
            "SandboxID": sandbox if running else "",
            "SandboxKey": f"/var/run/docker/netns/{key}" if running else "",
            "Ports": {port: self._host_ports(port, published) for port, published in sorted(bindings.items())},
            "HairpinMode": False,
            "LinkLocalIPv6Address": "",
            "LinkLocalIPv6PrefixLen": 0,
            "SecondaryIPAddresses": None,
            "SecondaryIPv6Addresses": None,
            "EndpointID": endpoint_id(self.container.id, bridge.network_id) if bridge is not None else "",
            "Gateway": bridge.gateway(4) if bridge is not None else "",
            "GlobalIPv6Address": "",
            "GlobalIPv6PrefixLen": 0,
            "IPAddress": ip,
            "IPPrefixLen": int(prefix or 0),
            "IPv6Gateway": "",
            "MacAddress": mac(bridge) if bridge is not None else "",
            "Networks": {p.network: endpoint_settings(self.container, p, self.version) for p in self.places},
        }


def _port_set(values: tuple[str, ...], key: str) -> frozenset[str]:
    found: set[str] = set()
    for value in values:
        numbers, _, protocol = value.partition("/")
        first, _, last = numbers.partition("-")
        about = f"error while looking up for {key} {value}"
        begin, end = _port(first, about), _port(last or first, about)
        if end < begin:
            raise internal(f"{about}: Invalid range specified for the Port: {numbers}")
        found.update(f"{number}/{protocol or 'tcp'}" for number in range(begin, end + 1))
    return frozenset(found)


def _port(text: str, about: str) -> int:
    """A port's number. Raises ApiError (500) with Go's words."""
    if not re.fullmatch(r"[0-9]+", text):
        raise internal(f'{about}: strconv.ParseUint: parsing "{text}": invalid syntax')
    if len(text.lstrip("0")) > 5 or int(text) > _LAST_PORT:
        raise internal(f'{about}: strconv.ParseUint: parsing "{text}": value out of range')
    return int(text)


ROUTES = (
    Route("GET", "/containers/json", list_containers),
    Route("GET", "/containers/{name}/json", inspect_container),
)
