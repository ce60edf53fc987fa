"""Services: what is refused, in which words (SK: manager/controlapi/service_test.go)."""

from collections.abc import Callable

import pytest

from swarmlab.clock import SECOND
from swarmlab.objects import (
    ContainerSpec,
    Driver,
    EndpointSpec,
    NetworkSpec,
    PortConfig,
    Resources,
    ServiceMode,
    ServiceSpec,
    TaskSpec,
    UpdateConfig,
)
from swarmlab.objects.container import HealthConfig, Mount
from swarmlab.objects.service import GlobalJob, Limit, ReplicatedJob, ResourceRequirements, RestartPolicy
from tests.support.cluster import ACTOR, Cluster, replace
from tests.support.specs import GLOBAL, host, ingress, service_spec, update

from .conftest import Refused

BASE = service_spec()
Change = Callable[[ServiceSpec], ServiceSpec]


def template(**changes: object) -> ServiceSpec:
    return replace(BASE, task_template=replace(BASE.task_template, **changes))


def container(**changes: object) -> ServiceSpec:
    return template(container_spec=replace(ContainerSpec(image="nginx"), **changes))


def limits(**values: int) -> ServiceSpec:
    return template(resources=ResourceRequirements(limits=Limit(**values)))


def reservations(**values: int) -> ServiceSpec:
    return template(resources=ResourceRequirements(reservations=Resources(**values)))


def health(**values: int) -> ServiceSpec:
    return container(healthcheck=HealthConfig(**values))


def ports(mode: str, *published: PortConfig) -> ServiceSpec:
    return replace(BASE, endpoint_spec=EndpointSpec(mode=mode, ports=published))


NOT_DNS = "name must be valid as a DNS name component"


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        (service_spec(""), "meta: name must be provided"),
        (service_spec("a.b"), NOT_DNS),
        (service_spec("-a"), NOT_DNS),
        (service_spec("a-"), NOT_DNS),
        (service_spec("a_"), NOT_DNS),
        (service_spec("a b"), NOT_DNS),
        (service_spec("ä"), NOT_DNS),
        (service_spec("a\n"), NOT_DNS),
        (service_spec("a" * 60 + "."), NOT_DNS),
        (service_spec("a" * 64), "name must be 63 characters or fewer"),
        (service_spec("a." + "a" * 64), NOT_DNS),
        (limits(nano_cpus=999_999), "invalid cpu value 0.000999999: Must be at least 0.001"),
        (limits(nano_cpus=1), "invalid cpu value 1e-09: Must be at least 0.001"),
        (limits(nano_cpus=-1_000_000_000), "invalid cpu value -1: Must be at least 0.001"),
        (reservations(nano_cpus=500_000), "invalid cpu value 0.0005: Must be at least 0.001"),
        (limits(memory_bytes=4 * 1024 * 1024 - 1), "invalid memory value 4194303: Must be at least 4MiB"),
        (reservations(memory_bytes=1), "invalid memory value 1: Must be at least 4MiB"),
        (template(restart_policy=RestartPolicy(delay=-1)), "TaskSpec: restart-delay cannot be negative"),
        (template(restart_policy=RestartPolicy(window=-1)), "TaskSpec: restart-window cannot be negative"),
        (template(container_spec=None), "TaskSpec: missing runtime"),
        (container(image=""), "ContainerSpec: image reference must be provided"),
        (container(image="Nginx"), 'ContainerSpec: "Nginx" is not a valid repository/tag'),
        (container(image="nginx:"), 'ContainerSpec: "nginx:" is not a valid repository/tag'),
        (container(image="nginx:ä"), 'ContainerSpec: "nginx:ä" is not a valid repository/tag'),
        (container(image="///aa"), 'ContainerSpec: "///aa" is not a valid repository/tag'),
        (container(image="a" * 64), f'ContainerSpec: "{"a" * 64}" is not a valid repository/tag'),
        (
            container(mounts=(Mount(target="/foo"), Mount(target="/foo"))),
            "ContainerSpec: duplicate mount point: /foo",
        ),
        (health(interval=999_999), "ContainerSpec: Interval in HealthConfig cannot be less than 1ms"),
        (health(timeout=1), "ContainerSpec: Timeout in HealthConfig cannot be less than 1ms"),
        (health(start_period=1), "ContainerSpec: StartPeriod in HealthConfig cannot be less than 1ms"),
        (health(start_interval=1), "ContainerSpec: StartInterval in HealthConfig cannot be less than 1ms"),
        (health(interval=-1), "ContainerSpec: Interval in HealthConfig cannot be less than 1ms"),
        (health(retries=-1), "ContainerSpec: Retries in HealthConfig cannot be negative"),
        (replace(BASE, update_config=UpdateConfig(delay=-1)), "TaskSpec: update-delay cannot be negative"),
        (replace(BASE, update_config=UpdateConfig(monitor=-1)), "TaskSpec: update-monitor cannot be negative"),
        (
            replace(BASE, update_config=update(ratio=1.1)),
            "TaskSpec: update-maxfailureratio cannot be less than 0 or bigger than 1",
        ),
        (
            replace(BASE, update_config=update(ratio=-0.1)),
            "TaskSpec: update-maxfailureratio cannot be less than 0 or bigger than 1",
        ),
        (
            replace(BASE, mode=ServiceMode(replicated_job=ReplicatedJob()), update_config=update()),
            "Jobs may not have an update config",
        ),
        (
            replace(BASE, mode=ServiceMode(global_job=GlobalJob()), update_config=update()),
            "Jobs may not have an update config",
        ),
        (
            ports("dnsrr", ingress(80)),
            "EndpointSpec: port published with ingress mode can't be used with dnsrr mode",
        ),
        (ports("vip", ingress(80, 8080), ingress(81, 8080)), "EndpointSpec: duplicate published ports provided"),
    ],
)
def test_specs_that_are_refused(swarm: Cluster, spec: ServiceSpec, text: str) -> None:
    with Refused(swarm, "InvalidArgument", text):
        swarm.create(spec)
    if spec.name == "web":
        swarm.create(BASE)
        with Refused(swarm, "InvalidArgument", text):
            swarm.update(spec)


@pytest.mark.parametrize(
    "spec",
    [
        service_spec("a" * 63),
        service_spec("A-b__c9"),
        limits(nano_cpus=1_000_000, memory_bytes=4 * 1024 * 1024),
        limits(nano_cpus=0, memory_bytes=0),
        container(image="registry.example:5000/team/app:v1.2"),
        container(image=f"nginx@sha256:{'0' * 64}"),
        health(interval=SECOND // 1000, retries=0),
        replace(BASE, update_config=update(ratio=1)),
        replace(BASE, rollback_config=update(ratio=7)),
        ports("dnsrr", host(80, 8080)),
        ports("vip", ingress(53, 53), ingress(53, 53, "udp"), ingress(80), ingress(80)),
        template(log_driver=Driver(name="none")),
    ],
)
def test_specs_that_are_accepted(swarm: Cluster, spec: ServiceSpec) -> None:
    assert swarm.create(spec).spec == spec


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ("node.id", "constraint expected one operator from ==, !="),
        ("1==x", "key '1' is invalid"),
        ("node.id==", "value '' is invalid"),
    ],
)
def test_constraints_that_cannot_be_parsed_are_an_unknown_error(swarm: Cluster, expression: str, text: str) -> None:
    with Refused(swarm, "Unknown", text):
        swarm.create(service_spec(constraints=(expression,)))


def test_unknown_constraint_keys_are_accepted(swarm: Cluster) -> None:
    swarm.create(service_spec(constraints=("node.nonsense == x",)))
    swarm.settle()
    [task] = swarm.tasks()
    assert task.status.err == "no suitable node (scheduling constraints not satisfied on 1 node)"


def test_the_order_of_the_checks(swarm: Cluster) -> None:
    """The spec's shape before ports, ports before names."""
    swarm.create(service_spec(ports=(ingress(80, 8080),)))
    taken = service_spec(ports=(ingress(80, 8080),))
    owner = swarm.service()
    with Refused(swarm, "InvalidArgument", "meta: name must be provided"):
        swarm.create(replace(taken, name="", task_template=TaskSpec()))
    in_use = f"port '8080' is already in use by service 'web' ({owner.id}) as an ingress port"
    with Refused(swarm, "InvalidArgument", in_use):
        swarm.create(taken)
    text = "name conflicts with an existing object: service WEB already exists"
    with Refused(swarm, "AlreadyExists", text):
        swarm.create(service_spec("WEB"))


# --- ports -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("theirs", "ours", "kind"),
    [
        (ingress(80, 8080), ingress(80, 8080), "an ingress"),
        (ingress(80, 8080), host(80, 8080), "an ingress"),
        (host(80, 8080), ingress(80, 8080), "a host-published"),
        (ingress(80), ingress(80, 30000), "an ingress"),
    ],
)
def test_a_port_that_is_in_use(swarm: Cluster, theirs: PortConfig, ours: PortConfig, kind: str) -> None:
    owner = swarm.create(service_spec("first", ports=(theirs,)))
    swarm.settle()
    number = ours.published_port
    text = f"port '{number}' is already in use by service 'first' ({owner.id}) as {kind} port"
    with Refused(swarm, "InvalidArgument", text):
        swarm.create(service_spec(ports=(ours,)))
    swarm.create(service_spec())
    with Refused(swarm, "InvalidArgument", text):
        swarm.update(service_spec(ports=(ours,)))


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [(host(80, 8080), host(80, 8080)), (ingress(53, 53), ingress(53, 53, "udp")), (ingress(80), ingress(80))],
)
def test_ports_that_do_not_clash(swarm: Cluster, theirs: PortConfig, ours: PortConfig) -> None:
    swarm.create(service_spec("first", ports=(theirs,)))
    swarm.settle()
    assert swarm.create(service_spec(ports=(ours,))).id


def test_a_service_does_not_clash_with_itself(swarm: Cluster) -> None:
    swarm.create(service_spec(ports=(ingress(80, 8080),)))
    swarm.settle()
    assert swarm.update(service_spec(ports=(ingress(80, 8080), ingress(81, 8081)))).id


def test_publishing_without_an_ingress_network(swarm: Cluster) -> None:
    [network] = [n for n in swarm.api.networks() if n.spec.ingress]
    swarm.api.remove_network(network.id, ACTOR)
    with Refused(swarm, "FailedPrecondition", "service needs ingress network, but no ingress network is present"):
        swarm.create(service_spec(ports=(ingress(80, 8080),)))
    swarm.create(service_spec(ports=(host(80, 8080),)))


def test_the_ingress_network_cannot_be_attached(swarm: Cluster) -> None:
    [network] = [n for n in swarm.api.networks() if n.spec.ingress]
    text = 'Service cannot be explicitly attached to the ingress network "ingress"'
    with Refused(swarm, "InvalidArgument", text):
        swarm.create(service_spec(networks=(network.id,)))


# --- updates ---------------------------------------------------------------------------------------------------------


def test_a_new_service_has_spec_version_zero_and_no_update_status(swarm: Cluster) -> None:
    service = swarm.create(BASE)
    assert (service.spec_version, service.previous_spec, service.update_status) == (0, None, None)


def test_any_change_moves_the_rollback_target_and_clears_the_update_status(swarm: Cluster) -> None:
    swarm.create(BASE)
    swarm.settle()
    swarm.image("nginx:2")
    swarm.settle()
    before = swarm.service()
    assert before.update_status is not None
    after = swarm.scale(3)
    assert (after.previous_spec, after.spec_version, after.update_status) == (before.spec, before.version, None)


def test_a_stale_version_is_an_unknown_error(swarm: Cluster) -> None:
    service = swarm.create(BASE)
    swarm.scale(2)
    with Refused(swarm, "Unknown", "update out of sequence"):
        swarm.api.update_service(service.id, service.version, BASE, rollback=False, actor=ACTOR)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda s: replace(s, mode=service_spec(replicas=GLOBAL).mode), "service mode change is not allowed"),
        (lambda s: replace(s, name="other"), "renaming services is not supported"),
    ],
)
def test_what_an_update_may_not_change(swarm: Cluster, change: Change, text: str) -> None:
    service = swarm.create(BASE)
    with Refused(swarm, "Unimplemented", text):
        swarm.api.update_service(service.id, service.version, change(BASE), rollback=False, actor=ACTOR)


def test_the_old_networks_field_may_not_be_changed_alone(swarm: Cluster) -> None:
    network = swarm.api.create_network(NetworkSpec(name="one", driver_configuration=Driver(name="overlay")), ACTOR)
    service = swarm.create(BASE)
    attachment = service_spec(networks=(network.id,)).task_template.networks
    with Refused(swarm, "Unimplemented", "networks must be migrated to TaskSpec before being changed"):
        swarm.update(replace(BASE, networks=attachment))
    assert swarm.service().version == service.version


def test_rolling_back_swaps_and_a_second_time_redoes(swarm: Cluster) -> None:
    swarm.create(BASE)
    swarm.image("nginx:2")
    newer = swarm.service()
    back = swarm.rollback()
    assert (back.spec, back.spec_version, back.previous_spec) == (BASE, 0, newer.spec)
    assert back.update_status is not None
    assert (back.update_status.state, back.update_status.message) == ("rollback_started", "manually requested rollback")
    again = swarm.rollback()
    assert (again.spec, again.spec_version) == (newer.spec, newer.spec_version)


def test_rolling_back_without_a_spec_before(swarm: Cluster) -> None:
    service = swarm.create(BASE)
    with Refused(swarm, "FailedPrecondition", f"service {service.id} does not have a previous spec"):
        swarm.rollback()


def test_a_rollback_by_hand_ends_as_rollback_completed(swarm: Cluster) -> None:
    swarm.create(service_spec(replicas=2))
    swarm.settle()
    swarm.image("nginx:2")
    swarm.advance(30)
    swarm.rollback()
    swarm.advance(30)
    status = swarm.service().update_status
    assert status is not None
    assert (status.state, status.message) == ("rollback_completed", "rollback completed")
    assert {t.spec_version for t in swarm.running()} == {0}


def test_what_is_not_there(swarm: Cluster) -> None:
    for call in (
        lambda: swarm.api.service("x"),
        lambda: swarm.api.remove_service("x", ACTOR),
        lambda: swarm.api.update_service("x", 1, BASE, rollback=False, actor=ACTOR),
    ):
        with Refused(swarm, "NotFound", "service x not found"):
            call()


def test_a_name_is_free_as_soon_as_the_service_is_gone(swarm: Cluster) -> None:
    swarm.create(BASE)
    swarm.settle()
    swarm.remove()
    assert swarm.create(BASE).id


def test_counts_are_of_what_runs_whatever_is_wanted(swarm: Cluster) -> None:
    service = swarm.create(service_spec(replicas=3))
    swarm.settle()
    node = swarm.node("n1")
    assert swarm.api.service_statuses([service.id])[service.id][:2] == (3, 3)
    swarm.silence("n1")
    swarm.advance(30)
    assert swarm.node("n1").status.state == "down", node
    assert swarm.api.service_statuses([service.id])[service.id][:2] == (3, 3)
    swarm.create(service_spec("g", GLOBAL))
    swarm.settle()
    [status] = swarm.api.service_statuses([swarm.service("g").id]).values()
    assert status[:2] == (0, 0)
