"""Rules that explain themselves (SK: manager/scheduler/filter.go, pipeline.go)."""

from collections.abc import Callable

import msgspec
import pytest

from swarmlab.objects import ContainerSpec, Driver, Node, Placement, Platform, Resources, Service, Task, TaskState
from swarmlab.objects.container import Mount, VolumeOptions
from swarmlab.objects.node import DiscreteGenericResource, EngineDescription, GenericResource, PluginDescription
from swarmlab.objects.service import Limit, ResourceRequirements
from swarmlab.scheduler.filters import Pipeline
from swarmlab.scheduler.nodeinfo import NodeInfo
from tests.support.specs import host, service_spec
from tests.support.world import World

replace = msgspec.structs.replace
S = TaskState


def with_template(task: Task, **changes: object) -> Task:
    return replace(task, spec=replace(task.spec, **changes))


def busy(node: Node, *tasks: Task) -> NodeInfo:
    info = NodeInfo(node)
    for task in tasks:
        info.add(task)
    return info


def explain(task: Task, *nodes: NodeInfo) -> str:
    """Why none of the nodes will do; empty when the last one passed."""
    pipeline = Pipeline()
    pipeline.set_task(task)
    for node in nodes:
        pipeline.process(node)
    return pipeline.explain()


@pytest.fixture
def service(world: World) -> Service:
    return world.service(service_spec(replicas=1))


@pytest.fixture
def task(world: World, service: Service) -> Task:
    return world.task(service)


# --- the eight rules -------------------------------------------------------------------------------------------------

Case = Callable[[World, Task], tuple[Task, Node, tuple[Task, ...]]]


def not_ready(world: World, task: Task) -> tuple[Task, Node, tuple[Task, ...]]:
    return task, world.node("bad", availability="drain"), ()


def too_little_cpu(world: World, task: Task) -> tuple[Task, Node, tuple[Task, ...]]:
    wanted = ResourceRequirements(reservations=Resources(nano_cpus=2_000_000_000))
    return with_template(task, resources=wanted), world.node("bad", cpus=1.9), ()


def too_little_memory(world: World, task: Task) -> tuple[Task, Node, tuple[Task, ...]]:
    wanted = ResourceRequirements(reservations=Resources(memory_bytes=1 << 30))
    return with_template(task, resources=wanted), world.node("bad", memory=1 << 29), ()


def no_generic(world: World, task: Task) -> tuple[Task, Node, tuple[Task, ...]]:
    gpu = GenericResource(discrete_resource_spec=DiscreteGenericResource(kind="GPU", value=1))
    wanted = ResourceRequirements(reservations=Resources(generic_resources=(gpu,)))
    return with_template(task, resources=wanted), world.node("bad"), ()


def no_volume_driver(world: World, task: Task) -> tuple[Task, Node, tuple[Task, ...]]:
    mount = Mount(type="volume", target="/d", volume_options=VolumeOptions(driver_config=Driver(name="nfs")))
    return with_template(task, container_spec=ContainerSpec(image="i", mounts=(mount,))), world.node("bad"), ()


def no_log_driver(world: World, task: Task) -> tuple[Task, Node, tuple[Task, ...]]:
    node = world.node("bad")
    engine = EngineDescription(plugins=(PluginDescription(type="Log", name="json-file"),))
    node = replace(node, description=replace(node.description, engine=engine))
    return with_template(task, log_driver=Driver(name="syslog")), node, ()


def constrained(world: World, task: Task) -> tuple[Task, Node, tuple[Task, ...]]:
    return with_template(task, placement=Placement(constraints=("node.id == good",))), world.node("bad"), ()


def platform(world: World, task: Task) -> tuple[Task, Node, tuple[Task, ...]]:
    wanted = Placement(platforms=(Platform(architecture="arm64", os="linux"),))
    return with_template(task, placement=wanted), world.node("bad"), ()


def port_in_use(world: World, task: Task) -> tuple[Task, Node, tuple[Task, ...]]:
    holder = world.service(service_spec("holder", ports=(host(80, 8080),)))
    other = world.task(holder, node="bad", state=S.RUNNING, desired=S.SHUTDOWN)
    wanting = replace(task, endpoint=replace(other.endpoint, spec=holder.spec.endpoint_spec))
    return wanting, world.node("bad"), (other,)


def max_replicas(world: World, task: Task) -> tuple[Task, Node, tuple[Task, ...]]:
    other = world.task(world.of(), slot=2, node="bad", state=S.RUNNING)
    return with_template(task, placement=Placement(max_replicas=1)), world.node("bad"), (other,)


def cluster_volume(world: World, task: Task) -> tuple[Task, Node, tuple[Task, ...]]:
    spec = ContainerSpec(image="i", mounts=(Mount(type="cluster", source="v", target="/v"),))
    return with_template(task, container_spec=spec), world.node("bad"), ()


@pytest.mark.parametrize(
    ("case", "one", "three"),
    [
        (not_ready, "1 node not available for new tasks", "3 nodes not available for new tasks"),
        (too_little_cpu, "insufficient resources on 1 node", "insufficient resources on 3 nodes"),
        (too_little_memory, "insufficient resources on 1 node", "insufficient resources on 3 nodes"),
        (no_generic, "insufficient resources on 1 node", "insufficient resources on 3 nodes"),
        (no_volume_driver, "missing plugin on 1 node", "missing plugin on 3 nodes"),
        (no_log_driver, "missing plugin on 1 node", "missing plugin on 3 nodes"),
        (
            constrained,
            "scheduling constraints not satisfied on 1 node",
            "scheduling constraints not satisfied on 3 nodes",
        ),
        (platform, "unsupported platform on 1 node", "unsupported platform on 3 nodes"),
        (port_in_use, "host-mode port already in use on 1 node", "host-mode port already in use on 3 nodes"),
        (max_replicas, "max replicas per node limit exceed", "max replicas per node limit exceed"),
        (
            cluster_volume,
            "cannot fulfill requested CSI volume mounts on 1 node",
            "cannot fulfill requested CSI volume mounts on 3 nodes",
        ),
    ],
)
def test_each_rule_says_why(world: World, task: Task, case: Case, one: str, three: str) -> None:
    wanting, node, tasks = case(world, task)
    info = busy(node, *tasks)
    assert explain(wanting, info) == one
    assert explain(wanting, info, info, info) == three
    good = world.node("good", arch="arm64")
    plain = replace(task, endpoint=wanting.endpoint)
    assert explain(plain, busy(good)) == "", "without what the rule forbids the node will do"


# --- details ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "availability", "fits"),
    [
        ("ready", "active", True),
        ("ready", "pause", False),
        ("ready", "drain", False),
        ("down", "active", False),
        ("unknown", "active", False),
        ("disconnected", "active", False),
    ],
)
def test_only_ready_and_active_nodes_get_tasks(
    world: World, task: Task, state: str, availability: str, fits: bool
) -> None:
    assert (explain(task, busy(world.node("n", state=state, availability=availability))) == "") == fits


@pytest.mark.parametrize(
    ("wanted", "actual", "fits"),
    [
        ("amd64", "x86_64", True),
        ("x86_64", "amd64", True),
        ("arm64", "aarch64", True),
        ("", "x86_64", True),
        ("arm64", "x86_64", False),
    ],
)
def test_names_of_architectures(world: World, task: Task, wanted: str, actual: str, fits: bool) -> None:
    placed = with_template(task, placement=Placement(platforms=(Platform(architecture=wanted, os="linux"),)))
    assert (explain(placed, busy(world.node("n", arch=actual))) == "") == fits


def test_any_of_several_platforms_will_do(world: World, task: Task) -> None:
    platforms = (Platform(architecture="arm64", os="linux"), Platform(architecture="amd64", os="linux"))
    assert explain(with_template(task, placement=Placement(platforms=platforms)), busy(world.node("n"))) == ""


def test_limits_reserve_nothing(world: World, task: Task) -> None:
    limited = with_template(task, resources=ResourceRequirements(limits=Limit(memory_bytes=1 << 40)))
    assert explain(limited, busy(world.node("n"))) == ""


def test_a_task_that_shuts_down_keeps_its_reservation_until_it_has_stopped(world: World) -> None:
    service = world.service(service_spec("db", cpus=3))
    stopping = world.task(service, node="n", state=S.RUNNING, desired=S.SHUTDOWN)
    info = busy(world.node("n"), stopping)
    wanting = world.task(service, slot=2)
    assert explain(wanting, info) == "insufficient resources on 1 node"
    info.remove(stopping)
    assert explain(wanting, info) == ""


def test_a_tag_latest_may_be_left_out_of_a_plugins_name(world: World, task: Task) -> None:
    node = world.node("n")
    engine = EngineDescription(plugins=(PluginDescription(type="Volume", name="nfs:latest"),))
    node = replace(node, description=replace(node.description, engine=engine))
    mount = Mount(type="volume", target="/d", volume_options=VolumeOptions(driver_config=Driver(name="nfs")))
    assert explain(with_template(task, container_spec=ContainerSpec(image="i", mounts=(mount,))), busy(node)) == ""


def test_a_node_that_reports_no_log_drivers_has_all(world: World, task: Task) -> None:
    assert explain(with_template(task, log_driver=Driver(name="syslog")), busy(world.node("n"))) == ""


# --- composition -----------------------------------------------------------------------------------------------------


def test_reasons_are_joined_most_frequent_first_ties_in_the_order_of_the_rules(world: World) -> None:
    service = world.service(service_spec("db", cpus=2, constraints=("node.labels.disk == ssd",)))
    task = world.task(service)
    down = [busy(world.node(f"d{i}", state="down")) for i in range(2)]
    small = [busy(world.node(f"s{i}", cpus=1)) for i in range(3)]
    elsewhere = [busy(world.node(f"e{i}")) for i in range(3)]
    assert explain(task, *down, *small, *elsewhere) == (
        "insufficient resources on 3 nodes; scheduling constraints not satisfied on 3 nodes; "
        "2 nodes not available for new tasks"
    )


def test_a_node_is_blamed_on_the_first_rule_it_fails(world: World) -> None:
    task = world.task(world.service(service_spec("db", cpus=2, constraints=("node.id == other",))))
    assert explain(task, busy(world.node("n", cpus=1, state="down"))) == "1 node not available for new tasks"


def test_a_node_that_passes_resets_all_counts(world: World, task: Task) -> None:
    down = busy(world.node("down", state="down"))
    assert explain(task, down, busy(world.node("good")), down) == "1 node not available for new tasks"
