"""What a service's spec can be asked for: how each property is read, compared and told."""

import operator
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from checker import values

Fields = Mapping[str, Any]


class Property(NamedTuple):
    """One value of a service.

    `read` takes it from the service, `normal` brings what an exercise asks for into the same form, `text` tells either,
    and `same` says whether the first is what the second asks for.
    """

    label: str
    read: Callable[[Fields], Any]
    normal: Callable[[Any], Any] = str
    text: Callable[[Any], str] = str
    same: Callable[[Any, Any], bool] = operator.eq


class Members(NamedTuple):
    """Values of which a service may have several; each one that is asked for must be among them."""

    label: str
    read: Callable[[Fields], list[str]]
    normal: Callable[[str], str] = str


def at(fields: Fields | None, *path: str) -> Any:
    """What is at a path of an object, None where it ends."""
    found: Any = fields
    for name in path:
        if not isinstance(found, Mapping):
            return None
        found = found.get(name)
    return found


def container(service: Fields) -> Fields:
    """The spec of a service's containers."""
    return at(service, "Spec", "TaskTemplate", "ContainerSpec") or {}


def _mode(service: Fields) -> str:
    mode = at(service, "Spec", "Mode") or {}
    return next((name.lower() for name, value in mode.items() if value is not None), "replicated")


def _update(key: str, name: str, default: Any) -> Callable[[Fields], Any]:
    def read(service: Fields) -> Any:
        return at(service, "Spec", key, name) or default

    return read


def _parallelism(key: str) -> Callable[[Fields], int]:
    def read(service: Fields) -> int:
        # Without any configuration Swarm updates one task at a time; 0 in one means all at once.
        config = at(service, "Spec", key)
        return 1 if config is None else int(config.get("Parallelism") or 0)

    return read


def _resource(group: str, name: str) -> Callable[[Fields], int]:
    return lambda service: int(at(service, "Spec", "TaskTemplate", "Resources", group, name) or 0)


def _health(name: str) -> Callable[[Fields], int]:
    return lambda service: int(at(container(service), "Healthcheck", name) or 0)


def _health_command(service: Fields) -> str:
    test = at(container(service), "Healthcheck", "Test") or []
    return " ".join(test[1:] if test[:1] in (["CMD"], ["CMD-SHELL"]) else test) or "none"


def _command(service: Fields) -> str:
    spec = container(service)
    return " ".join((*(spec.get("Command") or ()), *(spec.get("Args") or ()))) or "none"


def _policy(prefix: str, key: str) -> dict[str, Property]:
    told = prefix.replace("_", " ")
    lasting, text = values.duration, values.duration_text
    return {
        f"{prefix}_parallelism": Property(f"{told} parallelism", _parallelism(key), int),
        f"{prefix}_delay": Property(f"{told} delay", _update(key, "Delay", 0), lasting, text),
        f"{prefix}_order": Property(f"{told} order", _update(key, "Order", "stop-first")),
        f"{prefix}_failure_action": Property(f"{told} failure action", _update(key, "FailureAction", "pause")),
        f"{prefix}_monitor": Property(f"{told} monitor", _update(key, "Monitor", 5 * 10**9), lasting, text),
    }


def _env(service: Fields) -> list[str]:
    """Each variable with its value, and by its name alone."""
    variables = container(service).get("Env") or ()
    return [*variables, *(variable.partition("=")[0] for variable in variables)]


#: By the names that facts have for them.
PROPERTIES: dict[str, Property] = {
    "mode": Property("mode", _mode),
    **_policy("update", "UpdateConfig"),
    **_policy("rollback", "RollbackConfig"),
    "update_state": Property("update state", lambda s: at(s, "UpdateStatus", "State") or "none"),
    "endpoint_mode": Property("endpoint mode", lambda s: at(s, "Spec", "EndpointSpec", "Mode") or "vip"),
    "limit_cpu": Property("CPU limit", _resource("Limits", "NanoCPUs"), values.cpus, values.cpus_text),
    "limit_memory": Property("memory limit", _resource("Limits", "MemoryBytes"), values.size, values.size_text),
    "reserve_cpu": Property("CPU reservation", _resource("Reservations", "NanoCPUs"), values.cpus, values.cpus_text),
    "reserve_memory": Property(
        "memory reservation", _resource("Reservations", "MemoryBytes"), values.size, values.size_text
    ),
    "health_cmd": Property("health command", _health_command, same=values.says),
    "health_interval": Property("health interval", _health("Interval"), values.duration, values.duration_text),
    "health_timeout": Property("health timeout", _health("Timeout"), values.duration, values.duration_text),
    "health_start_period": Property(
        "health start period", _health("StartPeriod"), values.duration, values.duration_text
    ),
    "health_retries": Property("health retries", _health("Retries"), int),
    "command": Property("command", _command, same=values.says),
}

MEMBERS: dict[str, Members] = {
    "env": Members("environment variable", _env),
    "constraint": Members(
        "constraint",
        lambda s: list(map(values.constraint, at(s, "Spec", "TaskTemplate", "Placement", "Constraints") or ())),
        values.constraint,
    ),
    "label": Members("label", lambda s: [f"{k}={v}" for k, v in (at(s, "Spec", "Labels") or {}).items()]),
    "mount": Members("mount", lambda s: [str(mount.get("Target")) for mount in container(s).get("Mounts") or ()]),
}
