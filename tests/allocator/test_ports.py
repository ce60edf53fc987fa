"""Published ports (SK: manager/allocator/portallocator_test.go)."""

import pytest

from swarmlab.allocator import Allocator
from swarmlab.allocator.errors import AllocationError
from swarmlab.allocator.ports import _PortSpace
from swarmlab.objects import PortConfig, TaskState
from swarmlab.store import Kind
from tests.support.specs import host, ingress, service_spec
from tests.support.world import World

from .conftest import network

S = TaskState


def ports(world: World, name: str = "web") -> list[int]:
    endpoint = world.of(name).endpoint
    return [p.published_port for p in endpoint.ports] if endpoint is not None else []


def publish(world: World, *asked: PortConfig, name: str = "web") -> list[int]:
    world.service(service_spec(name, ports=asked))
    return ports(world, name)


def test_dynamic_ports_come_in_order_from_30000(allocating: World) -> None:
    assert publish(allocating, ingress(80), ingress(443)) == [30000, 30001]
    assert publish(allocating, ingress(80), name="other") == [30002]


def test_protocols_have_numbers_of_their_own(allocating: World) -> None:
    assert publish(allocating, ingress(53), ingress(53, protocol="udp"), ingress(53, protocol="sctp")) == [30000] * 3
    assert publish(allocating, ingress(53, 8080), name="a") == [8080]
    assert publish(allocating, ingress(53, 8080, "udp"), name="b") == [8080]


def test_a_freed_dynamic_port_is_not_given_again_before_the_range_wrapped(allocating: World) -> None:
    publish(allocating, ingress(80))
    allocating.delete(Kind.SERVICE, allocating.of().id)
    assert publish(allocating, ingress(80)) == [30001]


def test_dynamic_ports_wrap_around_and_run_out() -> None:
    space = _PortSpace()
    first = [space.dynamic()]
    space.taken.add(first[0])
    for _ in range(32767 - 30000):
        space.taken.add(space.dynamic())
    with pytest.raises(AllocationError, match="no more free dynamic ports"):
        space.dynamic()
    space.taken.discard(31000)
    assert space.dynamic() == 31000


def test_a_fixed_port_may_lie_in_the_dynamic_range(allocating: World) -> None:
    assert publish(allocating, ingress(80, 30000), name="fixed") == [30000]
    assert publish(allocating, ingress(80)) == [30001]


def test_the_ports_of_a_new_service_are_given_out_in_the_order_of_its_spec(allocating: World) -> None:
    """So a dynamic port may take the number that a later one of the same service asks for; upstream fails alike."""
    assert publish(allocating, ingress(81, 30000), ingress(80)) == [30000, 30001]
    assert publish(allocating, ingress(80), ingress(81, 30002), name="stuck") == []
    assert publish(allocating, ingress(80), name="next") == [30003]


def test_a_dynamic_port_sticks_across_updates(allocating: World) -> None:
    publish(allocating, ingress(80), name="first")
    publish(allocating, ingress(80))
    allocating.delete(Kind.SERVICE, allocating.of("first").id)
    allocating.service(service_spec(ports=(ingress(80),), image="nginx:2"))
    assert ports(allocating) == [30001]
    assert sorted(publish(allocating, ingress(80), ingress(81, 9000))) == sorted([ports(allocating)[0], 9000])


@pytest.mark.parametrize(
    "changed", [ingress(81), ingress(80, protocol="udp"), PortConfig("x", "tcp", 80, 0, "ingress")]
)
def test_it_does_not_when_name_protocol_or_target_change(allocating: World, changed: PortConfig) -> None:
    publish(allocating, ingress(80), name="first")
    assert publish(allocating, ingress(80)) == [30001]
    assert publish(allocating, changed) == [30000 if changed.protocol == "udp" else 30002]


def test_a_dynamic_port_may_become_fixed_and_the_other_way_round(allocating: World) -> None:
    assert publish(allocating, ingress(80)) == [30000]
    assert publish(allocating, ingress(80, 30000)) == [30000]
    assert publish(allocating, ingress(80, 8080)) == [8080]
    assert publish(allocating, ingress(80, 8080), ingress(80, 8081)) == [8080, 8081]


def test_two_services_that_want_one_port_the_second_waits_for_the_first_to_go(allocating: World) -> None:
    """The control API refuses this; what slips through must not break the first one."""
    publish(allocating, ingress(80, 8080), name="first")
    assert publish(allocating, ingress(80, 8080)) == []
    task = allocating.task(allocating.of(), state=S.NEW)
    assert (task.state, task.status.message) == (S.NEW, "")
    allocating.delete(Kind.SERVICE, allocating.of("first").id)
    assert ports(allocating) == [8080]
    assert allocating.get(task).state == S.PENDING


def test_an_update_that_cannot_be_had_leaves_the_service_what_it_has(allocating: World) -> None:
    publish(allocating, ingress(80, 8080), name="first")
    publish(allocating, ingress(80, 9090))
    assert publish(allocating, ingress(80, 8080)) == [9090]
    assert publish(allocating, ingress(80, 9090), name="third") == [], "9090 is still taken"
    allocating.delete(Kind.SERVICE, allocating.of("first").id)
    assert ports(allocating) == [8080]
    assert ports(allocating, "third") == [9090]


def test_host_ports_are_not_the_allocators(allocating: World) -> None:
    assert publish(allocating, host(80, 8080), name="a") == [8080]
    assert publish(allocating, host(80, 8080), name="b") == [8080]
    assert publish(allocating, host(80), name="c") == [0]


def test_without_an_ingress_network_publishing_services_wait(world: World) -> None:
    world.delete(Kind.NETWORK, "ingress")
    world.run(Allocator)
    world.service(service_spec(ports=(ingress(80, 8080),)))
    task = world.task(world.of(), state=S.NEW)
    assert (world.of().endpoint, task.state) == (None, S.NEW)
    world.network(network("ingress", ingress=True))
    assert ports(world) == [8080]
    assert world.get(task).state == S.PENDING


def test_what_waits_is_tried_again_every_five_minutes(world: World) -> None:
    tries = []

    class Counting(Allocator):
        def _allocate_service(self, tx, service_id):  # type: ignore[no-untyped-def]
            tries.append(world.clock.now())
            super()._allocate_service(tx, service_id)

    world.run(Counting)
    world.service(service_spec("first", ports=(ingress(80, 8080),)))
    world.service(service_spec(ports=(ingress(80, 8080),)))
    before = len(tries)
    world.advance(299)
    assert len(tries) == before
    world.advance(2)
    assert len(tries) == before + 1
    world.advance(300)
    assert len(tries) == before + 2
