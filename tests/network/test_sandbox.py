import asyncio
import errno
import ipaddress
from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swarmlab.clock import VirtualClock
from swarmlab.network import Binding, Fabric, Member, Place, UnreachableError

NETWORKS = ("app", "db", "web")


class Nodes:
    """Nodes of which some are cut off."""

    def __init__(self, *cut: str) -> None:
        self.cut = set(cut)
        self.ports: dict[tuple[str, int], tuple[str, int]] = {}

    def reaches(self, node: str, other: str) -> bool:
        return node == other or not ({node, other} & self.cut)

    def at_address(self, address: str) -> str | None:
        return {"127.0.0.1": "n1", "127.0.0.2": "n2"}.get(address)

    def gateways(self, node: str) -> Mapping[str, str]:
        return {"gw": "172.18.0.1"}

    def published_at(self, node: str, port: int) -> tuple[str, int] | None:
        return self.ports.get((node, port))


def place(network: str, host: int, **changes: object) -> Place:
    settings: dict[str, object] = {
        "network": f"id-{network}",
        "network_name": network,
        "addresses": (f"10.0.{NETWORKS.index(network)}.{host}/24",),
        "kind": "overlay",
        "names": (f"c{host}",),
    }
    return Place(**{**settings, **changes})  # type: ignore[arg-type]


def join(fabric: Fabric, number: int, *networks: str, node: str = "n1", announced: bool = True, port: int = 80) -> str:
    """A container with the number as its address on some networks; it listens on a port."""
    name = f"c{number}"
    fabric.join(Member(name, node, name, tuple(place(each, number) for each in networks), announced))
    fabric.sandbox(name).ports[port] = ("127.0.0.1", 40000 + number)
    return name


def bind(
    fabric: Fabric, container: str, service: str = "web", network: str = "app", *, vip: str = "", alias: str = ""
) -> None:
    fabric.bind(
        Binding(
            task_id=f"task-{container}",
            container_id=container,
            service_id=f"id-{service}",
            service_name=service,
            networks=(f"id-{network}",),
            vips={f"id-{network}": vip} if vip else {},
            aliases={f"id-{network}": (alias,)} if alias else {},
        )
    )


def real(fabric: Fabric, source: str, address: str, port: int = 80) -> int:
    """The number of the container that a connection ends at."""
    return fabric.sandbox(source).route(address, port).door().port - 40000


def test_a_service_has_one_address_and_its_tasks_have_their_own() -> None:
    fabric = Fabric()
    join(fabric, 9, "app")
    for number in (3, 4):
        bind(fabric, join(fabric, number, "app", announced=False), vip="10.0.0.2", alias="www")
    box = fabric.sandbox("c9")
    for name in ("web", "WEB", "www", "web.app", "www.app", "web."):
        assert box.query(name) == ["10.0.0.2"]
    for name in ("tasks.web", "tasks.www", "tasks.web.app"):
        assert set(box.query(name)) == {"10.0.0.3", "10.0.0.4"}
    assert box.query("c3") == ["10.0.0.3"]
    for name in ("db", "web.db", "tasks", "", "."):
        assert box.query(name) == []
    assert box.reverse("10.0.0.3") == "c3.app"
    assert box.reverse("10.0.0.2") is None


def test_a_virtual_address_keeps_the_aliases_that_its_first_task_came_with() -> None:
    fabric = Fabric()
    join(fabric, 9, "app")
    box = fabric.sandbox("c9")
    bind(fabric, join(fabric, 3, "app", announced=False), vip="10.0.0.2", alias="old")
    bind(fabric, join(fabric, 4, "app", announced=False), vip="10.0.0.2", alias="new")
    fabric.leave("c3")
    assert [box.query(name) for name in ("old", "new", "web")] == [["10.0.0.2"], [], ["10.0.0.2"]]
    assert [box.query(name) for name in ("tasks.old", "tasks.new")] == [[], ["10.0.0.4"]]
    fabric.leave("c4")
    assert box.query("old") == []
    bind(fabric, join(fabric, 5, "app", announced=False), vip="10.0.0.2", alias="new")
    assert [box.query(name) for name in ("old", "new")] == [[], ["10.0.0.2"]]


def test_connections_to_a_virtual_address_take_turns_on_each_node() -> None:
    fabric = Fabric()
    join(fabric, 9, "app")
    join(fabric, 8, "app", node="n2")
    for number in (3, 4, 5):
        bind(fabric, join(fabric, number, "app"), vip="10.0.0.2")
    assert [real(fabric, "c9", "10.0.0.2") for _ in range(6)] == [3, 4, 5, 3, 4, 5]
    assert real(fabric, "c8", "10.0.0.2") == 3
    fabric.withdraw("task-c4")
    assert {real(fabric, "c9", "10.0.0.2") for _ in range(6)} == {3, 5}
    assert real(fabric, "c9", "10.0.0.4") == 4, "open to those who know its address"


def test_dnsrr_answers_in_random_order() -> None:
    fabric = Fabric()
    join(fabric, 9, "app")
    for number in range(10, 20):
        bind(fabric, join(fabric, number, "app"))
    answers = [tuple(fabric.sandbox("c9").query("web")) for _ in range(5)]
    assert {frozenset(answer) for answer in answers} == {frozenset(f"10.0.0.{n}" for n in range(10, 20))}
    assert len(set(answers)) > 1


def test_a_task_has_no_names_before_it_is_healthy_and_none_when_it_is_told_to_stop() -> None:
    fabric = Fabric()
    join(fabric, 9, "app")
    join(fabric, 3, "app", announced=False)
    box = fabric.sandbox("c9")
    assert box.query("c3") == box.query("web") == []
    bind(fabric, "c3", vip="10.0.0.2")
    fabric.withdraw("task-c3")
    assert box.query("c3") == box.query("tasks.web") == []
    # As on a real engine, the name of the service stays until the last container is gone; nobody answers.
    assert box.query("web") == ["10.0.0.2"]
    with pytest.raises(ConnectionRefusedError):
        box.route("10.0.0.2", 80)
    fabric.leave("c3")
    assert box.query("web") == []
    with pytest.raises(UnreachableError) as refused:
        box.route("10.0.0.2", 80)
    assert (refused.value.errno, refused.value.delay) == (errno.EHOSTUNREACH, 3)


@pytest.mark.parametrize("withdrawn", [False, True])
def test_a_task_that_is_put_on_another_network_keeps_its_part_in_the_service(withdrawn: bool) -> None:
    fabric = Fabric()
    join(fabric, 9, "app")
    bind(fabric, join(fabric, 3, "app", announced=False), vip="10.0.0.2")
    if withdrawn:
        fabric.withdraw("task-c3")
    join(fabric, 3, "app", "db", announced=False)
    box = fabric.sandbox("c9")
    assert box.query("web") == ["10.0.0.2"]
    assert box.query("tasks.web") == box.query("c3") == ([] if withdrawn else ["10.0.0.3"])
    if not withdrawn:
        assert real(fabric, "c9", "10.0.0.2") == 3


def test_closed_ports_refuse_and_nothing_crosses_between_networks() -> None:
    fabric = Fabric()
    join(fabric, 3, "app")
    join(fabric, 4, "db")
    box = fabric.sandbox("c3")
    with pytest.raises(ConnectionRefusedError):
        box.route("10.0.0.3", 81)
    with pytest.raises(ConnectionRefusedError):
        box.route("127.0.0.1", 81)
    assert box.query("c4") == []
    with pytest.raises(UnreachableError):
        box.route("10.0.1.4", 80)
    assert not fabric.sandbox("c9").query("c3"), "what does not run knows nobody"


def test_a_container_shares_the_network_of_another() -> None:
    fabric = Fabric()
    join(fabric, 3, "app")
    join(fabric, 4, "app")
    fabric.share("guest", "c3")
    fabric.share("guest of the guest", "guest")
    for name in ("guest", "guest of the guest"):
        assert real(fabric, name, "127.0.0.1") == 3
        assert fabric.sandbox(name).query("c4") == ["10.0.0.4"]
    fabric.leave("guest")
    assert fabric.sandbox("c3").places


def test_the_default_bridge_has_no_names_and_a_gateway_no_neighbours() -> None:
    nodes = Nodes()
    nodes.ports["n1", 8080] = nodes.ports["n2", 8080] = ("127.0.0.1", 9)
    fabric = Fabric(nodes)
    for number in (2, 3):
        at = Place("gw", "docker_gwbridge", (f"172.18.0.{number}/16",), "172.18.0.1", kind="gateway", named=False)
        fabric.join(Member(f"c{number}", "n1", f"c{number}", (at,)))
        fabric.sandbox(f"c{number}").ports[80] = ("127.0.0.1", 1)
    box = fabric.sandbox("c2")
    assert not box.has_names
    assert box.query("c3") == []
    for address in ("172.18.0.1", "127.0.0.2"):
        assert box.route(address, 8080).door()[:2] == ("127.0.0.1", 9)
        with pytest.raises(ConnectionRefusedError):
            box.route(address, 8081)
    with pytest.raises(UnreachableError) as silence:
        box.route("172.18.0.3", 80)
    assert silence.value.errno == errno.ETIMEDOUT
    nodes.cut.add("n2")
    with pytest.raises(UnreachableError):
        box.route("127.0.0.2", 8080)


def test_a_cut_hides_the_other_side() -> None:
    nodes = Nodes()
    fabric = Fabric(nodes)
    join(fabric, 9, "app")
    bind(fabric, join(fabric, 3, "app", node="n1"), vip="10.0.0.2")
    bind(fabric, join(fabric, 4, "app", node="n2"), vip="10.0.0.2")
    nodes.cut.add("n2")
    box = fabric.sandbox("c9")
    assert box.query("tasks.web") == ["10.0.0.3"]
    assert {real(fabric, "c9", "10.0.0.2") for _ in range(4)} == {3}
    with pytest.raises(UnreachableError):
        box.route("10.0.0.4", 80)
    assert asyncio.run(box.echo("10.0.0.4", 56, 1)) is None
    assert asyncio.run(box.echo("10.0.0.3", 56, 1)) is not None
    nodes.cut.clear()
    assert {real(fabric, "c9", "10.0.0.2") for _ in range(4)} == {3, 4}


def test_the_hosts_file_comes_before_dns() -> None:
    fabric = Fabric()
    join(fabric, 3, "app")
    box = fabric.sandbox("c3")
    box.hosts = lambda: "127.0.0.1\tlocalhost\n::1 localhost\n9.9.9.9 foo C3 # not this\n"
    assert box.lookup("c3") == ["9.9.9.9"]
    assert box.lookup("Foo") == ["9.9.9.9"]
    assert box.lookup("localhost") == ["127.0.0.1"]
    assert box.lookup("this") == []
    assert box.lookup("10.0.0.77") == ["10.0.0.77"]


def test_tasks_of_a_lost_node_are_sent_connections_until_that_is_noticed() -> None:
    async def test() -> None:
        nodes = Nodes()
        fabric = Fabric(nodes)
        box = fabric.sandbox(join(fabric, 9, "app"))
        for number, node in ((3, "n1"), (4, "n2")):
            bind(fabric, join(fabric, number, "app", node=node, announced=False), vip="10.0.0.2")
        fabric.lose("n2")
        nodes.cut.add("n2")
        fabric.forget("c4")
        assert sorted(box.query("tasks.web")) == ["10.0.0.3", "10.0.0.4"]
        assert await box.echo("10.0.0.4", 56, 1) is None
        clock = VirtualClock()
        ways = [asyncio.create_task(box.reach(address, 80, clock)) for address in ("10.0.0.2",) * 4 + ("10.0.0.4",)]
        for _ in range(5):
            await asyncio.sleep(0)
        assert [way.done() for way in ways] == [True, False, True, False, False]
        fabric.give_up("n2")
        # Those that waited for the virtual IP go elsewhere; at the address itself there is nobody any more.
        assert {route.door().port for route in await asyncio.gather(*ways[:4])} == {40003}
        for _ in range(5):
            await asyncio.sleep(0)
        assert not ways[4].done()
        clock.advance(3)
        with pytest.raises(UnreachableError) as failure:
            await ways[4]
        assert failure.value.errno == errno.EHOSTUNREACH
        assert box.query("tasks.web") == ["10.0.0.3"]
        fabric.give_up("n2")

    asyncio.run(test())


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["join", "leave", "bind", "withdraw"]),
            st.integers(3, 8),
            st.sets(st.sampled_from(NETWORKS), min_size=1),
        ),
        max_size=30,
    )
)
def test_whatever_happens_names_and_addresses_are_of_shared_networks_and_of_those_who_are_there(
    steps: list[tuple[str, int, set[str]]],
) -> None:
    fabric = Fabric()
    there: dict[int, set[str]] = {}
    bound: dict[int, bool] = {}
    for action, number, networks in steps:
        if action == "join":
            join(fabric, number, *networks)
            there[number] = networks
        elif action == "leave":
            fabric.leave(f"c{number}")
            there.pop(number, None)
            bound.pop(number, None)
        elif action == "bind" and number in there:
            fabric.bind(
                Binding(
                    f"task-c{number}", f"c{number}", "s", "web", tuple(f"id-{each}" for each in NETWORKS),
                    {"id-app": "10.0.0.2"},
                )
            )  # fmt: skip
            bound[number] = True
        elif action == "withdraw" and number in bound:
            fabric.withdraw(f"task-c{number}")
            bound[number] = False
    for source, mine in there.items():
        box = fabric.sandbox(f"c{source}")
        for other, theirs in there.items():
            shared = mine & theirs
            own = {f"10.0.{NETWORKS.index(network)}.{other}" for network in theirs}
            found = set(box.query(f"c{other}"))
            assert found <= own
            assert bool(found) == (bool(shared) and bound.get(other, True))
            for address in own:
                reachable = any(NETWORKS[int(address.split(".")[2])] == network for network in shared)
                try:
                    assert real(fabric, f"c{source}", address) == other
                    assert reachable
                except UnreachableError:
                    assert not reachable
        tasks = {ipaddress.ip_address(found) for found in box.query("tasks.web")}
        assert all(bound.get(int(str(task).rpartition(".")[2])) for task in tasks)
