"""Which kernel parameters a container may set (runc: libcontainer/configs/validate/validator.go)."""

import pytest

from swarmlab.engine.container.sysctls import check_sysctls
from swarmlab.objects import ContainerSpec
from swarmlab.objects.run import HostConfig
from swarmlab.runtime import base
from tests.engine.task.test_taskcontainer import Make, task_of

PREFIX = "failed to create shim task: OCI runtime create failed: runc create failed: "


@pytest.mark.parametrize(
    ("host", "text"),
    [
        ({"sysctls": {"bogus": ""}}, 'sysctl "bogus" is not in a separate kernel namespace'),
        ({"sysctls": {"kernel.pid_max": "3"}}, 'sysctl "kernel.pid_max" is not in a separate kernel namespace'),
        (
            {"sysctls": {"net.core.somaxconn": "3"}, "network_mode": "host"},
            'sysctl "net.core.somaxconn" not allowed in host network namespace',
        ),
        (
            {"sysctls": {"kernel.shmmax": "3"}, "ipc_mode": "host"},
            'sysctl "kernel.shmmax" is not allowed in the hosts ipc namespace',
        ),
        (
            {"sysctls": {"fs.mqueue.msg_max": "3"}, "ipc_mode": "host"},
            'sysctl "fs.mqueue.msg_max" is not allowed in the hosts ipc namespace',
        ),
        (
            {"sysctls": {"kernel.hostname": "x"}},
            'sysctl "kernel.hostname" is not allowed as it conflicts with the OCI "hostname" field',
        ),
    ],
)
def test_a_parameter_of_the_whole_machine_is_refused(host: dict, text: str) -> None:
    with pytest.raises(base.StartError) as caught:
        check_sysctls(HostConfig(**host))
    assert (str(caught.value), caught.value.exit_code) == (f"{PREFIX}{text}: unknown", 128)


@pytest.mark.parametrize("name", ["net.core.somaxconn", "net/core/somaxconn", "kernel.shmmax", "fs.mqueue.msg_max"])
def test_a_parameter_of_a_namespace_may_be_set(name: str) -> None:
    check_sysctls(HostConfig(sysctls={name: "1"}))


def test_a_task_with_one_fails_when_it_starts(make: Make) -> None:
    task = task_of(make(1), ContainerSpec(image="alpine", args=("sleep", "9"), sysctls={"bogus": ""}))
    assert (task.status.state.name, task.status.err) == (
        "FAILED",
        f'starting container failed: {PREFIX}sysctl "bogus" is not in a separate kernel namespace: unknown',
    )
    assert task.status.container_status is not None
    assert task.status.container_status.exit_code == 128
