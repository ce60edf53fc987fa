"""What containers by hand reach, over real sockets, and by which names."""

from typing import Any

import pytest

from swarmlab.objects.requests import NetworkCreateRequest
from swarmlab.objects.run import EndpointSettings
from tests.engine.net import Net

EXTRA_HOSTS = ("far:9.9.9.9", "host.docker.internal:host-gateway")


def test_containers_by_hand_find_each_other_on_networks_of_their_own(net: Net) -> None:
    engine = net.lab.engines["node-1"]
    engine.networks.create(NetworkCreateRequest(name="own"))
    web = net.by_hand("web", "nginx", "own", aliases=("www",))
    net.by_hand("box", "alpine", "own", "sleep", "100000", extra_hosts=EXTRA_HOSTS)
    net.by_hand("plain", "alpine", "", "sleep", "100000")
    net.by_hand("linked", "alpine", "", "sleep", "100000", links=("plain:friend",))
    net.by_hand("guest", "alpine", f"container:{web}", "sleep", "100000")
    net.by_hand("hermit", "alpine", "none", "sleep", "100000")
    for name in ("web", "www", web[:12], "web.own"):
        assert "Welcome to nginx" in net.says("box", "wget", "-qO-", f"http://{name}")
    assert "Welcome to nginx" in net.says("guest", "wget", "-qO-", "http://localhost")
    hosts = net.says("box", "cat", "/etc/hosts")
    assert "9.9.9.9\tfar\n172.17.0.1\thost.docker.internal\n" in hosts
    assert net.says("plain", "ping", "-c", "1", "web") == "ping: bad address 'web'\n"
    assert net.says("plain", "ping", "-c", "1", "linked") == "ping: bad address 'linked'\n", "no names on bridge"
    assert "1 packets received" in net.says("linked", "ping", "-c", "1", "friend")
    net.by_hand("marked", "alpine", "", "sleep", "100000")
    mac = "02:42:ac:11:99:99"
    net.run(engine.connections.connect("own", "marked", EndpointSettings(mac_address=mac)))
    assert f"link/ether {mac} " in net.says("marked", "ip", "link", "show", "eth1")
    assert net.says("hermit", "wget", "-qO-", "http://172.17.0.2") == (
        "wget: can't connect to remote host (172.17.0.2): Network is unreachable\n"
    )
    engine.by_hand.rename("web", "site")
    assert "Welcome to nginx" in net.says("box", "wget", "-qO-", "http://site")
    assert net.says("box", "wget", "-qO-", "http://web") == "wget: bad address 'web'\n"
    engine.by_hand.rename("site", "web")
    net.run(engine.connections.connect("own", "plain", EndpointSettings()))
    assert "Welcome to nginx" in net.says("plain", "wget", "-qO-", "http://www")
    engine.connections.disconnect("own", "plain", force=False)
    assert net.says("plain", "wget", "-qO-", "http://www") == "wget: bad address 'www'\n"
    net.run(engine.connections.connect("own", "plain", EndpointSettings(links=("web:mine", "box"))))
    assert "Welcome to nginx" in net.says("plain", "wget", "-qO-", "http://mine")
    assert net.says("box", "wget", "-qO-", "http://mine") == "wget: bad address 'mine'\n", "it is the other one's word"
    engine.connections.disconnect("own", "plain", force=False)
    net.run(engine.by_hand.stop("web", 0, ""))
    assert net.says("box", "wget", "-qO-", "http://web") == "wget: bad address 'web'\n"
    assert net.lab.fabric.sandbox(web).ports == {}


def test_from_the_nodes_own_network_its_ports_and_its_bridges_are_reached(net: Net) -> None:
    web = net.by_hand("web", "nginx")
    net.by_hand("site", "nginx", "host")
    net.by_hand("box", "alpine", "host", "sleep", "100000")
    net.by_hand("plain", "alpine", "", "sleep", "100000")
    address = net.lab.engines["node-1"].containers.find(web).endpoints[0].addresses[0].partition("/")[0]
    for target in ("localhost", "127.0.0.1", "172.17.0.1", address):
        assert "Welcome to nginx" in net.says("box", "wget", "-qO-", f"http://{target}")
    assert "Welcome to nginx" in net.says("plain", "wget", "-qO-", "http://172.17.0.1"), "others reach it by a gateway"
    assert net.says("box", "wget", "-qO-", "http://127.0.0.2").endswith("Connection refused\n")


def test_published_ports_are_reached_by_gateways_and_attachable_networks_by_hand(net: Net) -> None:
    app = net.network("app")
    web = net.service("web", "nginx", 1, app, port=18098)
    net.by_hand("box", "alpine", "app", "sleep", "100000", aliases=("b",))
    assert "Welcome to nginx" in net.says("box", "wget", "-qO-", "http://web")
    assert "1 packets received" in net.says("box", "ping", "-c", "1", "b")
    for address in ("172.18.0.1", "127.0.0.2"):
        assert "Welcome to nginx" in net.says("box", "wget", "-qO-", f"http://{address}:18098")
        refused = f"wget: can't connect to remote host ({address}): Connection refused\n"
        assert net.says("box", "wget", "-qO-", f"http://{address}:18097") == refused
    (virtual,) = {ip.addr for ip in net.control.service(web.id).endpoint.virtual_ips if ip.network_id == app}
    own = net.lab.engines["node-1"].containers.find("box").endpoints[0].addresses[0]
    assert own.rpartition(".")[0] == virtual.rpartition(".")[0]
    assert own != virtual


@pytest.mark.parametrize(
    ("mode", "asked", "text"),
    [
        ("own", {}, "nameserver 127.0.0.11\noptions ndots:0\n"),
        (
            "own", {"dns": ("1.1.1.1",), "dns_search": ("a.b", "c"), "dns_options": ("timeout:2",)},
            "search a.b c\nnameserver 127.0.0.11\noptions timeout:2 ndots:0\n",
        ),
        ("own", {"dns_options": ("ndots:3",), "dns_search": (".",)}, "nameserver 127.0.0.11\noptions ndots:3\n"),
        (
            "bridge", {"dns": ("1.1.1.1", "9.9.9.9"), "dns_search": ("a.b",), "dns_options": ("ndots:3",)},
            "search a.b\nnameserver 1.1.1.1\nnameserver 9.9.9.9\noptions ndots:3\n",
        ),
        ("host", {"dns": ("1.1.1.1",)}, "nameserver 1.1.1.1\n"),
    ],
)  # fmt: skip
def test_what_is_asked_of_names_stands_in_resolv_conf(net: Net, mode: str, asked: dict[str, Any], text: str) -> None:
    net.lab.engines["node-1"].networks.create(NetworkCreateRequest(name="own"))
    net.by_hand("box", "alpine", mode, "sleep", "100000", **asked)
    assert net.says("box", "cat", "/etc/resolv.conf") == text
