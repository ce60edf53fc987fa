"""Subnets and addresses."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmlab.allocator.errors import AllocationError
from swarmlab.allocator.ipam import AddressSpace, SubnetPool


def test_addresses_come_in_order_without_network_gateway_and_broadcast() -> None:
    space = AddressSpace("10.0.1.0/29", "10.0.1.1")
    assert [space.allocate() for _ in range(5)] == [f"10.0.1.{n}/29" for n in (2, 3, 4, 5, 6)]
    with pytest.raises(AllocationError, match="could not find an available IP"):
        space.allocate()


def test_a_freed_address_comes_again_only_after_the_end_was_reached() -> None:
    space = AddressSpace("10.0.1.0/29", "10.0.1.1")
    first = space.allocate()
    second = space.allocate()
    space.free(first)
    assert [space.allocate() for _ in range(3)] == ["10.0.1.4/29", "10.0.1.5/29", "10.0.1.6/29"]
    assert space.allocate() == first
    space.free(second)
    assert space.allocate() == second


def test_addresses_that_were_given_before_are_not_given_again() -> None:
    space = AddressSpace("10.0.1.0/29", "10.0.1.1")
    space.take("10.0.1.4/29")
    assert space.allocate() == "10.0.1.5/29"
    assert [space.allocate() for _ in range(3)] == ["10.0.1.6/29", "10.0.1.2/29", "10.0.1.3/29"]


def test_a_range_limits_what_is_given() -> None:
    space = AddressSpace("10.0.1.0/24", "10.0.1.1", "10.0.1.128/30")
    assert [space.allocate() for _ in range(4)] == [f"10.0.1.{n}/24" for n in (128, 129, 130, 131)]
    with pytest.raises(AllocationError):
        space.allocate()


@given(st.lists(st.integers(0, 9), max_size=80))
def test_no_address_is_given_twice(choices: list[int]) -> None:
    """Any order of giving and taking back; a choice below 7 gives, else takes one back."""
    space = AddressSpace("10.0.1.0/28", "10.0.1.1")
    held: list[str] = []
    for choice in choices:
        if choice < 7:
            try:
                address = space.allocate()
            except AllocationError:
                assert len(held) == 13
                continue
            assert address not in held
            held.append(address)
        elif held:
            space.free(held.pop(choice % len(held)))


def test_subnets_come_in_order_and_pools_one_after_the_other() -> None:
    pool = SubnetPool(["10.0.0.0/23", "192.168.8.0/24"], 24)
    assert [pool.allocate() for _ in range(3)] == ["10.0.0.0/24", "10.0.1.0/24", "192.168.8.0/24"]
    with pytest.raises(AllocationError, match="all predefined address pools have been fully subnetted"):
        pool.allocate()
    pool.free("10.0.1.0/24")
    assert pool.allocate() == "10.0.1.0/24"


def test_subnets_never_overlap() -> None:
    pool = SubnetPool(["10.0.0.0/16"], 24)
    pool.take("10.0.0.128/25")
    with pytest.raises(AllocationError, match="Pool overlaps with other one on this address space"):
        pool.take("10.0.0.0/16")
    assert pool.allocate() == "10.0.1.0/24"
