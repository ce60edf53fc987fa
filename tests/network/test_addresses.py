import pytest

from swarmlab.network import NodeAddress, addresses, node_addresses


def test_nodes_have_hosts_of_their_own_where_the_system_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(addresses, "can_bind", lambda host: True)
    assert node_addresses(3) == [NodeAddress("127.0.0.1"), NodeAddress("127.0.0.2"), NodeAddress("127.0.0.3")]
    assert node_addresses(2, 4) == [NodeAddress("127.0.4.1"), NodeAddress("127.0.4.2")]


def test_nodes_share_one_host_elsewhere_and_no_two_labs_collide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(addresses, "can_bind", lambda host: False)
    assert node_addresses(2) == [NodeAddress("127.0.0.1", 0), NodeAddress("127.0.0.1", 10_000)]
    every = [address for lab in range(5) for address in node_addresses(4, lab)]
    assert len(set(every)) == 20


def test_an_address_is_tried_by_binding() -> None:
    assert addresses.can_bind("127.0.0.1")
    assert not addresses.can_bind("192.0.2.1")


@pytest.mark.parametrize(("count", "lab"), [(0, 0), (255, 0), (1, 255), (1, -1)])
def test_refuses_more_than_there_are(count: int, lab: int) -> None:
    with pytest.raises(ValueError, match="254 nodes"):
        node_addresses(count, lab)
