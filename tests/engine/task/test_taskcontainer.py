"""What a task's spec asks of its machine: in its container's record, or the reason why the task is rejected."""

import base64
from collections.abc import Callable

import pytest

from swarmlab.engine.task.taskcontainer import files
from swarmlab.objects import (
    BlobSpec,
    Config,
    ContainerSpec,
    Driver,
    NodeDescription,
    Secret,
    ServiceMode,
    ServiceSpec,
    Task,
    TaskSpec,
)
from swarmlab.objects.container import (
    AppArmorOpts,
    ConfigReference,
    CredentialSpec,
    DNSConfig,
    FileTarget,
    Privileges,
    SeccompOpts,
    SecretReference,
    SELinuxContext,
    Ulimit,
)
from swarmlab.objects.service import Limit, ReplicatedService, ResourceRequirements, RestartPolicy
from swarmlab.store import Actor
from tests.engine.conftest import LabOfEngines

Make = Callable[[int], LabOfEngines]
MIB = 1 << 20


def task_of(lab: LabOfEngines, spec: ContainerSpec, limits: Limit | None = None) -> Task:
    lab.swarm(1)
    template = TaskSpec(
        container_spec=spec,
        resources=ResourceRequirements(limits=limits),
        restart_policy=RestartPolicy(condition="none"),
    )
    mode = ServiceMode(replicated=ReplicatedService(replicas=1))
    control = lab.engine(1).cluster.control()
    service = control.create_service(ServiceSpec(name="web", task_template=template, mode=mode), Actor(engine="node-1"))
    lab.advance(5)
    [task] = control.tasks_of([service.id])
    return task


@pytest.mark.parametrize(
    ("spec", "limits", "text"),
    [
        (
            ContainerSpec(image="alpine", args=("sleep", "9"), capability_add=("CAP_BOGUS",)),
            None,
            'invalid CapAdd: unknown capability: "CAP_BOGUS"',
        ),
        (
            ContainerSpec(image="alpine", args=("sleep", "9")),
            Limit(memory_bytes=5 * MIB),
            "Minimum memory limit allowed is 6MB",
        ),
        (
            ContainerSpec(image="alpine", args=("sleep", "9"), dir="rel"),
            None,
            "the working directory 'rel' is invalid, it needs to be an absolute path",
        ),
        (
            ContainerSpec(image="alpine", args=("sleep", "9"), dir="/etc/passwd"),
            None,
            "Cannot mkdir: /etc/passwd is not a directory",
        ),
        (
            ContainerSpec(image="alpine", args=("sleep", "9"), isolation="process"),
            None,
            "invalid isolation 'process' on linux",
        ),
        (
            ContainerSpec(
                image="alpine",
                args=("sleep", "9"),
                privileges=Privileges(credential_spec=CredentialSpec(file="spec.json")),
            ),
            None,
            'invalid --security-opt 2: "credentialspec=file://spec.json"',
        ),
    ],
)
def test_what_no_machine_can_do_rejects_the_task(
    make: Make, spec: ContainerSpec, limits: Limit | None, text: str
) -> None:
    task = task_of(make(1), spec, limits)
    assert (task.state.text, task.status.err) == ("rejected", text)


def test_the_container_has_what_its_spec_asks_for(make: Make) -> None:
    lab = make(1)
    spec = ContainerSpec(
        image="alpine",
        args=("sleep", "9"),
        capability_add=("CAP_NET_ADMIN",),
        capability_drop=("CAP_CHOWN",),
        dns_config=DNSConfig(nameservers=("8.8.8.8",), search=("x.y",), options=("ndots:2",)),
        hosts=("1.2.3.4 a",),
        groups=("99",),
        read_only=True,
        sysctls={"net.core.somaxconn": "512"},
        ulimits=(Ulimit(name="nofile", hard=2048, soft=1024),),
        init=True,
    )
    task = task_of(lab, spec, Limit(nano_cpus=500_000_000, memory_bytes=64 * MIB, pids=50))
    assert task.state.text == "running"
    [container] = lab.engine(1).containers.list(all=True)
    asked = container.asked
    assert asked is not None
    assert (asked.cap_add, asked.cap_drop) == (("CAP_NET_ADMIN",), ("CAP_CHOWN",))
    assert (asked.dns, asked.dns_search, asked.dns_options) == (("8.8.8.8",), ("x.y",), ("ndots:2",))
    assert (asked.extra_hosts, asked.group_add, asked.sysctls) == (
        ("a:1.2.3.4",),
        ("99",),
        {"net.core.somaxconn": "512"},
    )
    assert (asked.nano_cpus, asked.memory, asked.memory_swap, asked.pids_limit) == (
        500_000_000,
        64 * MIB,
        128 * MIB,
        50,
    )
    assert (asked.readonly_rootfs, asked.init, asked.ulimits[0].hard) == (True, True, 2048)
    assert asked.log_config.type == "json-file"


def test_the_container_is_named_after_its_task_and_the_swarms_labels_win(make: Make) -> None:
    lab = make(1)
    labels = {"a": "b", "com.docker.swarm.task.id": "mine", "com.docker.swarm.service.name": "other"}
    task = task_of(lab, ContainerSpec(image="alpine", args=("sleep", "9"), labels=labels))
    [container] = lab.engine(1).containers.list(all=True)
    assert container.name == f"web.1.{task.id}"
    assert container.labels == {
        "a": "b",
        "com.docker.swarm.node.id": lab.node_id(1),
        "com.docker.swarm.service.id": task.service_id,
        "com.docker.swarm.service.name": "web",
        "com.docker.swarm.task": "",
        "com.docker.swarm.task.id": task.id,
        "com.docker.swarm.task.name": f"web.1.{task.id}",
    }


@pytest.mark.parametrize(
    ("privileges", "options"),
    [
        (Privileges(), ()),
        (Privileges(selinux_context=SELinuxContext(disable=True)), ("label=disable",)),
        (
            Privileges(selinux_context=SELinuxContext(user="u", role="r", type="t", level="s0")),
            ("label=user:u", "label=role:r", "label=level:s0", "label=type:t"),
        ),
        (
            Privileges(seccomp=SeccompOpts(mode="unconfined"), apparmor=AppArmorOpts(mode="disabled")),
            ("seccomp=unconfined", "apparmor=unconfined"),
        ),
        (
            Privileges(seccomp=SeccompOpts(mode="custom", profile="e30="), no_new_privileges=True),
            ("seccomp={}", "no-new-privileges=true"),
        ),
    ],
)
def test_privileges_are_options_of_the_container(make: Make, privileges: Privileges, options: tuple[str, ...]) -> None:
    lab = make(1)
    task_of(lab, ContainerSpec(image="alpine", args=("sleep", "900"), privileges=privileges))
    [container] = lab.engine(1).containers.list(all=False)
    assert container.wanted.security_opt == options


def test_a_secret_that_is_asked_for_twice_belongs_to_whom_the_last_reference_says() -> None:
    references = tuple(
        SecretReference(secret_id="s", secret_name="key", file=FileTarget(name=name, uid=uid, gid=uid, mode=mode))
        for name, uid, mode in (("one", "1", 0o444), ("/two", "2", 0o400))
    )
    spec = ContainerSpec(image="alpine", secrets=references)
    task = Task(id="t", spec=TaskSpec(container_spec=spec))
    found = files(task, NodeDescription(), {"s": Secret(id="s", spec=BlobSpec())}, {})
    assert [(f.path, f.uid, f.gid, f.mode) for f in found] == [("/run/secrets/one", 2, 2, 0o400), ("/two", 2, 2, 0o400)]
    assert all(f.secret for f in found)


def test_a_template_sees_the_variables_of_the_container() -> None:
    """Those are expanded before."""
    reference = ConfigReference(config_id="c", config_name="conf", file=FileTarget(name="/conf"))
    spec = ContainerSpec(image="alpine", env=("A={{.Service.Name}}-{{.Task.Slot}}",), configs=(reference,))
    task = Task(id="t", spec=TaskSpec(container_spec=spec), service_name="web", slot=2)
    data = base64.b64encode(b'{{env "A"}}{{env "none"}}').decode()
    config = Config(id="c", spec=BlobSpec(data=data, templating=Driver(name="golang")))
    [found] = files(task, NodeDescription(), {}, {"c": config})
    assert found.data == b"web-2"
