"""What a container fails of between its making and its program (dockerd, runc's init), recorded from engine 20.10."""

from pathlib import Path
from typing import Any

import pytest

from swarmlab.engine.container.initchecks import check_init
from swarmlab.objects.container import Ulimit
from swarmlab.objects.local import Container
from swarmlab.objects.resources import ThrottleDevice
from swarmlab.objects.run import HostConfig, LogConfig
from swarmlab.runtime.base import Mount, StartError

INIT = (
    "failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: "
    "error during container init: "
)
LOGS = "failed to initialize logging driver: "
TMPFS = 'error mounting "tmpfs" to rootfs at "/t": mount tmpfs:/t (via /proc/self/fd/6), flags: 0xe, data: '


def refused(host: dict[str, Any] | None = None, misfits: tuple[Mount, ...] = (), **fields: Any) -> tuple[str, int]:
    container = Container(
        id="a" * 64, name="box", image="busybox", image_id="sha256:" + "b" * 64, path="true",
        host=HostConfig(**(host or {})), **fields,
    )  # fmt: skip
    with pytest.raises(StartError) as caught:
        check_init(container, misfits)
    return str(caught.value), caught.value.exit_code


@pytest.mark.parametrize(
    ("driver", "options", "text"),
    [
        ("", {"max-size": "x"}, "invalid size: 'x'"),
        ("", {"max-size": "-5"}, "invalid size: '-5'"),
        ("", {"max-size": "1e3"}, "invalid size: '1e3'"),
        ("", {"max-size": "0"}, "max-size must be a positive number"),
        ("", {"max-file": "0"}, "max-file cannot be less than 1"),
        ("", {"max-file": "1.5"}, 'strconv.Atoi: parsing "1.5": invalid syntax'),
        ("", {"compress": ""}, 'strconv.ParseBool: parsing "": invalid syntax'),
        ("", {"compress": "true"}, "compress cannot be true when max-file is less than 2 or max-size is not set"),
        ("", {"env-regex": "["}, "error parsing regexp: missing closing ]: `[`"),
        ("", {"tag": "{{"}, "template: log-tag:1: unclosed action"),
        (
            "",
            {"tag": "{{.Foo}}"},
            'template: log-tag:1:2: executing "log-tag" at <.Foo>: can\'t evaluate field Foo in type *logger.Info',
        ),
        ("", {"tag": "{{.Name | nosuch}}"}, 'template: log-tag:1: function "nosuch" not defined'),
        ("local", {"max-size": "x"}, "invalid value for max-size: x: invalid size: 'x'"),
        ("local", {"max-file": "x"}, 'invalid value for max-file: x: strconv.Atoi: parsing "x": invalid syntax'),
        ("local", {"max-file": "0"}, "compression cannot be enabled when max file count is 1"),
        ("local", {"max-file": "-1", "compress": "0"}, "max file count cannot be less than 0"),
        (
            "local",
            {"compress": "x"},
            'error reading compress log option: strconv.ParseBool: parsing "x": invalid syntax',
        ),
    ],
)
def test_a_driver_of_logs_that_cannot_begin(driver: str, options: dict[str, str], text: str) -> None:
    assert refused({"log_config": LogConfig(type=driver, config=options)}) == (LOGS + text, 128)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ("size=x", f"{INIT}{TMPFS}size=x: invalid argument: unknown"),
        ("size=1mb", f"{INIT}{TMPFS}size=1mb: invalid argument: unknown"),
        ("noexec,size=x,mode=1777", f"{INIT}{TMPFS}size=x,mode=1777: invalid argument: unknown"),
        ("mode=888", f"{INIT}{TMPFS}mode=888: invalid argument: unknown"),
        ("bad", 'invalid tmpfs option ["bad"]'),
        ("size=1m,bad=1", 'invalid tmpfs option ["bad" "1"]'),
        ("size", 'invalid tmpfs option ["size"]'),
    ],
)
def test_a_tmpfs_with_an_option_that_is_none(options: str, text: str) -> None:
    assert refused(tmpfs={"/t": options}) == (text, 128)


def test_what_the_kernel_does_not_take() -> None:
    assert refused(hostname="a" * 65) == (f"{INIT}sethostname: invalid argument: unknown", 128)
    assert refused({"sysctls": {"net.ipv4.ip_forward": "x"}}) == (
        f"{INIT}write /proc/sys/net/ipv4/ip_forward: invalid argument: unknown",
        128,
    )
    setting = "error setting cgroup config for procHooks process: "
    assert refused({"cpu_shares": 1})[0] == f"{INIT}{setting}the minimum allowed cpu-shares is 2: unknown"
    assert refused({"cpu_shares": 1 << 20})[0] == f"{INIT}{setting}the maximum allowed cpu-shares is 262144: unknown"
    assert refused({"cpu_shares": -1}) == ("shares: invalid argument", 128)


MACHINE = [
    (
        {"ulimits": (Ulimit(name="x", soft=1, hard=1),)},
        "failed to create shim task: OCI runtime create failed: runc create failed: "
        "wrong rlimit value: RLIMIT_X: unknown",
    ),
    (
        {"ulimits": (Ulimit(name="nofile", soft=5, hard=1),)},
        f"{INIT}error setting rlimits for ready process: error setting rlimit type 7: invalid argument: unknown",
    ),
    ({"device_cgroup_rules": ("x",)}, "invalid device cgroup rule format: 'x'"),
    (
        {"blkio_device_read_bps": (ThrottleDevice(path="/dev/nope", rate=1),)},
        "stat /dev/nope: no such file or directory",
    ),
]


@pytest.mark.parametrize(("host", "text"), MACHINE)
def test_limits_that_cannot_be(host: dict[str, Any], text: str) -> None:
    assert refused(host) == (text, 128)


@pytest.mark.parametrize(
    ("mount", "text"),
    [
        (
            Mount("/etc/passwd", Path("/etc")),
            'error mounting "/etc" to rootfs at "/etc/passwd": mount /etc:/etc/passwd (via /proc/self/fd/6), '
            "flags: 0x5000",
        ),
        (
            Mount("/etc", Path("/etc/passwd"), read_only=True),
            'error mounting "/etc/passwd" to rootfs at "/etc": mount /etc/passwd:/etc (via /proc/self/fd/6), '
            "flags: 0x5001",
        ),
        (
            Mount("/etc/passwd"),
            'error mounting "tmpfs" to rootfs at "/etc/passwd": mount tmpfs:/etc/passwd (via /proc/self/fd/6), '
            "flags: 0xe",
        ),
    ],
)
def test_a_directory_is_not_mounted_on_a_file_nor_a_file_on_a_directory(mount: Mount, text: str) -> None:
    assert refused(misfits=(mount,)) == (
        f"{INIT}{text}: not a directory: unknown: Are you trying to mount a directory onto a file (or vice-versa)? "
        "Check if the specified host path exists and is the expected type",
        127,
    )


def test_what_can_be() -> None:
    host = HostConfig(
        log_config=LogConfig(config={"max-size": "1.5 MB", "max-file": "2", "compress": "true", "tag": "{{.Name}}"}),
        sysctls={"kernel.sem": "1 2 3 4", "kernel.shmmax": "", "net.ipv4.tcp_congestion_control": "cubic"},
        cpu_shares=2,
        ulimits=(Ulimit(name="nofile", soft=5, hard=9), Ulimit(name="CORE", soft=-1, hard=-1)),
        device_cgroup_rules=("c 1:3 rwm", "a *:* r"),
    )
    tmpfs = {"/t": "noexec,nosuid,size=1m,uid=5,gid=6,nr_inodes=1k,mode=700", "/u": "size=10%", "/v": ""}
    check_init(Container(id="a" * 64, name="box", image="x", host=host, tmpfs=tmpfs, hostname="a" * 64))
