"""What cannot be asked of a machine, in the words of engine 20.10 (recorded from one)."""

import pytest

from swarmlab.engine.container.hostchecks import adapted, check_devices, check_health, check_host, check_resources
from swarmlab.engine.errors import EngineError
from swarmlab.objects.container import HealthConfig
from swarmlab.objects.resources import DeviceMapping, DeviceRequest
from swarmlab.objects.run import HostConfig, HostPort, RestartPolicy

MIB = 1 << 20
WRONG = [
    ({"security_opt": ("nonsense",)}, 500, 'invalid --security-opt 1: "nonsense"'),
    ({"security_opt": ("label=disable", "a=b")}, 500, 'invalid --security-opt 2: "a=b"'),
    ({"security_opt": ("no-new-privileges:maybe",)}, 500, 'invalid --security-opt 2: "no-new-privileges:maybe"'),
    ({"cap_add": ("net_admin", "bogus")}, 400, 'invalid CapAdd: unknown capability: "CAP_BOGUS"'),
    ({"cap_add": ("",)}, 400, 'invalid CapAdd: unknown capability: "CAP_"'),
    ({"cap_drop": ("cap_all",)}, 400, 'invalid CapDrop: unknown capability: "CAP_ALL"'),
    ({"nano_cpus": 3_000_000_000}, 400, "Range of CPUs is from 0.01 to 2.00, as there are only 2 CPUs available"),
    ({"nano_cpus": -5}, 400, "Range of CPUs is from 0.01 to 2.00, as there are only 2 CPUs available"),
    (
        {"nano_cpus": 5, "cpu_period": 1000},
        400,
        "Conflicting options: Nano CPUs and CPU Period cannot both be set",
    ),
    ({"nano_cpus": 5, "cpu_quota": 1000}, 400, "Conflicting options: Nano CPUs and CPU Quota cannot both be set"),
    (
        {"cpu_period": 1},
        400,
        "CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)",
    ),
    ({"cpu_quota": 1}, 400, "CPU cfs quota can not be less than 1ms (i.e. 1000)"),
    ({"cpuset_cpus": "0-9"}, 400, "Requested CPUs are not available - requested 0-9, available: 0-1"),
    ({"cpuset_cpus": "bogus"}, 400, "Invalid value bogus for cpuset cpus: invalid format: bogus"),
    ({"cpuset_mems": "7"}, 400, "Requested memory nodes are not available - requested 7, available: 0"),
    ({"memory": MIB}, 400, "Minimum memory limit allowed is 6MB"),
    ({"memory": -5}, 400, "Minimum memory limit allowed is 6MB"),
    ({"kernel_memory": MIB}, 400, "Minimum kernel memory limit allowed is 6MB"),
    ({"memory_reservation": MIB}, 400, "Minimum memory reservation allowed is 6MB"),
    (
        {"memory": 100 * MIB, "memory_reservation": 200 * MIB},
        400,
        "Minimum memory limit can not be less than memory reservation limit, see usage",
    ),
    (
        {"memory": 100 * MIB, "memory_swap": 50 * MIB},
        400,
        "Minimum memoryswap limit should be larger than memory limit, see usage",
    ),
    (
        {"memory_swap": 50 * MIB},
        400,
        "You should always set the Memory limit when using Memoryswap limit, see usage",
    ),
    ({"memory_swappiness": -2}, 400, "Invalid value: -2, valid memory swappiness range is 0-100"),
    ({"memory_swappiness": 200}, 400, "Invalid value: 200, valid memory swappiness range is 0-100"),
    ({"memory_swappiness": -2}, 400, "Invalid value: -2, valid memory swappiness range is 0-100"),
    ({"ipc_mode": "bogus"}, 400, "Invalid IPC mode: bogus"),
    ({"shm_size": -1}, 400, "SHM size can not be less than 0"),
    ({"oom_score_adj": 9999}, 400, "Invalid value 9999, range for oom score adj is [-1000, 1000]"),
    ({"runtime": "bogus"}, 400, "Unknown runtime specified bogus"),
    ({"extra_hosts": ("x",)}, 400, 'bad format for add-host: "x"'),
    ({"security_opt": ("label=disable", "foo")}, 500, 'invalid --security-opt 1: "foo"'),
    ({"security_opt": ("foo:bar",)}, 500, 'invalid --security-opt 2: "foo:bar"'),
    ({"security_opt": ("no-new-privileges=maybe",)}, 500, 'invalid --security-opt 2: "no-new-privileges=maybe"'),
    ({"extra_hosts": ("x:bogus",)}, 400, 'invalid IP address in add-host: "bogus"'),
    (
        {"storage_opt": {"size": "1g"}},
        500,
        "--storage-opt is supported only for overlay over xfs with 'pquota' mount option",
    ),
    ({"storage_opt": {"size": "1g", "foo": "1"}}, 500, "Unknown option foo"),
    (
        {"auto_remove": True, "restart_policy": RestartPolicy(name="always")},
        400,
        "can't create 'AutoRemove' container with restart policy",
    ),
]


@pytest.mark.parametrize(("asked", "status", "text"), WRONG)
def test_what_cannot_be_asked(asked: dict[str, object], status: int, text: str) -> None:
    with pytest.raises(EngineError) as error:
        check_host(HostConfig(**asked), cpus=2)  # type: ignore[arg-type]
    assert (error.value.status, str(error.value)) == (status, text)


def test_what_can() -> None:
    fine = HostConfig(
        cap_add=("ALL", "cap_net_admin", "SYS_TIME"),
        nano_cpus=2_000_000_000,
        cpuset_cpus="0,1",
        cpuset_mems="0",
        memory=64 * MIB,
        memory_swap=-1,
        memory_swappiness=-1,
        ipc_mode="container:other",
        extra_hosts=("a:1.2.3.4", "b:::1", "c:host-gateway"),
        oom_score_adj=-1000,
        runtime="runc",
        security_opt=("label=disable", "label:foo", "no-new-privileges", "no-new-privileges:true"),
    )
    assert check_host(fine, cpus=2) == []


def test_warnings() -> None:
    host = HostConfig(network_mode="host", port_bindings={"80/tcp": (HostPort(host_port="80"),)})
    assert check_host(host, cpus=2) == ["Published ports are discarded when using host network mode"]
    [warning] = check_host(HostConfig(oom_kill_disable=True), cpus=2)
    assert warning.startswith("OOM killer is disabled for the container, but no memory limit is set")


def test_swap_alone_may_be_updated() -> None:
    assert check_resources(HostConfig(memory_swap=50 * MIB), cpus=2, update=True) == []


def test_memory_brings_as_much_swap() -> None:
    assert adapted(HostConfig(memory=8 * MIB)).memory_swap == 16 * MIB
    assert adapted(HostConfig(memory=8 * MIB, memory_swap=-1)).memory_swap == -1
    assert adapted(HostConfig()).memory_swap == 0


def test_no_swappiness_is_minus_one() -> None:
    # As the command line says when nobody asks for any.
    host = HostConfig(memory_swappiness=-1)
    assert check_host(host, cpus=2) == []
    assert adapted(host).memory_swappiness is None


@pytest.mark.parametrize(
    ("health", "text"),
    [
        (HealthConfig(interval=5), "Interval in Healthcheck cannot be less than 1ms"),
        (HealthConfig(timeout=5), "Timeout in Healthcheck cannot be less than 1ms"),
        (HealthConfig(start_period=5, retries=-1), "Retries in Healthcheck cannot be negative"),
        (HealthConfig(start_period=5), "StartPeriod in Healthcheck cannot be less than 1ms"),
    ],
)
def test_health_checks_that_cannot_be(health: HealthConfig, text: str) -> None:
    with pytest.raises(EngineError, match=text):
        check_health(health)


@pytest.mark.parametrize(
    ("asked", "text"),
    [
        (
            {"devices": (DeviceMapping("/dev/nosuch", "/dev/nosuch", "rwm"),)},
            'error gathering device information while adding custom device "/dev/nosuch": no such file or directory',
        ),
        (
            {"device_requests": (DeviceRequest(count=-1, capabilities=(("gpu",),)),)},
            'could not select device driver "" with capabilities: [[gpu]]',
        ),
        (
            {"devices": (DeviceMapping("/etc/passwd", "/x", "rwm"),)},
            'error gathering device information while adding custom device "/etc/passwd": not a device node',
        ),
    ],
)
def test_what_is_found_out_at_the_start(asked: dict[str, object], text: str) -> None:
    with pytest.raises(EngineError) as caught:
        check_devices(HostConfig(**asked))  # type: ignore[arg-type]
    assert (caught.value.status, str(caught.value)) == (500, text)


def test_devices_that_there_are() -> None:
    check_devices(HostConfig(devices=(DeviceMapping("/dev/null", "/dev/x", "r"),)))
