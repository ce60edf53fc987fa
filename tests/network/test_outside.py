import asyncio
import errno
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from swarmlab.network import Echo, Fabric, Member, Place, Shut, ThisMachine, UnreachableError
from swarmlab.network.outside import _icmp


@dataclass
class World:
    """An outside with one host and one server at a private address."""

    asked: list[str] = field(default_factory=list)
    names: dict[str, list[str]] = field(
        default_factory=lambda: {"example.org": ["93.184.216.34"], "trap.org": ["127.0.0.1", "93.184.216.34"]}
    )

    async def lookup(self, name: str) -> list[str]:
        self.asked.append(name)
        return self.names.get(name, [])

    def real(self, address: str, port: int) -> tuple[str, int] | None:
        return ("127.0.0.1", 40000 + port)

    async def echo(self, address: str, size: int, limit: float) -> Echo | None:
        return Echo(0.025, 55)

    def servers(self) -> Sequence[str]:
        return ("192.0.2.53",)


def joined(fabric: Fabric, *places: Place, on_host: bool = False) -> None:
    fabric.join(Member("box", "n1", "box", places, on_host=on_host))


BRIDGE = Place("b", "bridge", ("172.17.0.2/16",), "172.17.0.1")
INTERNAL = Place("i", "inner", ("172.20.0.2/16",), internal=True)
OVERLAY = Place("o", "app", ("10.0.1.2/24",), kind="overlay")
GATEWAY = Place("g", "docker_gwbridge", ("172.18.0.3/16",), "172.18.0.1", kind="gateway", named=False)


def test_a_container_with_a_way_out_reaches_the_outside_and_finds_its_names() -> None:
    world = World()
    fabric = Fabric(outside=world)
    joined(fabric, OVERLAY, GATEWAY)
    box = fabric.sandbox("box")
    assert asyncio.run(box.resolve("example.org")) == ["93.184.216.34"]
    assert box.route("93.184.216.34", 443).door()[:2] == ("127.0.0.1", 40443)
    assert asyncio.run(box.echo("93.184.216.34", 56, 1)) == Echo(0.025, 55)
    assert box.leads_out("192.168.7.7")


def test_names_of_the_lab_come_first_and_are_asked_nobody_else() -> None:
    world = World()
    fabric = Fabric(outside=world)
    joined(fabric, OVERLAY, GATEWAY)
    fabric.join(Member("web", "n1", "web", (Place("o", "app", ("10.0.1.3/24",), kind="overlay", names=("web",)),)))
    assert asyncio.run(fabric.sandbox("box").resolve("web")) == ["10.0.1.3"]
    assert world.asked == []


def test_the_loopback_interface_of_the_machine_is_never_outside() -> None:
    fabric = Fabric(outside=World())
    joined(fabric, BRIDGE)
    box = fabric.sandbox("box")
    assert asyncio.run(box.resolve("trap.org")) == ["93.184.216.34"]
    with pytest.raises(ConnectionRefusedError):
        box.route("127.0.0.1", 22)


@pytest.mark.parametrize("place", [INTERNAL, OVERLAY])
def test_networks_without_a_way_out_have_none(place: Place) -> None:
    world = World()
    fabric = Fabric(outside=world)
    joined(fabric, place)
    box = fabric.sandbox("box")
    assert asyncio.run(box.resolve("example.org")) == []
    assert world.asked == []
    with pytest.raises(UnreachableError) as failure:
        box.route("93.184.216.34", 80)
    assert failure.value.errno == errno.ENETUNREACH


def test_networks_of_the_lab_are_not_outside_though_the_container_is_on_none_of_them() -> None:
    fabric = Fabric(outside=World())
    joined(fabric, BRIDGE)
    fabric.join(Member("web", "n1", "web", (OVERLAY,)))
    with pytest.raises(UnreachableError) as failure:
        fabric.sandbox("box").route("10.0.1.77", 80)
    assert failure.value.errno == errno.ETIMEDOUT


def test_containers_on_the_nodes_network_go_out_too() -> None:
    fabric = Fabric(outside=World())
    joined(fabric, on_host=True)
    assert fabric.sandbox("box").leads_out("93.184.216.34")


def test_by_default_there_is_no_outside() -> None:
    fabric = Fabric()
    joined(fabric, BRIDGE)
    box = fabric.sandbox("box")
    assert asyncio.run(box.resolve("localhost")) == []
    with pytest.raises(OSError, match="unreachable"):
        asyncio.run(box.echo("93.184.216.34", 56, 1))
    with pytest.raises(OSError, match="unreachable"):
        asyncio.run(Shut().echo("93.184.216.34", 56, 1))


def test_this_machine_knows_its_own_names_and_no_others() -> None:
    machine = ThisMachine()
    assert asyncio.run(machine.lookup("localhost")) == ["127.0.0.1"]
    assert asyncio.run(machine.lookup("no-such-host.invalid")) == []
    assert asyncio.run(machine.lookup("." * 70)) == []
    assert machine.real("192.0.2.1", 80) == ("192.0.2.1", 80)
    assert machine.real("2001:db8::1", 80) is None


@pytest.mark.parametrize("size", [0, 1, 56])
def test_this_machine_pings(size: int) -> None:
    try:
        _icmp().close()
    except PermissionError as error:
        pytest.skip(f"not everybody may ping here: {error}")
    found = asyncio.run(ThisMachine().echo("127.0.0.1", size, 5))
    assert found is not None
    assert 0 < found.seconds < 5
    assert found.ttl == 64


def test_name_servers_that_only_the_machine_itself_reaches_are_left_out(tmp_path: Path) -> None:
    resolv = tmp_path / "resolv.conf"
    resolv.write_text("# here\nnameserver 127.0.0.53\nnameserver 192.0.2.1\nnameserver fe80::1\n")
    assert ThisMachine(resolv).servers() == ["192.0.2.1"]
    resolv.write_text("nameserver 127.0.0.53\n")
    assert ThisMachine(resolv).servers() == ("8.8.8.8", "8.8.4.4")
    assert ThisMachine(tmp_path / "none").servers() == ("8.8.8.8", "8.8.4.4")
