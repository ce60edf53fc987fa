"""Options of log drivers (MB: daemon/logger, each driver's `ValidateLogOpt`), in the words of engine 20.10."""

import pytest

from swarmlab.engine.container.logdrivers import DRIVERS, check_log_config
from swarmlab.engine.errors import EngineError
from swarmlab.objects.run import LogConfig

WRONG = [
    ("json-file", {"foo": "1"}, "unknown log opt 'foo' for json-file log driver"),
    ("", {"mode": "foo"}, "logger: logging mode not supported: foo"),
    ("", {"max-buffer-size": "1m"}, "logger: max-buffer-size option is only supported with 'mode=non-blocking'"),
    (
        "",
        {"mode": "non-blocking", "max-buffer-size": "x"},
        "error parsing option max-buffer-size: invalid size: 'x'",
    ),
    ("syslog", {"cache-disabled": "x"}, "invalid value for option cache-disabled: x"),
    ("local", {"labels": "x"}, "unknown log opt 'labels' for log driver local"),
    ("journald", {"foo": "x"}, "unknown log opt 'foo' for journald log driver"),
    ("gcplogs", {"foo": "x"}, '"foo" is not a valid option for the gcplogs driver'),
    ("splunk", {"foo": "x"}, "unknown log opt 'foo' for splunk log driver"),
    ("logentries", {"foo": "x"}, "Missing logentries token"),
    ("gelf", {}, "gelf-address is a required parameter"),
    ("gelf", {"gelf-address": "foo"}, "gelf-address should be in form proto://address, got foo"),
    ("gelf", {"gelf-address": "udp://h:1", "foo": "x"}, 'unknown log opt "foo" for gelf log driver'),
    ("gelf", {"gelf-address": "http://h:1"}, "gelf: endpoint needs to be TCP or UDP"),
    (
        "gelf",
        {"gelf-address": "udp://h:1", "gelf-compression-type": "x"},
        'unknown value "x" for log opt "gelf-compression-type" for gelf log driver',
    ),
    ("syslog", {"syslog-address": "foo"}, "syslog-address should be in form proto://address, got foo"),
    ("syslog", {"syslog-address": "unix:///no/where"}, "stat /no/where: no such file or directory"),
    ("syslog", {"syslog-facility": "24"}, "invalid syslog facility"),
    ("syslog", {"syslog-format": "x"}, "Invalid syslog format"),
    ("fluentd", {"foo": "1"}, "unknown log opt 'foo' for fluentd log driver"),
    ("fluentd", {"fluentd-async": "x"}, 'strconv.ParseBool: parsing "x": invalid syntax'),
    ("awslogs", {}, "must specify a value for log opt 'awslogs-group'"),
    ("awslogs", {"foo": "x"}, "unknown log opt 'foo' for awslogs log driver"),
    ("etwlogs", {}, 'error looking up logging plugin etwlogs: plugin "etwlogs" not found'),
]
FINE = [
    ("none", {"foo": "x"}),
    ("json-file", {"max-size": "nonsense", "tag": "{{", "mode": "non-blocking", "max-buffer-size": "1m"}),
    ("json-file", {"cache-disabled": "true"}),
    ("local", {"max-size": "10m", "max-file": "3", "compress": "true"}),
    ("syslog", {"syslog-address": "tcp://1.2.3.4:514", "syslog-facility": "local3", "syslog-format": "rfc5424"}),
    ("gelf", {"gelf-address": "udp://1.2.3.4:12201", "gelf-compression-level": "9", "tag": "x"}),
    ("awslogs", {"awslogs-group": "g", "awslogs-create-group": "true"}),
    ("fluentd", {"fluentd-address": "tcp://h:24224", "fluentd-buffer-limit": "8m"}),
]


@pytest.mark.parametrize(("driver", "options", "text"), WRONG)
def test_an_option_that_cannot_be_is_refused_when_a_container_is_made(
    driver: str, options: dict[str, str], text: str
) -> None:
    with pytest.raises(EngineError) as caught:
        check_log_config(LogConfig(type=driver, config=options))
    assert (caught.value.status, str(caught.value)) == (400, text)


@pytest.mark.parametrize(("driver", "options"), FINE)
def test_options_that_can_be(driver: str, options: dict[str, str]) -> None:
    check_log_config(LogConfig(type=driver, config=options))


def test_every_driver_knows_its_options() -> None:
    needed = {
        "awslogs": {"awslogs-group": "g"},
        "gelf": {"gelf-address": "udp://h:1"},
        "logentries": {"logentries-token": "t"},
    }
    for driver in DRIVERS:
        check_log_config(LogConfig(type=driver, config=needed.get(driver, {})))
