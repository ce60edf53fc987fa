"""Networks, virtual addresses and the addresses of tasks (SK: manager/allocator/allocator_test.go)."""

import pytest

from swarmlab.allocator import Allocator
from swarmlab.objects import Driver, IPAMConfig, IPAMOptions, Network, TaskState
from swarmlab.store import Kind
from tests.support.specs import ingress, service_spec
from tests.support.world import World, replace

from .conftest import network

S = TaskState
_VXLANS = "com.docker.network.driver.overlay.vxlanid_list"


def subnet(world: World, name: str) -> str:
    found = world.tables.networks.get(name)
    assert found is not None
    return found.ipam.configs[0].subnet if found.ipam is not None else ""


def vips(world: World, name: str = "web") -> dict[str, str]:
    endpoint = world.of(name).endpoint
    return {vip.network_id: vip.addr for vip in endpoint.virtual_ips} if endpoint is not None else {}


def addresses(world: World, task_id: str) -> dict[str, tuple[str, ...]]:
    return {a.network_id: tuple(a.addresses) for a in world.get(task_id).networks}


# --- networks --------------------------------------------------------------------------------------------------------


def test_the_ingress_network_is_first_then_users_networks_in_order(allocating: World) -> None:
    for name in ("one", "two"):
        allocating.network(network(name))
    assert [subnet(allocating, n) for n in ("ingress", "one", "two")] == ["10.0.0.0/24", "10.0.1.0/24", "10.0.2.0/24"]
    one = allocating.tables.networks.get("one")
    assert one is not None
    assert one.ipam is not None
    assert one.driver_state is not None
    assert one.ipam.configs[0].gateway == "10.0.1.1"
    assert one.driver_state.name == "overlay"
    assert one.driver_state.options == {"com.docker.network.driver.overlay.vxlanid_list": "4097"}


def test_node_local_networks_get_their_driver_and_nothing_else(allocating: World) -> None:
    bridge = allocating.tables.networks.get("bridge")
    assert bridge is not None
    assert (bridge.driver_state, bridge.ipam) == (Driver(name="bridge"), IPAMOptions())


def test_a_subnet_may_be_asked_for(allocating: World) -> None:
    config = IPAMConfig(subnet="10.0.1.0/24", gateway="10.0.1.254")
    mine = network("mine")
    allocating.network(replace(mine, spec=replace(mine.spec, ipam_options=IPAMOptions(configs=(config,)))))
    allocating.network(network("next"))
    assert subnet(allocating, "mine") == "10.0.1.0/24"
    assert subnet(allocating, "next") == "10.0.2.0/24"
    task = attached(allocating, "mine")
    assert addresses(allocating, task) == {"mine": ("10.0.1.1/24",)}


def test_a_network_may_have_subnets_of_both_versions_of_ip(allocating: World) -> None:
    allocating.network(asking("both", "fd00:1::/64", "10.62.0.0/24"))
    both = allocating.tables.networks.get("both")
    assert both is not None
    assert both.ipam is not None
    assert [(c.subnet, c.gateway) for c in both.ipam.configs] == [
        ("fd00:1::/64", "fd00:1::1"),
        ("10.62.0.0/24", "10.62.0.1"),
    ]
    assert addresses(allocating, attached(allocating, "both")) == {"both": ("10.62.0.2/24",)}


def test_bits_behind_a_prefix_stay_in_what_was_asked_for_and_do_not_count(allocating: World) -> None:
    allocating.network(asking("mine", "10.63.0.5/24"))
    mine = allocating.tables.networks.get("mine")
    assert mine is not None
    assert mine.ipam is not None
    assert mine.ipam.configs == (IPAMConfig(subnet="10.63.0.5/24", gateway="10.63.0.1"),)
    allocating.network(asking("same", "10.63.0.0/24"))
    assert subnet(allocating, "same") == ""


def test_a_gateway_that_nobody_named_is_the_first_address_of_the_range(allocating: World) -> None:
    config = IPAMConfig(subnet="10.64.0.0/24", range="10.64.0.128/25")
    mine = network("mine")
    allocating.network(replace(mine, spec=replace(mine.spec, ipam_options=IPAMOptions(configs=(config,)))))
    found = allocating.tables.networks.get("mine")
    assert found is not None
    assert found.ipam is not None
    assert found.ipam.configs[0].gateway == "10.64.0.128"
    assert addresses(allocating, attached(allocating, "mine")) == {"mine": ("10.64.0.129/24",)}


def test_the_specification_learns_the_gateway_of_a_subnet_that_was_asked_for(allocating: World) -> None:
    allocating.network(asking("mine", "10.6.0.0/24"))
    allocating.network(network("plain"))
    mine, plain = (allocating.tables.networks.get(name) for name in ("mine", "plain"))
    assert mine is not None
    assert mine.spec.ipam_options == IPAMOptions(configs=(IPAMConfig(subnet="10.6.0.0/24", gateway="10.6.0.1"),))
    assert plain is not None
    assert plain.spec.ipam_options is None


def test_a_subnet_that_overlaps_waits_until_the_other_one_is_gone(allocating: World) -> None:
    allocating.network(network("first"))
    config = IPAMConfig(subnet="10.0.1.0/24")
    mine = network("mine")
    allocating.network(replace(mine, spec=replace(mine.spec, ipam_options=IPAMOptions(configs=(config,)))))
    assert subnet(allocating, "mine") == ""
    allocating.delete(Kind.NETWORK, "first")
    assert subnet(allocating, "mine") == "10.0.1.0/24"


def vxlans(world: World, name: str) -> str:
    found = world.tables.networks.get(name)
    assert found is not None
    return "" if found.driver_state is None else found.driver_state.options[_VXLANS]


def test_a_removed_networks_subnet_is_given_again_its_vxlan_id_is_not(allocating: World) -> None:
    allocating.network(network("one"))
    allocating.network(network("two"))
    allocating.delete(Kind.NETWORK, "two")
    allocating.network(network("three"))
    assert subnet(allocating, "three") == "10.0.2.0/24"
    assert vxlans(allocating, "three") == "4099"


def asking(name: str, *subnets: str, vxlans: str = "") -> Network:
    configs = tuple(IPAMConfig(subnet=subnet) for subnet in subnets)
    spec = replace(network(name).spec, ipam_options=IPAMOptions(configs=configs))
    if vxlans:
        spec = replace(spec, driver_configuration=Driver(name="overlay", options={_VXLANS: vxlans}))
    return replace(network(name), spec=spec)


def test_each_subnet_has_a_vxlan_id_which_may_be_asked_for(allocating: World) -> None:
    allocating.network(asking("two", "10.6.0.0/24", "10.7.0.0/24"))
    allocating.network(asking("mine", "10.8.0.0/24", "10.9.0.0/24", vxlans="4099"))
    allocating.network(network("next"))
    assert [vxlans(allocating, name) for name in ("two", "mine", "next")] == ["4097,4098", "4099,4100", "4101"]


@pytest.mark.parametrize("wanted", ["4096", "x", "-1", "4294967296", "5000,"])
def test_vxlan_ids_that_cannot_be_had_take_nothing(allocating: World, wanted: str) -> None:
    allocating.network(asking("bad", "10.6.0.0/24", vxlans=wanted))
    assert subnet(allocating, "bad") == ""
    allocating.network(asking("good", "10.6.0.0/24"))
    assert subnet(allocating, "good") == "10.6.0.0/24"


# --- tasks and services ----------------------------------------------------------------------------------------------


def attached(world: World, *networks: str, name: str = "web", slot: int = 1) -> str:
    """A new task of a service on these networks."""
    if not world.tables.services.by("name", name):
        world.service(service_spec(name, networks=networks, mode="dnsrr"))
    return world.task(world.of(name), slot=slot, state=S.NEW).id


def test_a_task_without_networks_moves_on_at_once(allocating: World) -> None:
    allocating.service(service_spec())
    task = allocating.task(allocating.of(), state=S.NEW)
    assert (task.state, task.status.message, task.networks) == (S.PENDING, "pending task scheduling", ())
    assert allocating.of().endpoint is None, "nothing to say about a service without networks and ports"


def test_a_network_that_is_asked_for_twice_gives_two_addresses_to_a_new_service(allocating: World) -> None:
    allocating.network(network("front"))
    allocating.service(service_spec(networks=("front", "front")))
    endpoint = allocating.of().endpoint
    assert endpoint is not None
    assert [vip.addr for vip in endpoint.virtual_ips] == ["10.0.1.2/24", "10.0.1.3/24"]


def test_a_published_service_and_its_tasks_are_on_the_ingress_network(allocating: World) -> None:
    allocating.service(service_spec(ports=(ingress(80, 8080),)))
    tasks = [allocating.task(allocating.of(), slot=n, state=S.NEW) for n in (1, 2)]
    assert vips(allocating) == {"ingress": "10.0.0.2/24"}
    assert [addresses(allocating, t.id) for t in tasks] == [
        {"ingress": ("10.0.0.3/24",)},
        {"ingress": ("10.0.0.4/24",)},
    ]
    endpoint = tasks[0].endpoint
    assert endpoint is not None
    assert endpoint.virtual_ips == allocating.of().endpoint.virtual_ips  # type: ignore[union-attr]


def test_each_attached_network_has_a_virtual_address(allocating: World) -> None:
    for name in ("one", "two"):
        allocating.network(network(name))
    allocating.service(service_spec(networks=("one", "two"), ports=(ingress(80),)))
    assert vips(allocating) == {"ingress": "10.0.0.2/24", "one": "10.0.1.2/24", "two": "10.0.2.2/24"}
    task = allocating.task(allocating.of(), state=S.NEW)
    assert list(addresses(allocating, task.id)) == ["ingress", "one", "two"]


def test_dnsrr_has_no_virtual_addresses_but_its_tasks_have_addresses(allocating: World) -> None:
    allocating.network(network("one"))
    task = attached(allocating, "one")
    assert vips(allocating) == {}
    assert addresses(allocating, task) == {"one": ("10.0.1.2/24",)}


def test_node_local_networks_are_passed_through_without_addresses(allocating: World) -> None:
    task = attached(allocating, "bridge")
    assert addresses(allocating, task) == {"bridge": ()}


def test_a_service_on_a_node_local_network_names_it_without_an_address(allocating: World) -> None:
    """Compared with engine 20.10; it stays in the endpoint until the service leaves the network."""
    allocating.service(service_spec(networks=("bridge",)))
    assert vips(allocating) == {"bridge": ""}
    allocating.service(service_spec())
    assert vips(allocating) == {}


def test_removing_the_last_ingress_port_removes_its_virtual_address(allocating: World) -> None:
    allocating.service(service_spec(ports=(ingress(80, 8080),)))
    allocating.service(service_spec())
    assert vips(allocating) == {}
    endpoint = allocating.of().endpoint
    assert endpoint is not None
    assert endpoint.ports == ()


def test_changing_to_dnsrr_and_back_gives_a_fresh_virtual_address(allocating: World) -> None:
    allocating.network(network("one"))
    allocating.service(service_spec(networks=("one",)))
    allocating.service(service_spec(networks=("one",), mode="dnsrr"))
    assert vips(allocating) == {}
    allocating.service(service_spec(networks=("one",)))
    assert vips(allocating) == {"one": "10.0.1.3/24"}


def test_an_update_keeps_the_virtual_addresses(allocating: World) -> None:
    allocating.network(network("one"))
    allocating.service(service_spec(networks=("one",)))
    allocating.network(network("two"))
    allocating.service(service_spec(networks=("one", "two"), image="nginx:2"))
    assert vips(allocating) == {"one": "10.0.1.2/24", "two": "10.0.2.2/24"}


# --- giving back -----------------------------------------------------------------------------------------------------


def exhausted(world: World) -> list[str]:
    """Tasks on a network with room for five: six of them, the last one without an address."""
    config = IPAMConfig(subnet="10.9.0.0/29")
    small = network("small")
    world.network(replace(small, spec=replace(small.spec, ipam_options=IPAMOptions(configs=(config,)))))
    return [attached(world, "small", slot=n) for n in range(1, 7)]


def test_a_task_that_finds_no_address_stays_new_without_a_word(allocating: World) -> None:
    last = allocating.get(exhausted(allocating)[-1])
    assert (last.state, last.status.err) == (S.NEW, "")
    assert allocating.wanted()[0].state == S.PENDING


@pytest.mark.parametrize("how", ["stops", "is deleted"])
def test_it_gets_the_address_of_the_first_task_that_goes(allocating: World, how: str) -> None:
    first, *_, last = exhausted(allocating)
    allocating.advance(1)
    if how == "stops":
        allocating.report(first, S.SHUTDOWN)
        assert addresses(allocating, first) == {"small": ("10.9.0.2/29",)}, "its record keeps showing it"
    else:
        allocating.delete(Kind.TASK, first)
    assert allocating.get(last).state == S.PENDING
    assert addresses(allocating, last) == {"small": ("10.9.0.2/29",)}


def test_an_address_is_not_given_back_twice(allocating: World) -> None:
    """Its record is deleted long after it stopped; meanwhile somebody else has it."""
    first, *_, last = exhausted(allocating)
    allocating.report(first, S.SHUTDOWN)
    assert allocating.get(last).state == S.PENDING
    allocating.delete(Kind.TASK, first)
    another = attached(allocating, "small", slot=9)
    assert allocating.get(another).state == S.NEW


def test_deleting_a_service_frees_its_virtual_addresses_while_its_tasks_stop(allocating: World) -> None:
    config = IPAMConfig(subnet="10.9.0.0/30")
    tiny = network("tiny")
    allocating.network(replace(tiny, spec=replace(tiny.spec, ipam_options=IPAMOptions(configs=(config,)))))
    allocating.service(service_spec("a", networks=("tiny",)))
    allocating.service(service_spec("b", networks=("tiny",)))
    assert vips(allocating, "b") == {}
    allocating.delete(Kind.SERVICE, allocating.of("a").id)
    assert vips(allocating, "b") == {"tiny": "10.9.0.2/30"}


# --- load balancers on nodes -----------------------------------------------------------------------------------------


def test_every_node_has_an_address_on_the_ingress_network(allocating: World) -> None:
    allocating.node("n1")
    allocating.node("n2", availability="drain")
    nodes = {n.id: dict(n.attachments) for n in allocating.tables.nodes}
    assert nodes == {"n1": {"ingress": "10.0.0.2/24"}, "n2": {"ingress": "10.0.0.3/24"}}


def test_a_new_ingress_network_comes_to_nodes_with_their_next_change(allocating: World) -> None:
    allocating.node("n1")
    allocating.node("n2")
    allocating.delete(Kind.NETWORK, "ingress")
    allocating.network(network("second", ingress=True))
    nodes = allocating.tables.nodes
    assert [dict(node.attachments) for node in nodes] == [{}, {}]
    first = nodes.get("n1")
    assert first is not None
    allocating.put(Kind.NODE, replace(first, spec=replace(first.spec, availability="drain")))
    assert {node.id: list(node.attachments) for node in nodes} == {"n1": ["second"], "n2": []}


def test_a_node_is_on_other_networks_while_it_has_a_task_there(allocating: World) -> None:
    allocating.node("n1")
    allocating.network(network("one"))
    task = attached(allocating, "one")
    known = allocating.get(task)
    allocating.put(Kind.TASK, replace(known, node_id="n1", status=replace(known.status, state=S.ASSIGNED)))
    node = allocating.tables.nodes.get("n1")
    assert node is not None
    assert dict(node.attachments) == {"ingress": "10.0.0.2/24", "one": "10.0.1.3/24"}
    allocating.report(task, S.SHUTDOWN)
    node = allocating.tables.nodes.get("n1")
    assert node is not None
    assert dict(node.attachments) == {"ingress": "10.0.0.2/24"}


def test_a_node_leaves_a_network_that_is_removed_at_once(allocating: World) -> None:
    allocating.node("n1")
    allocating.network(network("one"))
    # A task of a global service has its node from the beginning.
    allocating.service(service_spec(networks=("one",), mode="dnsrr"))
    task = allocating.task(allocating.of(), slot=1, state=S.NEW, node="n1").id
    node = allocating.tables.nodes.get("n1")
    assert node is not None
    assert "one" in node.attachments
    allocating.delete(Kind.NETWORK, "one")
    node = allocating.tables.nodes.get("n1")
    assert node is not None
    assert dict(node.attachments) == {"ingress": "10.0.0.2/24"}
    assert not allocating.get(task).state.terminal


# --- starting again --------------------------------------------------------------------------------------------------


def test_a_new_allocator_takes_over_what_was_given_out(world: World) -> None:
    first = world.run(Allocator)
    world.network(network("one"))
    world.node("n1")
    world.service(service_spec(networks=("one",), ports=(ingress(80),)))
    tasks = [world.task(world.of(), slot=n, state=S.NEW).id for n in (1, 2)]
    before = [vips(world), *(addresses(world, t) for t in tasks)]
    first.stop()
    world.network(network("two"))
    waiting = world.task(world.of(), slot=3, state=S.NEW).id
    assert world.get(waiting).state == S.NEW
    world.run(Allocator)
    assert [vips(world), *(addresses(world, t) for t in tasks)] == before
    given = {a for t in (*tasks, waiting) for found in addresses(world, t).values() for a in found}
    given |= set(vips(world).values())
    node = world.tables.nodes.get("n1")
    assert node is not None
    given |= set(node.attachments.values())
    assert len(given) == 3 * 2 + 2 + 1
    assert subnet(world, "two") == "10.0.2.0/24"
    another = world.service(service_spec("other", ports=(ingress(80),)))
    assert world.of("other").endpoint.ports[0].published_port == 30001, another  # type: ignore[union-attr]


# --- another leader ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("new_leader", [True, False])
def test_a_new_leader_writes_down_what_it_takes_over_and_a_known_one_does_not(
    allocating: World, *, new_leader: bool
) -> None:
    allocating.network(network("front"))
    allocating.node("n1")
    allocating.service(service_spec("web", networks=("front",)))
    allocating.service(service_spec("bare"))
    allocating.service(service_spec("rr", networks=("front",), mode="dnsrr"))
    before = len(allocating.commits)
    allocating.run(lambda store, clock: Allocator(store, clock, new_leader=new_leader))
    written = [change for commit in allocating.commits[before:] for change in commit.changes]
    assert all(replace(c.old, version=0, updated_at=0) == replace(c.new, version=0, updated_at=0) for c in written)
    names = sorted(change.new.spec.name if change.kind is not Kind.NODE else change.id for change in written)
    assert names == (["bridge", "front", "ingress", "n1", "web"] if new_leader else [])


def test_a_new_leader_gives_tasks_with_addresses_their_networks_anew(allocating: World) -> None:
    allocating.network(network("front"))
    allocating.node("n1")
    web = allocating.service(service_spec("web", networks=("front",)))
    made = {state: allocating.task(web, node="n1", state=S.NEW) for state in (S.RUNNING, S.FAILED)}
    bare = allocating.task(allocating.service(service_spec("bare")), node="n1", state=S.NEW)
    for state, task in made.items():
        allocating.report(task, state)
    before = {task.id: task for task in allocating.store.tables.tasks}
    allocating.run(Allocator)
    [front] = [n for n in allocating.store.tables.networks if n.spec.name == "front"]
    for task in (bare, made[S.FAILED]):
        assert allocating.get(task) == before[task.id]
    now, was = allocating.get(made[S.RUNNING]), before[made[S.RUNNING].id]
    assert [a.network_version for a in now.networks] == [front.version]
    assert [a.network_version for a in was.networks] < [front.version]
    assert [a.addresses for a in now.networks] == [a.addresses for a in was.networks]
    assert not now.same_orders(was), "its agent is told"
