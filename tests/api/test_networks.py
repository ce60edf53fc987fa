import pytest

from swarmlab.objects import Driver, IPAMConfig, IPAMOptions, Network, NetworkSpec
from swarmlab.objects.local import ContainerNetwork, Overlay
from swarmlab.store import Kind

from .conftest import Client
from .test_containers import NETWORK, container

BACK = Network(
    id=NETWORK,
    spec=NetworkSpec(name="back", internal=True, labels={"b": "2", "a": "1"}),
    driver_state=Driver(name="overlay", options={"com.docker.network.driver.overlay.vxlanid_list": "4097"}),
    ipam=IPAMOptions(driver=Driver(name="default"), configs=(IPAMConfig(subnet="10.0.1.0/24", gateway="10.0.1.1"),)),
)


@pytest.fixture
def swarm(client: Client) -> Client:
    client.init()
    predefined = NetworkSpec(name="bridge", labels={"com.docker.swarm.predefined": "true"})
    client.engine.put(Kind.NETWORK, BACK, Network(id="p" * 25, spec=predefined))
    return client


def names(client: Client, **filters: list[str]) -> list[str]:
    return sorted(network["Name"] for network in client.filtered("/networks", **filters).json)


def test_a_network_of_the_swarm_as_docker_shows_it(swarm: Client) -> None:
    shown = swarm("GET", "/networks/back").json
    assert shown == {
        "Name": "back",
        "Id": NETWORK,
        "Created": "2023-11-14T22:13:20Z",
        "Scope": "swarm",
        "Driver": "overlay",
        "EnableIPv4": True,
        "EnableIPv6": False,
        "IPAM": {"Driver": "default", "Options": None, "Config": [{"Subnet": "10.0.1.0/24", "Gateway": "10.0.1.1"}]},
        "Internal": True,
        "Attachable": False,
        "Ingress": False,
        "ConfigFrom": {"Network": ""},
        "ConfigOnly": False,
        "Containers": None,
        "Options": {"com.docker.network.driver.overlay.vxlanid_list": "4097"},
        "Labels": {"a": "1", "b": "2"},
    }
    assert list(shown["IPAM"]) == ["Driver", "Options", "Config"]
    assert list(shown["Labels"]) == ["a", "b"]


def test_the_engine_s_own_networks(client: Client) -> None:
    client.engine.containers.every = [container()]
    assert names(client) == ["bridge", "host", "mine", "none"]
    bridge = client("GET", "/networks/bridge").json
    assert list(bridge["Containers"]) == ["a" * 64]
    assert bridge["IPAM"]["Config"] == [{"Subnet": "172.17.0.0/16", "Gateway": "172.17.0.1"}]
    assert client("GET", "/networks/none").json["Driver"] == "null"


def test_lists_are_filtered_and_hide_the_predefined(swarm: Client) -> None:
    assert names(swarm) == ["back", "bridge", "host", "ingress", "mine", "none"]
    assert names(swarm, scope=["swarm"]) == ["back", "ingress"]
    assert names(swarm, driver=["overlay"]) == ["back"]
    assert names(swarm, name=["ac"]) == ["back"]
    assert names(swarm, id=["kkk"]) == ["back"]
    assert names(swarm, label=["a=1"]) == ["back"]
    assert names(swarm, type=["builtin"]) == ["bridge", "host", "none"]
    swarm.engine.containers.every = [container(endpoints=(ContainerNetwork(network_id=NETWORK),))]
    # Whoever lists the swarm's networks is not told who uses them.
    assert names(swarm, dangling=["true"], scope=["swarm"]) == ["back", "ingress"]
    assert names(swarm, dangling=["false"], scope=["swarm"]) == []


def test_by_id_the_swarm_finds_hidden_networks_whatever_the_scope(swarm: Client) -> None:
    """MB: api/server/router/network, getNetwork: `docker service inspect --pretty` asks so for `--network bridge`."""
    for query in ("?scope=swarm", "?scope=local", ""):
        assert swarm("GET", f"/networks/{'p' * 25}{query}").json["Name"] == "bridge"
        assert swarm("GET", f"/networks/ppp{query}").json["Scope"] == "swarm"
        assert swarm("GET", f"/networks/{NETWORK}{query}").json["Name"] == "back"
    assert swarm("GET", "/networks/back?scope=local").message == "network back not found"
    assert swarm("DELETE", f"/networks/{'p' * 25}").status == 404


@pytest.mark.parametrize(
    ("filters", "status"), [({"bogus": ["1"]}, 400), ({"dangling": ["x"]}, 400), ({"type": ["x"]}, 500)]
)
def test_wrong_filters(client: Client, filters: dict[str, list[str]], status: int) -> None:
    assert client.filtered("/networks", **filters).status == status


def test_a_network_with_containers_here_shows_them_and_its_peers(swarm: Client) -> None:
    here(swarm, NETWORK, "10.0.1.9/24")
    endpoint = ContainerNetwork(network_id=NETWORK, addresses=("10.0.1.3/24",))
    swarm.engine.containers.every = [container(endpoints=(endpoint,))]
    shown = swarm("GET", "/networks/back").json
    assert {name: entry["IPv4Address"] for name, entry in shown["Containers"].items()} == {
        "a" * 64: "10.0.1.3/24", "lb-back": "10.0.1.9/24",
    }  # fmt: skip
    assert [peer["IP"] for peer in shown["Peers"]] == ["127.0.0.1"]


def here(client: Client, network_id: str, address: str = "") -> None:
    """A network of the swarm exists on the engine."""
    network = client.engine.store.tables.networks.get(network_id)
    assert network is not None
    client.engine.put(Kind.OVERLAY, Overlay(id=network_id, network=network, address=address))


def test_a_network_that_only_the_node_still_knows(swarm: Client) -> None:
    here(swarm, NETWORK, "10.0.1.9/24")
    listed = {network["Name"]: network for network in swarm("GET", "/networks").json}
    assert (listed["back"]["Containers"], "Peers" in listed["back"]) == (None, False)
    assert swarm("DELETE", "/networks/back").status == 204
    listed = {network["Name"]: network for network in swarm("GET", "/networks").json}
    assert (listed["back"]["Scope"], listed["back"]["Driver"], listed["back"]["Containers"]) == ("swarm", "overlay", {})
    assert [peer["IP"] for peer in listed["back"]["Peers"]] == ["127.0.0.1"]
    shown = swarm("GET", "/networks/back").json
    assert list(shown["Containers"]) == ["lb-back"]
    gone = swarm("DELETE", "/networks/back")
    assert (gone.status, gone.message) == (404, f"network {NETWORK} not found")
    taken = swarm("POST", "/networks/create", {"Name": "back", "Driver": "overlay", "CheckDuplicate": True})
    assert taken.status == 409


def test_arguments(swarm: Client) -> None:
    assert swarm("GET", f"/networks/{NETWORK[:5]}").json["Name"] == "back"
    assert swarm("GET", "/networks/bridge").json["Scope"] == "local"
    assert swarm("GET", "/networks/bridge?scope=swarm").json["Id"] == "p" * 25
    missing = swarm("GET", "/networks/nosuch")
    assert (missing.status, missing.message) == (404, "network nosuch not found")
    swarm.engine.put(Kind.NETWORK, Network(id="k" * 24 + "2", spec=NetworkSpec(name="other")))
    assert swarm("GET", "/networks/kkk").message == "network kkk is ambiguous (2 matches found based on ID prefix)"
    assert swarm("GET", "/networks/back?verbose=foo").status == 400


def test_options_for_addresses_are_shown_with_the_allocators_own(swarm: Client) -> None:
    allocated = IPAMOptions(driver=Driver(name="default", options={"x": "y"}))
    swarm.engine.put(Kind.NETWORK, Network(id="m" * 25, spec=NetworkSpec(name="front"), ipam=allocated))
    shown = swarm("GET", "/networks/front").json["IPAM"]["Options"]
    assert shown == {"com.docker.network.ipam.serial": "true", "x": "y"}
    assert swarm("GET", "/networks/back").json["IPAM"]["Options"] is None


def test_create_and_remove(swarm: Client) -> None:
    request = {
        "Name": "front", "CheckDuplicate": True, "Driver": "overlay", "Attachable": True, "Labels": {"x": "y"},
        "IPAM": {"Config": [{"Subnet": "10.9.0.0/24", "IPRange": "10.9.0.0/25", "Gateway": "10.9.0.1"}]},
    }  # fmt: skip
    reply = swarm("POST", "/networks/create", request)
    assert (reply.status, reply.json["Warning"]) == (201, "")
    stored = swarm.engine.cluster.control().network(reply.json["Id"])
    assert stored.spec.ipam_options is not None
    assert stored.spec.ipam_options.configs == (
        IPAMConfig(subnet="10.9.0.0/24", range="10.9.0.0/25", gateway="10.9.0.1"),
    )
    assert (stored.spec.attachable, stored.spec.scope, stored.spec.labels) == (True, "swarm", {"x": "y"})
    taken = swarm("POST", "/networks/create", request)
    assert (taken.status, taken.message) == (409, "network with name front already exists")
    # No name means any network of the swarm.
    assert swarm("POST", "/networks/create", {"Name": ""}).message == "network with name  already exists"
    assert swarm("DELETE", "/networks/front").status == 204
    assert swarm("DELETE", "/networks/front").status == 404
    assert swarm("DELETE", "/networks/bridge").status == 403
    assert swarm("DELETE", "/networks/mine").status == 204
    assert swarm("DELETE", "/networks/mine").status == 404


def test_what_cannot_be_created(client: Client) -> None:
    overlay = {"Name": "x", "Driver": "overlay"}
    assert client("POST", "/networks/create", overlay).message.startswith("This node is not a swarm manager.")
    client.init()
    client.engine.cluster.worker = True
    refused = client("POST", "/networks/create", overlay)
    assert (refused.status, refused.message.partition(".")[0]) == (
        403, "Cannot create a multi-host network from a worker node",
    )  # fmt: skip
    swarm_scoped = client("POST", "/networks/create", {"Name": "x", "Driver": "macvlan", "Scope": "swarm"})
    assert (swarm_scoped.status, swarm_scoped.message) == (refused.status, refused.message)
    assert client("POST", "/networks/create", {"Name": "host"}).status == 403


@pytest.mark.parametrize(
    ("request_", "status", "message"),
    [
        ({"Name": "default"}, 403, "operation is not permitted on predefined default network "),
        ({"Name": "x", "Scope": "local"}, 403, "cannot downgrade network scope for overlay networks"),
        ({"Name": "x", "IPAM": {"Config": [{"Subnet": "10.1.0.0"}]}}, 500,
         "Invalid subnet 10.1.0.0 : invalid CIDR address: 10.1.0.0"),
        ({"Name": "x", "IPAM": {"Config": [{"Gateway": "10.1.0.1"}]}}, 500,
         "Invalid subnet  : invalid CIDR address: "),
        ({"Name": "x", "IPAM": {"Driver": "nosuch"}}, 400,
         "rpc error: code = InvalidArgument desc = error during lookup of plugin nosuch"),
    ],
)  # fmt: skip
def test_overlay_networks_that_are_refused(
    client: Client, request_: dict[str, object], status: int, message: str
) -> None:
    client.init()
    reply = client("POST", "/networks/create", {"Driver": "overlay", **request_})
    assert (reply.status, reply.message) == (status, message)


def test_what_only_holds_a_configuration_is_the_engines_own(client: Client) -> None:
    client.init()
    made = client("POST", "/networks/create", {"Name": "x", "Driver": "overlay", "ConfigOnly": True})
    assert (made.status, len(made.json["Id"])) == (201, 64)


def test_a_worker_lists_the_swarms_networks_that_are_on_it(client: Client) -> None:
    client.init()
    client.engine.cluster.worker = True
    assert client("GET", "/networks/ingress").status == 404
    here(client, "i" * 25)
    names = [network["Name"] for network in client("GET", "/networks").json]
    assert "ingress" in names
    assert client("GET", "/networks/ingress").status == 200
