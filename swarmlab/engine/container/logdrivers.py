"""The drivers that could keep a container's logs (MB: daemon/logger); here all of them keep them alike."""

import re
from collections.abc import Callable, Iterator, Mapping

from swarmlab.engine.errors import bad_request
from swarmlab.objects.local import Container
from swarmlab.objects.run import LogConfig

DEFAULT_DRIVER = "json-file"
#: Those that `docker info` shows, in its order.
DRIVERS = (
    "awslogs", "fluentd", "gcplogs", "gelf", "journald", "json-file", "local", "logentries", "splunk", "syslog",
)  # fmt: skip
_READABLE = frozenset({"journald", "json-file", "local"})
_ANY_DRIVER = frozenset({"mode", "max-buffer-size"})
_OPTIONS = {
    "json-file": frozenset({"max-file", "max-size", "compress", "labels", "labels-regex", "env", "env-regex", "tag"}),
    "local": frozenset({"max-file", "max-size", "compress"}),
}
#: What a tag may be made of.
_TAG: dict[str, Callable[[Container], str]] = {
    "ID": lambda container: container.id[:12],
    "FullID": lambda container: container.id,
    "Name": lambda container: container.name,
    "ImageID": lambda container: container.image_id[:12],
    "ImageFullID": lambda container: container.image_id,
    "ImageName": lambda container: container.image,
    "DaemonName": lambda container: "docker",
}
_TAG_FIELD = re.compile(r"\{\{\s*\.(\w+)\s*\}\}")


def check_log_config(config: LogConfig) -> None:
    """Raises EngineError (400) for a driver or option that does not exist."""
    driver = config.type or DEFAULT_DRIVER
    if driver not in {"none", *DRIVERS}:
        raise bad_request(f'error looking up logging plugin {driver}: plugin "{driver}" not found')
    known = _OPTIONS.get(driver)
    for option in sorted(config.config):
        if known is not None and option not in known | _ANY_DRIVER:
            raise bad_request(f"unknown log opt '{option}' for {driver} log driver")


def readable(container: Container) -> bool:
    """Whether the driver of a container's logs can show what it has kept."""
    asked = container.host or container.asked
    config = asked.log_config if asked is not None else LogConfig()
    return (config.type or DEFAULT_DRIVER) in _READABLE


def details(container: Container) -> Mapping[str, str]:
    """What `--details` shows of a container with each line: labels, variables, a tag (MB: daemon/logger/loginfo.go)."""
    config = container.wanted.log_config
    if (config.type or DEFAULT_DRIVER) != DEFAULT_DRIVER:
        return {}
    options = config.config
    variables = dict(each.split("=", 1) for each in container.env if "=" in each)
    found = {
        **dict(_chosen(container.labels, options.get("labels", ""), options.get("labels-regex", ""))),
        **dict(_chosen(variables, options.get("env", ""), options.get("env-regex", ""))),
    }
    if tag := options.get("tag"):
        found["tag"] = _TAG_FIELD.sub(lambda field: _TAG[field[1]](container) if field[1] in _TAG else "", tag)
    return found


def _chosen(values: Mapping[str, str], names: str, pattern: str) -> Iterator[tuple[str, str]]:
    """Those whose names are in a list with commas, or match."""
    wanted = set(names.split(","))
    for name, value in values.items():
        if name in wanted or (pattern and re.search(pattern, name)):
            yield name, value
