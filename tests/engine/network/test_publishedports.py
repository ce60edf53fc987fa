"""Which ports of a node containers get (libnetwork: portallocator), as seen on engine 20.10."""

import re

import msgspec
import pytest

from swarmlab.engine.errors import EngineError
from swarmlab.engine.network.publishedports import PublishedPorts
from swarmlab.objects.local import Container
from swarmlab.objects.run import HostConfig, HostPort


class Node:
    """Containers that run, one after the other."""

    def __init__(self, *taken: int) -> None:
        self.ports = PublishedPorts(lambda: taken)

    def run(
        self, *exposed: str, name: str = "box", publish_all: bool = False, **bindings: str
    ) -> list[tuple[str, int]]:
        """Its ports; bindings are called `tcp80="7000-7002"`, with an address `tcp80="127.0.0.1:80"`."""
        asked = {f"{key[3:]}/{key[:3]}": tuple(map(_binding, text.split(","))) for key, text in bindings.items()}
        container = Container(
            id=name * 10,
            name=name,
            image="x",
            exposed_ports=tuple(sorted({*exposed, *asked})),
            host=HostConfig(port_bindings=asked, publish_all_ports=publish_all),
        )
        found = self.ports.publish(container)
        return [(f"{port.target_port}/{port.protocol}", port.published_port) for port in found]

    def end(self, name: str) -> None:
        self.ports.give_back(name * 10)


def _binding(text: str) -> HostPort:
    address, _, port = text.rpartition(":")
    return HostPort(host_ip=address, host_port=port)


def test_the_highest_port_is_served_first_and_each_protocol_counts_for_itself() -> None:
    found = Node().run("80/tcp", "81/tcp", "79/udp", "90/tcp", publish_all=True)
    assert dict(found) == {"79/udp": 32768, "80/tcp": 32770, "81/tcp": 32769, "90/tcp": 32768}


def test_what_was_given_back_is_not_the_next() -> None:
    node = Node(32769)
    assert node.run(tcp80="") == [("80/tcp", 32768)]
    node.end("box")
    assert node.run(tcp80="") == [("80/tcp", 32770)]


def test_after_a_crash_of_the_lab_a_container_has_the_ports_that_it_had() -> None:
    asked = HostConfig(port_bindings={"80/tcp": (HostPort(), HostPort(host_port="7000-7009"), HostPort())})
    box = Container(id="box", name="box", image="x", exposed_ports=("80/tcp",), host=asked)
    first = PublishedPorts(lambda: ())
    first.publish(msgspec.structs.replace(box, id="other"))
    ports = first.publish(box)
    assert [port.published_port for port in ports] == [32770, 7001, 32771]
    again = PublishedPorts(lambda: (32771,))
    found = again.publish(msgspec.structs.replace(box, ports=ports))
    assert [port.published_port for port in found] == [32770, 7001, 32768], "but for one that is taken meanwhile"


def test_a_range_gives_its_first_port_that_is_free() -> None:
    node = Node()
    assert [node.run(name=name, tcp80="7000-7001")[0][1] for name in ("one", "two")] == [7000, 7001]
    with pytest.raises(EngineError) as caught:
        node.run(tcp80="7000-7001")
    assert caught.value.status == 500
    assert re.fullmatch(
        r"driver failed programming external connectivity on endpoint box \([0-9a-f]{64}\): all ports are allocated",
        str(caught.value),
    )
    node.end("one")
    assert node.run(tcp80="7000-7001") == [("80/tcp", 7000)]
    assert Node().run(tcp80="7000-7005", tcp81="7000-7005") == [("80/tcp", 7001), ("81/tcp", 7000)]


@pytest.mark.parametrize(("text", "address"), [("7000", "0.0.0.0"), ("127.0.0.1:7000", "127.0.0.1")])
def test_a_port_that_is_taken(text: str, address: str) -> None:
    node = Node()
    node.run(name="other", tcp81="7000", udp80="7000")
    with pytest.raises(EngineError, match=f"Bind for {address}:7000 failed: port is already allocated"):
        node.run(tcp80=text)


def test_one_port_may_be_published_twice() -> None:
    assert Node().run(tcp80="7000,7001") == [("80/tcp", 7000), ("80/tcp", 7001)]


def test_who_has_the_machine_s_network_publishes_nothing() -> None:
    node = Node()
    host = HostConfig(network_mode="host", port_bindings={"80/tcp": (HostPort(host_port="80"),)})
    assert node.ports.publish(Container(id="a", name="a", image="x", exposed_ports=("80/tcp",), host=host)) == ()
