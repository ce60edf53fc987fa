"""Which options a driver of logs takes, and with which values (MB: daemon/logger, `ValidateLogOpts`).

The texts are those of engine 20.10.
"""

import os
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from swarmlab.objects.strconv import BINARY, atoi, parse_bool, parse_size

Options = Mapping[str, str]
_ATTRIBUTES = frozenset({"labels", "labels-regex", "env", "env-regex"})
_FILE = frozenset({"max-file", "max-size", "compress"})
#: Those of every driver; the last ones are of the copy that an engine keeps for drivers that cannot be read.
_ANY_DRIVER = frozenset(
    {"mode", "max-buffer-size", "cache-disabled", "cache-max-file", "cache-max-size", "cache-compress"}
)


def _own(prefix: str, names: str) -> frozenset[str]:
    return frozenset(f"{prefix}-{name}" for name in names.split())


_KNOWN = {
    "awslogs": {"tag"}
    | _own("awslogs", "group stream create-group create-stream region endpoint datetime-format multiline-pattern")
    | _own("awslogs", "credentials-endpoint force-flush-interval-seconds max-buffered-events format"),
    "fluentd": {*_ATTRIBUTES, "tag"}
    | _own("fluentd", "address async async-connect async-reconnect-interval buffer-limit max-retries request-ack")
    | _own("fluentd", "retry-wait sub-second-precision write-timeout"),
    "gcplogs": _ATTRIBUTES | _own("gcp", "project log-cmd meta-zone meta-name meta-id"),
    "gelf": {*_ATTRIBUTES, "tag"}
    | _own("gelf", "address compression-level compression-type tcp-max-reconnect tcp-reconnect-delay"),
    "journald": {*_ATTRIBUTES, "tag"},
    "json-file": {*_ATTRIBUTES, *_FILE, "tag"},
    "local": _FILE,
    "logentries": {*_ATTRIBUTES, "tag", "line-only", "logentries-token"},
    "splunk": {*_ATTRIBUTES, "tag"}
    | _own("splunk", "url token source sourcetype index capath caname insecureskipverify format verify-connection")
    | _own("splunk", "gzip gzip-level index-acknowledgment"),
    "syslog": {*_ATTRIBUTES, "tag"}
    | _own("syslog", "address facility format tls-ca-cert tls-cert tls-key tls-skip-verify"),
}
_UNKNOWN = {
    "gcplogs": '"{option}" is not a valid option for the gcplogs driver',
    "gelf": 'unknown log opt "{option}" for gelf log driver',
    "local": "unknown log opt '{option}' for log driver local",
}
_FACILITIES = frozenset(
    """
    kern user mail daemon auth syslog lpr news uucp cron authpriv ftp
    local0 local1 local2 local3 local4 local5 local6 local7
    """.split()  # noqa: SIM905
)
_SYSLOG_FORMATS = frozenset({"", "rfc3164", "rfc5424", "rfc5424micro"})
_LEVELS = range(-1, 10)


def check_options(driver: str, options: Options) -> None:
    """Raises ValueError with Docker's words for the first option that cannot be."""
    mode = options.get("mode", "")
    if mode not in {"", "blocking", "non-blocking"}:
        raise ValueError(f"logger: logging mode not supported: {mode}")
    if (size := options.get("max-buffer-size")) is not None:
        if mode != "non-blocking":
            raise ValueError("logger: max-buffer-size option is only supported with 'mode=non-blocking'")
        try:
            parse_size(size, BINARY)
        except ValueError as error:
            raise ValueError(f"error parsing option max-buffer-size: {error}") from None
    if disabled := options.get("cache-disabled"):
        try:
            parse_bool(disabled)
        except ValueError:
            raise ValueError(f"invalid value for option cache-disabled: {disabled}") from None
    own = {name: value for name, value in sorted(options.items()) if name not in _ANY_DRIVER}
    # Where to send them is looked at before anything else.
    if driver == "gelf":
        _gelf(own)
    if driver == "logentries" and not own.get("logentries-token"):
        raise ValueError("Missing logentries token")
    for option in own:
        if option not in _KNOWN[driver]:
            raise ValueError(
                _UNKNOWN.get(driver, "unknown log opt '{option}' for {driver} log driver").format(
                    option=option, driver=driver
                )
            )
    if (check := _VALUES.get(driver)) is not None:
        check(own)


def _gelf(options: Options) -> None:
    address = options.get("gelf-address", "")
    if not address:
        raise ValueError("gelf-address is a required parameter")
    scheme, colon, rest = address.partition("://")
    if not colon:
        raise ValueError(f"gelf-address should be in form proto://address, got {address}")
    if scheme not in {"udp", "tcp"}:
        raise ValueError("gelf: endpoint needs to be TCP or UDP")
    if ":" not in rest:
        raise ValueError("gelf: please provide gelf-address as proto://host:port")
    for option, value in options.items():
        if option.startswith("gelf-compression") and scheme != "udp":
            raise ValueError("compression is only supported on UDP")
        if (option == "gelf-compression-level" and not _is_number(value, _LEVELS)) or (
            option == "gelf-compression-type" and value not in {"gzip", "zlib", "none"}
        ):
            raise ValueError(f'unknown value "{value}" for log opt "{option}" for gelf log driver')
        if option in {"gelf-tcp-max-reconnect", "gelf-tcp-reconnect-delay"}:
            if scheme != "tcp":
                raise ValueError(f'"{option}" is only valid for TCP')
            if not _is_number(value, range(1 << 63)):
                raise ValueError(f'"{option}" must be a positive integer')


def _syslog(options: Options) -> None:
    if address := options.get("syslog-address", ""):
        if "://" not in address:
            raise ValueError(f"syslog-address should be in form proto://address, got {address}")
        url = urlsplit(address)
        if url.scheme in {"unix", "unixgram"}:
            if not os.path.exists(url.path):
                raise ValueError(f"stat {url.path}: no such file or directory")
        elif url.scheme not in {"udp", "tcp", "tcp+tls"}:
            raise ValueError(f"unsupported scheme: '{url.scheme}'")
    facility = options.get("syslog-facility", "")
    if facility and facility not in _FACILITIES and not _is_number(facility, range(24)):
        raise ValueError("invalid syslog facility")
    if options.get("syslog-format", "") not in _SYSLOG_FORMATS:
        raise ValueError("Invalid syslog format")


def _fluentd(options: Options) -> None:
    address = options.get("fluentd-address", "")
    if "://" in address and (scheme := urlsplit(address).scheme) not in {"unix", "tcp", "tls"}:
        raise ValueError(f"invalid fluentd-address ({address}): unsupported scheme: '{scheme}'")
    if limit := options.get("fluentd-buffer-limit"):
        parse_size(limit, BINARY)
    for name in ("async", "sub-second-precision", "request-ack"):
        if flag := options.get(f"fluentd-{name}"):
            parse_bool(flag)


def _awslogs(options: Options) -> None:
    if not options.get("awslogs-group"):
        raise ValueError("must specify a value for log opt 'awslogs-group'")
    for name in ("awslogs-create-group", "awslogs-create-stream"):
        if value := options.get(name):
            try:
                parse_bool(value)
            except ValueError as error:
                raise ValueError(f"must specify valid value for log opt '{name}': {error}") from None
    for name in ("awslogs-force-flush-interval-seconds", "awslogs-max-buffered-events"):
        if (value := options.get(name)) and not _is_number(value, range(1, 1 << 63)):
            raise ValueError(f"must specify a positive integer for log opt '{name}': {value}")
    if "awslogs-datetime-format" in options and "awslogs-multiline-pattern" in options:
        raise ValueError(
            "you cannot configure log opt 'awslogs-datetime-format' and 'awslogs-multiline-pattern' at the same time"
        )


def _is_number(text: str, among: range) -> bool:
    try:
        return atoi(text) in among
    except ValueError:
        return False


_VALUES: Mapping[str, Callable[[Options], None]] = {"awslogs": _awslogs, "fluentd": _fluentd, "syslog": _syslog}
