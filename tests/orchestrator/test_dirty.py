"""What makes an update restart a task (SK: manager/orchestrator/task_test.go)."""

from collections.abc import Callable

import msgspec
import pytest

from swarmlab.objects import (
    ContainerSpec,
    Driver,
    EndpointSpec,
    Node,
    NodeSpec,
    Placement,
    Service,
    ServiceSpec,
    TaskSpec,
)
from swarmlab.objects.container import HealthConfig, Mount
from swarmlab.objects.service import Limit, ResourceRequirements, RestartPolicy
from swarmlab.orchestrator.task import is_task_dirty, new_task
from tests.support.specs import ingress, service_spec, spread, update

replace = msgspec.structs.replace
NODE = Node(id="n", role="worker", spec=NodeSpec(labels={"disk": "ssd"}))
BEFORE = Service(id="s", spec=service_spec(ports=(ingress(80, 8080),)), spec_version=1)
TASK = replace(new_task(BEFORE, 0, slot=1), node_id="n")


def dirty(spec: ServiceSpec, node: Node | None = NODE) -> bool:
    return is_task_dirty(replace(BEFORE, spec=spec, spec_version=2), TASK, node)


def template(**changes: object) -> ServiceSpec:
    return replace(BEFORE.spec, task_template=replace(BEFORE.spec.task_template, **changes))


def container(**changes: object) -> ServiceSpec:
    spec = BEFORE.spec.task_template.container_spec
    assert isinstance(spec, ContainerSpec)
    return template(container_spec=replace(spec, **changes))


@pytest.mark.parametrize(
    "spec",
    [
        container(image="nginx:2"),
        container(command=("sh",)),
        container(env=("A=1",)),
        container(labels={"a": "b"}),
        container(mounts=(Mount(target="/data"),)),
        container(healthcheck=HealthConfig(test=("NONE",))),
        container(stop_grace_period=1),
        template(resources=ResourceRequirements(limits=Limit(memory_bytes=1 << 30))),
        template(restart_policy=RestartPolicy(condition="none")),
        template(log_driver=Driver(name="none")),
        template(force_update=1),
        replace(BEFORE.spec, endpoint_spec=EndpointSpec(mode="vip", ports=(ingress(80, 8081),))),
        replace(BEFORE.spec, endpoint_spec=EndpointSpec(mode="dnsrr")),
        replace(BEFORE.spec, endpoint_spec=None),
    ],
)
def test_what_restarts_every_task(spec: ServiceSpec) -> None:
    assert dirty(spec)


@pytest.mark.parametrize(
    "change",
    [
        lambda s: s,
        lambda s: replace(s, labels={"a": "b"}),
        lambda s: replace(s, mode=service_spec(replicas=9).mode),
        lambda s: replace(s, update_config=update(7)),
        lambda s: replace(s, rollback_config=update(7)),
    ],
)
def test_what_restarts_nothing(change: Callable[[ServiceSpec], ServiceSpec]) -> None:
    assert not dirty(change(BEFORE.spec))


@pytest.mark.parametrize(
    "placement",
    [
        Placement(constraints=("node.labels.disk == ssd",)),
        Placement(preferences=spread("node.labels.zone")),
        Placement(max_replicas=1),
    ],
)
def test_placement_that_the_node_satisfies_moves_nothing(placement: Placement) -> None:
    assert not dirty(template(placement=placement))


def test_placement_that_the_node_does_not_satisfy_moves_the_task() -> None:
    away = template(placement=Placement(constraints=("node.labels.disk == hdd",)))
    assert dirty(away)
    assert dirty(template(placement=Placement(max_replicas=1)), node=None)


def test_placement_changed_along_with_something_else_moves_the_task() -> None:
    both = template(placement=Placement(max_replicas=1), force_update=1)
    assert dirty(both)


def test_equal_spec_versions_are_not_compared_further() -> None:
    other = replace(BEFORE, spec=replace(BEFORE.spec, task_template=TaskSpec(force_update=9)))
    assert not is_task_dirty(other, TASK, NODE)
