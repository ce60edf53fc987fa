"""The drivers that could keep a container's logs (MB: daemon/logger); here all of them keep them alike."""

from swarmlab.engine.container.logoptions import check_options
from swarmlab.engine.errors import bad_request
from swarmlab.objects.local import Container
from swarmlab.objects.run import LogConfig

DEFAULT_DRIVER = "json-file"
#: Those that `docker info` shows, in its order.
DRIVERS = (
    "awslogs", "fluentd", "gcplogs", "gelf", "journald", "json-file", "local", "logentries", "splunk", "syslog",
)  # fmt: skip
_READABLE = frozenset({"journald", "json-file", "local"})


def log_config(container: Container) -> LogConfig:
    """What was asked for a container's logs, with the driver that is taken without a word about any."""
    asked = container.wanted.log_config
    return LogConfig(type=asked.type or DEFAULT_DRIVER, config=asked.config)


def check_log_config(config: LogConfig) -> None:
    """Raises EngineError (400) for a driver or option that does not exist."""
    driver = config.type or DEFAULT_DRIVER
    if driver == "none":
        return
    if driver not in DRIVERS:
        raise bad_request(f'error looking up logging plugin {driver}: plugin "{driver}" not found')
    try:
        check_options(driver, config.config)
    except ValueError as error:
        raise bad_request(str(error)) from None


def readable(container: Container) -> bool:
    """Whether the driver of a container's logs can show what it has kept."""
    return log_config(container).type in _READABLE
