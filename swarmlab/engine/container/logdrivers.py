"""The drivers that could keep a container's logs (MB: daemon/logger); here all of them keep them alike."""

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
