"""Networks of an engine's own, and containers on them."""

import json
from typing import Any

import pytest

from .conftest import Client
from .live import Live


def create(client: Client, name: str, *subnets: str, **fields: Any) -> Any:
    ipam = {"IPAM": {"Config": [{"Subnet": subnet} for subnet in subnets]}} if subnets else {}
    return client("POST", "/networks/create", {"Name": name, **ipam, **fields})


def ends(live: Live, name: str = "box") -> dict[str, str]:
    """A container's networks and its addresses there."""
    return {network: end["IPAddress"] for network, end in live.inspect(name)["NetworkSettings"]["Networks"].items()}


def test_subnets_are_handed_out_in_order(client: Client) -> None:
    for name in ("one", "two", "three"):
        assert create(client, name).status == 201
    subnets = [client("GET", f"/networks/{name}").json["IPAM"]["Config"] for name in ("one", "two", "three")]
    # 172.17 is the default bridge's, 172.19 a network's that was there.
    assert [config[0]["Subnet"] for config in subnets] == ["172.18.0.0/16", "172.20.0.0/16", "172.21.0.0/16"]
    assert subnets[0][0]["Gateway"] == "172.18.0.1"
    client("DELETE", "/networks/one")
    create(client, "four")
    assert client("GET", "/networks/four").json["IPAM"]["Config"][0]["Subnet"] == "172.18.0.0/16"
    for number in range(11):
        assert create(client, f"more{number}").status == 201
    assert client("GET", "/networks/more10").json["IPAM"]["Config"][0]["Subnet"] == "192.168.0.0/20"


def test_a_network_is_shown_as_it_was_asked_for(client: Client) -> None:
    pool = {
        "Subnet": "10.99.0.0/24", "IPRange": "10.99.0.128/25", "Gateway": "10.99.0.254",
        "AuxiliaryAddresses": {"a": "10.99.0.200"},
    }  # fmt: skip
    options = {"com.docker.network.bridge.name": "br99"}
    made = create(
        client, "net", IPAM={"Options": {}, "Config": [pool]}, Internal=True, Attachable=True, Labels={"l": "1"},
        Options=options,
    )  # fmt: skip
    assert (made.status, made.json["Warning"]) == (201, "")
    shown = client("GET", "/networks/net").json
    del shown["Created"]
    assert shown == {
        "Name": "net", "Id": made.json["Id"], "Scope": "local", "Driver": "bridge", "EnableIPv4": True,
        "EnableIPv6": False, "IPAM": {"Driver": "default", "Options": {}, "Config": [pool]},
        "Internal": True, "Attachable": True, "Ingress": False, "ConfigFrom": {"Network": ""}, "ConfigOnly": False,
        "Containers": {}, "Options": options, "Labels": {"l": "1"},
    }  # fmt: skip


_SUBNET = "10.98.0.0/24"
_NO_SETTINGS = "user specified configurations are not supported if the network depends on a configuration network"
_NO_OPTIONS = "network driver options are not supported if the network depends on a configuration network"
_ONLY_SETTINGS = (
    "configuration network can only contain network specific fields. "
    "Network operator fields like [ ingress | internal | attachable | scope ] are not supported."
)


@pytest.mark.parametrize(
    ("fields", "status", "message"),
    [
        ({"Name": ""}, 500, "invalid name: "),
        ({"Name": "default"}, 403, "operation is not permitted on predefined default network "),
        ({"Name": "mine"}, 409, "network with name mine already exists"),
        ({"Driver": "foo"}, 404, 'plugin "foo" not found'),
        ({"Driver": "host"}, 403, 'only one instance of "host" network is allowed'),
        ({"Scope": "swarm"}, 403, "cannot create a swarm scoped network when swarm is not active"),
        ({"Scope": "foo"}, 500, "This node is not a swarm manager."),
        ({"Ingress": True}, 403, "Ingress network can only be global scope network"),
        ({"IPAM": {"Driver": "foo"}}, 404, 'plugin "foo" not found'),
        ({"ConfigFrom": {"Network": "mine"}}, 404, 'configuration network "mine" does not exist'),
        ({"ConfigFrom": {"Network": "mine"}, "Labels": {"a": "b"}}, 403, _NO_SETTINGS),
        ({"ConfigFrom": {"Network": "mine"}, "EnableIPv6": True}, 403, _NO_SETTINGS),
        ({"ConfigFrom": {"Network": "mine"}, "Options": {"a": "b"}}, 403, _NO_OPTIONS),
        ({"ConfigOnly": True, "Internal": True}, 403, _ONLY_SETTINGS),
        ({"ConfigOnly": True, "Scope": "swarm"}, 403, _ONLY_SETTINGS),
        (
            {"ConfigOnly": True, "ConfigFrom": {"Network": "mine"}},
            403,
            "a configuration network cannot depend on another configuration network",
        ),
        (
            {"Driver": "macvlan", "Options": {"macvlan_mode": "l2"}},
            500,
            "requested macvlan mode 'l2' is not valid, 'bridge' mode is the macvlan driver default",
        ),
        (
            {"Driver": "ipvlan", "Options": {"ipvlan_mode": "vepa"}},
            500,
            "requested ipvlan mode 'vepa' is not valid, 'l2' mode is the ipvlan driver default",
        ),
        (
            {"Driver": "ipvlan", "Options": {"parent": "lo"}},
            500,
            "loopback interface is not a valid ipvlan parent link",
        ),
        (
            {"Driver": "macvlan", "Options": {"parent": "eth1"}},
            500,
            "invalid subinterface vlan name eth1, example formatting is eth0.10",
        ),
        (
            {"Driver": "macvlan", "Options": {"parent": "a.b.c"}},
            500,
            "required interface name format is: name.vlan_id, ex. eth0.10 for vlan 10, instead received a.b.c",
        ),
        (
            {"Driver": "macvlan", "Options": {"parent": "eth1.5"}},
            500,
            "-o parent interface does was not found on the host: eth1",
        ),
        (
            {"Driver": "macvlan", "Options": {"parent": "eth0.x"}},
            500,
            "unable to parse a valid vlan id from: x (ex. eth0.10 for vlan 10)",
        ),
        (
            {"Driver": "macvlan", "Options": {"parent": "eth0.5000"}},
            500,
            "vlan id must be between 1-4094, received: 5000",
        ),
        (
            {"Options": {"com.docker.network.driver.mtu": "abc"}},
            500,
            'failed to parse com.docker.network.driver.mtu value: abc (strconv.Atoi: parsing "abc": invalid syntax)',
        ),
    ],
)
def test_what_cannot_be_created(client: Client, fields: Any, status: int, message: str) -> None:
    before = len(client("GET", "/networks").json)
    reply = client("POST", "/networks/create", {"Name": "net", **fields})
    assert (reply.status, reply.message[: len(message)]) == (status, message)
    assert len(client("GET", "/networks").json) == before


@pytest.mark.parametrize(
    ("pool", "status", "message"),
    [
        ({"Subnet": "10.98.0.0"}, 500, "Invalid subnet 10.98.0.0 : invalid CIDR address: 10.98.0.0"),
        ({"Gateway": "10.98.0.1"}, 500, "Invalid subnet  : invalid CIDR address: "),
        ({"Subnet": "172.19.5.0/24"}, 403, "Pool overlaps with other one on this address space"),
        (
            {"Subnet": _SUBNET, "Gateway": "10.1.1.1"},
            500,
            "failed to allocate gateway (10.1.1.1): Requested address is out of range",
        ),
        ({"Subnet": _SUBNET, "Gateway": "foo"}, 500, "invalid gateway address foo in Ipam configuration"),
        ({"Subnet": "10.98.0.0/32"}, 500, "failed to allocate gateway (): No available addresses on this pool"),
        (
            {"Subnet": _SUBNET, "AuxiliaryAddresses": {"a": "10.1.1.1"}},
            403,
            "auxiliary address: (a:10.1.1.1) must belong to the master pool: 10.98.0.0/24",
        ),
        (
            {"Subnet": _SUBNET, "Gateway": "10.98.0.1", "AuxiliaryAddresses": {"x": "10.98.0.1"}},
            500,
            "failed to allocate secondary ip address (x:10.98.0.1): Address already in use",
        ),
        (
            {"Subnet": _SUBNET, "IPRange": "foo"},
            500,
            'failed to parse pool request for address space "LocalDefault" pool "10.98.0.0/24" subpool "foo": '
            "Invalid Address SubPool",
        ),
    ],
)
def test_subnets_that_make_no_sense(client: Client, pool: Any, status: int, message: str) -> None:
    reply = client("POST", "/networks/create", {"Name": "net", "IPAM": {"Config": [pool]}})
    assert (reply.status, reply.message) == (status, message)
    assert client("GET", "/networks/net").status == 404


def test_two_subnets_of_one_family_are_too_many(client: Client) -> None:
    reply = create(client, "net", _SUBNET, "10.97.0.0/24")
    assert (reply.status, reply.message) == (403, "bridge driver doesn't support multiple subnets")


def test_ipv6(live: Live) -> None:
    create(live.client, "six", "2001:db8::/64", EnableIPv6=True)
    create(live.client, "own", EnableIPv6=True)
    live.run("sleep", "1000", HostConfig={"NetworkMode": "six"})
    end = live.inspect()["NetworkSettings"]["Networks"]["six"]
    shown = (end["IPAddress"], end["GlobalIPv6Address"], end["GlobalIPv6PrefixLen"], end["IPv6Gateway"])
    assert shown == ("172.18.0.2", "2001:db8::2", 64, "2001:db8::1")
    (on_it,) = live.client("GET", "/networks/six").json["Containers"].values()
    assert on_it["IPv6Address"] == "2001:db8::2/64"
    _, chosen = live.client("GET", "/networks/own").json["IPAM"]["Config"]
    assert chosen["Subnet"].startswith("fd")


def test_settings_come_from_another_network(client: Client) -> None:
    options = {"com.docker.network.driver.mtu": "1400"}
    create(client, "settings", _SUBNET, ConfigOnly=True, Options=options, Labels={"a": "b"})
    assert client("GET", "/networks/settings").json["Driver"] == "null"
    assert client("GET", "/networks/settings").json["ConfigOnly"] is True
    create(client, "net", ConfigFrom={"Network": "settings"})
    shown = client("GET", "/networks/net").json
    assert (shown["IPAM"]["Config"], shown["Options"], shown["Labels"]) == ([{"Subnet": _SUBNET}], options, {"a": "b"})
    reply = client("DELETE", "/networks/settings")
    text = 'error while removing network: configuration network "settings" is in use'
    assert (reply.status, reply.message) == (403, text)


def test_an_interface_is_the_parent_of_one_network_of_a_driver(client: Client) -> None:
    parent = {"Options": {"parent": "eth0"}}
    first = create(client, "first", _SUBNET, Driver="macvlan", **parent)
    assert first.status == 201
    second = create(client, "second", Driver="macvlan", **parent)
    text = f"network dm-{first.json['Id'][:12]} is already using parent interface eth0"
    assert (second.status, second.message) == (500, text)
    assert create(client, "other", Driver="ipvlan", **parent).status == 201
    # One that does not lead outside has an interface of its own, whatever it names.
    assert create(client, "inside", Driver="macvlan", Internal=True, **parent).status == 201
    assert create(client, "nowhere", Driver="macvlan").status == 201
    assert create(client, "vlan", Driver="macvlan", Options={"parent": "eth0.10"}).status == 201
    assert client("GET", "/networks/first").json["Driver"] == "macvlan"


def test_containers_on_an_interface_of_the_machine(live: Live) -> None:
    create(live.client, "wire", "10.7.0.0/24", "10.8.0.0/24", Driver="macvlan", Options={"parent": "eth0"})
    create(live.client, "routed", Driver="ipvlan", Options={"ipvlan_mode": "l3"})
    ports = {"PortBindings": {"80/tcp": [{"HostPort": "8098"}]}, "ExposedPorts": {"80/tcp": {}}}
    live.run("sleep", "1000", HostConfig={"NetworkMode": "wire", **ports})
    settings = live.inspect()["NetworkSettings"]
    end = settings["Networks"]["wire"]
    assert (end["IPAddress"], end["Gateway"], end["MacAddress"]) == ("10.7.0.2", "10.7.0.1", "02:42:0a:07:00:02")
    assert settings["Ports"] == {}, "nothing is published from there"
    assert live.client("POST", "/networks/routed/connect", {"Container": "box"}).status == 200
    assert live.inspect()["NetworkSettings"]["Networks"]["routed"]["Gateway"] == ""
    chosen = {"Container": "box", "EndpointConfig": {"IPAMConfig": {"IPv4Address": "10.8.0.9"}}}
    assert live.client("POST", "/networks/wire/disconnect", {"Container": "box"}).status == 200
    assert live.client("POST", "/networks/wire/connect", chosen).status == 200
    assert ends(live) == {"wire": "10.8.0.9", "routed": "172.18.0.2"}


def test_from_an_internal_network_no_port_is_published(live: Live) -> None:
    create(live.client, "inside", Internal=True)
    live.run(
        "sleep", "1000", HostConfig={"NetworkMode": "inside", "PortBindings": {"80/tcp": [{"HostPort": "8098"}]}}
    )  # fmt: skip
    assert live.inspect()["NetworkSettings"]["Ports"] == {}


def test_containers_are_on_the_networks_that_they_ask_for(live: Live) -> None:
    create(live.client, "net", "10.7.0.0/24")
    create(live.client, "other")
    ends_config = {"net": {"IPAMConfig": {"IPv4Address": "10.7.0.9"}, "Aliases": ["web"]}, "other": {}}
    networking = {"EndpointsConfig": ends_config}
    assert live.client(
        "POST", "/v1.43/containers/create", {"Image": "alpine", "NetworkingConfig": networking}
    ).message == ("Container cannot be connected to network endpoints: net, other")
    made = live.create("sleep", "1000", Hostname="hh", NetworkingConfig=networking).json["Id"]
    assert live.inspect()["NetworkSettings"]["Networks"]["net"]["Aliases"] == ["web"]
    assert ends(live) == {"net": "", "other": ""}
    live.client("POST", "/containers/box/start")
    assert ends(live) == {"net": "10.7.0.9", "other": "172.18.0.2"}
    end = live.inspect()["NetworkSettings"]["Networks"]["net"]
    assert (end["Aliases"], end["Gateway"], end["MacAddress"]) == (
        ["web", made[:12], "hh"],
        "10.7.0.1",
        "02:42:0a:07:00:09",
    )
    assert live.client("GET", "/networks/net").json["Containers"][made]["IPv4Address"] == "10.7.0.9/24"
    (row,) = live.client("GET", "/containers/json").json
    # A list says nothing of names.
    listed = row["NetworkSettings"]["Networks"]["net"]
    assert (listed["IPAddress"], listed["Aliases"], listed["DNSNames"]) == ("10.7.0.9", None, None)
    assert listed["IPAMConfig"] == {"IPv4Address": "10.7.0.9"}
    reply = live.client("DELETE", "/networks/net")
    assert reply.status == 403
    assert reply.message.endswith("has active endpoints")
    # A list does not know who is on a network.
    for value, names in (("true", ["mine", "net", "other"]), ("0", ["bridge", "host", "none"])):
        assert [row["Name"] for row in live.client.filtered("/networks", dangling=[value]).json] == names


@pytest.mark.parametrize(
    ("network", "asked", "status", "message"),
    [
        (
            "mine",
            {"IPAMConfig": {"IPv4Address": "172.19.0.9"}},
            400,
            "user specified IP address is supported only ",
        ),
        (
            "bridge",
            {"IPAMConfig": {"IPv4Address": "172.17.0.9"}},
            400,
            "user specified IP address is supported on ",
        ),
        (
            "bridge",
            {"Aliases": ["a"]},
            400,
            "network-scoped alias is supported only for ",
        ),
        (
            "net",
            {"IPAMConfig": {"IPv4Address": "10.1.1.1"}},
            500,
            "Invalid address 10.1.1.1: It does not ",
        ),
        ("net", {"IPAMConfig": {"IPv4Address": "10.7.0.2"}}, 403, "Address already in use"),
        ("net", {"IPAMConfig": {"IPv4Address": "10.7.0.0"}}, 403, "Address already in use"),
        ("net", {"IPAMConfig": {"IPv4Address": "10.7.0.255"}}, 403, "Address already in use"),
        ("nope", {}, 404, "network nope not found"),
    ],
)
def test_addresses_that_cannot_be_had(live: Live, network: str, asked: Any, status: int, message: str) -> None:
    create(live.client, "net", "10.7.0.0/24")
    live.run("sleep", "1000", name="first", HostConfig={"NetworkMode": "net"})
    networking = {"EndpointsConfig": {network: asked}}
    live.create("true", HostConfig={"NetworkMode": network}, NetworkingConfig=networking)
    reply = live.client("POST", "/containers/box/start")
    assert (reply.status, reply.message[: len(message)]) == (status, message)
    assert live.inspect()["State"]["Status"] == "created"


def connect(live: Live, network: str, name: str = "box", **settings: Any) -> Any:
    body = {"Container": name, "EndpointConfig": settings}
    return live.client("POST", f"/networks/{network}/connect", body)


def disconnect(live: Live, network: str, name: str = "box", *, force: bool = False) -> Any:
    return live.client("POST", f"/networks/{network}/disconnect", {"Container": name, "Force": force})


@pytest.mark.parametrize(
    ("version", "names", "priority"),
    [
        ("v1.41", "absent", "absent"),
        ("v1.44", ["box", "web", "ID", "hh"], "absent"),
        ("v1.48", ["box", "web", "ID", "hh"], 0),
    ],
)
def test_names_on_a_network_by_version(live: Live, version: str, names: Any, priority: Any) -> None:
    create(live.client, "net", "10.7.0.0/24")
    made = live.create("sleep", "1", Hostname="hh").json["Id"]
    connect(live, "net", Aliases=["web"])
    ends_ = live.client("GET", f"/{version}/containers/box/json").json["NetworkSettings"]["Networks"]
    told = json.loads(json.dumps(ends_["net"]).replace(made[:12], "ID"))
    assert (told.get("DNSNames", "absent"), told.get("GwPriority", "absent")) == (names, priority)
    # On the default bridge containers have no names.
    assert (ends_["bridge"]["Aliases"], ends_["bridge"].get("DNSNames")) == (None, None)


def test_a_running_container_is_connected_and_disconnected(live: Live) -> None:
    create(live.client, "net", "10.7.0.0/24")
    made = live.run("sleep", "1000")
    reply = connect(live, "net", IPAMConfig={"IPv4Address": "10.7.0.50"}, Aliases=["db"])
    assert (reply.status, reply.body) == (200, b"")
    assert ends(live) == {"bridge": "172.17.0.2", "net": "10.7.0.50"}
    assert live.inspect()["NetworkSettings"]["Networks"]["net"]["Aliases"] == ["db", made[:12]]
    again = connect(live, "net")
    assert (again.status, again.message) == (403, "endpoint with name box already exists in network net")
    assert disconnect(live, "bridge").status == 200
    assert ends(live) == {"net": "10.7.0.50"}
    gone = disconnect(live, "bridge")
    assert (gone.status, gone.message) == (500, f"container {made} is not connected to network bridge")
    told = [f"{e.action} {e.attributes['name']}" for e in live.events.past() if e.type == "network"]
    # A real engine tells twice of a container that is taken off.
    assert told == ["create net", "connect bridge", "connect net", "disconnect bridge", "disconnect bridge"]
    live.client("POST", "/containers/box/kill")
    live.client.run(live.engine.containers.wait(made))
    live.client("POST", "/containers/box/start")
    assert ends(live) == {"net": "10.7.0.50"}


def test_a_container_that_does_not_run_is_connected_when_it_starts(live: Live) -> None:
    create(live.client, "net", "10.7.0.0/24")
    made = live.create("sleep", "1000").json["Id"]
    assert connect(live, "net", Aliases=["a"]).status == 200
    # What was asked for at first stays.
    assert connect(live, "net", Aliases=["b"]).status == 200
    end = live.inspect()["NetworkSettings"]["Networks"]["net"]
    assert (end["Aliases"], end["NetworkID"], end["IPAddress"]) == (["a", made[:12]], "", "")
    live.client("POST", "/containers/box/start")
    assert ends(live) == {"bridge": "172.17.0.2", "net": "10.7.0.2"}
    live.client("POST", "/containers/box/kill")
    live.client.run(live.engine.containers.wait(made))
    assert ends(live) == {"bridge": "", "net": ""}
    assert disconnect(live, "net").status == 200
    reply = disconnect(live, "net")
    assert reply.message == f"container {made} is not connected to the network net"


def test_what_does_not_go_together(live: Live) -> None:
    create(live.client, "net")
    shared = (
        "container sharing network namespace with another container or host cannot be connected to any other network"
    )
    host = "container cannot be disconnected from host network or connected to host network"
    private = "container cannot be connected to multiple networks with one of the networks in private (none) mode"
    live.run("sleep", "1000")
    live.run("sleep", "1000", name="hosted", HostConfig={"NetworkMode": "host"})
    live.run("sleep", "1000", name="alone", HostConfig={"NetworkMode": "none"})
    live.run("sleep", "1000", name="guest", HostConfig={"NetworkMode": "container:box"})
    for reply, message in (
        (connect(live, "net", "hosted"), shared),
        (connect(live, "net", "guest"), shared),
        (connect(live, "host"), host),
        (disconnect(live, "host", "hosted"), host),
        (connect(live, "none"), private),
        (connect(live, "net", "alone"), private),
        (connect(live, "net", ""), 'invalid name or ID supplied: ""'),
    ):
        assert (reply.status, reply.message) == (400, message)
    assert connect(live, "nope").message == "network nope not found"
    assert connect(live, "net", "nope").message == "No such container: nope"
    assert disconnect(live, "net", "nope").message == "No such container: nope"
    assert disconnect(live, "net", "nope", force=True).message == "endpoint nope not found"


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"IPv4Address": "foo"}, "Invalid IPv4 address: foo)"),
        ({"LinkLocalIPs": ["169.254.1.1", "foo"]}, "Invalid link-local IP address: [169.254.1.1 foo]"),
        (
            {"IPv4Address": "2001:db8::1"},
            "Invalid address 2001:db8::1: It does not belong to any of this network's subnets",
        ),
    ],
)
def test_addresses_that_are_none(live: Live, asked: Any, message: str) -> None:
    create(live.client, "net", "10.7.0.0/24")
    live.run("sleep", "1000")
    reply = connect(live, "net", IPAMConfig=asked)
    assert (reply.status, reply.message) == (500, message)


def test_a_container_shares_another_ones_network(live: Live) -> None:
    made = live.run("sleep", "1000", Hostname="boss")
    live.run("sleep", "1000", name="guest", HostConfig={"NetworkMode": "container:box"})
    shown = live.inspect("guest")
    assert (shown["HostConfig"]["NetworkMode"], shown["Config"]["Hostname"]) == (f"container:{made}", "boss")
    assert shown["NetworkSettings"]["Networks"] == {}
    live.client("POST", "/containers/box/kill")
    live.client.run(live.engine.containers.wait(made))
    live.create("true", name="late", HostConfig={"NetworkMode": "container:box"})
    reply = live.client("POST", "/containers/late/start")
    assert (reply.status, reply.message) == (409, f"cannot join network of a non running container: {made}")


def test_pruning_spares_what_is_used_and_labelled(live: Live) -> None:
    for name in ("used", "idle", "kept"):
        create(live.client, name, Labels={"keep": "1"} if name == "kept" else {})
    live.run("sleep", "1000", HostConfig={"NetworkMode": "used"})
    filters = {"filters": json.dumps({"label!": ["keep"]})}
    deleted = live.client("POST", "/networks/prune", params=filters).json["NetworksDeleted"]
    assert sorted(deleted) == ["idle", "mine"]
    left = {network["Name"] for network in live.client("GET", "/networks").json}
    assert left == {"bridge", "host", "none", "used", "kept"}
