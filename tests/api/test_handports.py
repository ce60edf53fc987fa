"""Containers by hand: their addresses, and the ports that they publish."""

import asyncio

import pytest

from .live import Live

EXPOSED = {"80/tcp": {}}


def test_published_ports_answer(live: Live) -> None:
    live.run("", image="nginx:alpine", Cmd=None, HostConfig={"PortBindings": {"80/tcp": [{"HostPort": ""}]}})
    (published, _), *_ = (live.inspect()["NetworkSettings"]["Ports"]["80/tcp"],)
    port = int(published["HostPort"])
    assert 32768 <= port < 61000

    async def ask() -> bytes:
        (row,) = live.placement.mesh.published()
        reader, writer = await asyncio.open_connection(row.bound_address, row.bound_port)
        writer.write(b"GET / HTTP/1.0\r\n\r\n")
        body = await reader.read()
        writer.close()
        await writer.wait_closed()
        return body

    assert b"Welcome to nginx" in live.client.run(ask())
    live.client("POST", "/containers/box/kill")
    live.pass_until("die", 0)
    assert live.placement.mesh.published() == []
    assert live.inspect()["NetworkSettings"]["Ports"] == {}


def test_who_has_the_nodes_network_listens_at_its_ports(live: Live) -> None:
    live.run("", image="nginx:alpine", Cmd=None, HostConfig={"NetworkMode": "host"})
    (row,) = live.placement.mesh.published()
    assert (row.port, row.service_id) == (80, "box")

    async def ask() -> bytes:
        reader, writer = await asyncio.open_connection(row.bound_address, row.bound_port)
        writer.write(b"GET / HTTP/1.0\r\n\r\n")
        body = await reader.read()
        writer.close()
        return body

    assert b"Welcome to nginx" in live.client.run(ask())
    live.client("POST", "/containers/box/kill")
    live.pass_until("die", 0)
    assert live.placement.mesh.published() == []


def test_a_port_is_given_to_one(live: Live) -> None:
    binding = {"PortBindings": {"80/tcp": [{"HostPort": "18099"}]}}
    live.run("sleep", "1000", HostConfig=binding, ExposedPorts=EXPOSED)
    live.create("sleep", "1000", name="late", HostConfig=binding, ExposedPorts=EXPOSED)
    for body in (binding, {"PortBindings": {"80/tcp": [{"HostPort": "8099"}]}}):
        live.client("DELETE", "/containers/late?force=1")
        live.create("sleep", "1000", name="late", HostConfig=body, ExposedPorts=EXPOSED)
        reply = live.client("POST", "/containers/late/start")
        assert (reply.status, reply.message.endswith("failed: port is already allocated")) == (500, True)
    assert live.status("late")[0] == "created"


def test_a_port_listens_where_it_was_asked_to(live: Live) -> None:
    bindings = {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8098"}]}
    live.run("sleep", "1000", HostConfig={"PortBindings": bindings}, ExposedPorts=EXPOSED)
    assert live.inspect()["NetworkSettings"]["Ports"] == bindings
    port = {"IP": "127.0.0.1", "PrivatePort": 80, "PublicPort": 8098, "Type": "tcp"}
    assert live.client("GET", "/containers/json").json[0]["Ports"] == [port]


def test_a_published_port_refuses_connections_until_the_program_listens(live: Live) -> None:
    ports = {"80/tcp": [{"HostPort": ""}]}
    script = "sleep 10; echo hello | nc -l -p 80; sleep 1000"
    live.run("sh", "-c", script, HostConfig={"PortBindings": ports}, ExposedPorts=EXPOSED)
    (row,) = live.placement.mesh.published()

    async def ask() -> bytes:
        reader, writer = await asyncio.open_connection(row.bound_address, row.bound_port)
        body = await reader.readline()
        writer.close()
        return body

    async def until_it_listens() -> bytes:
        while live.placement.mesh.where(row.node_id, row.port) is None:
            live.clock.advance(1)
            await asyncio.sleep(0.001)
        return await ask()

    with pytest.raises(ConnectionRefusedError):
        live.client.run(ask())
    assert live.client.run(until_it_listens()) == b"hello\n"
    # It has taken the one connection that it wanted.
    with pytest.raises(ConnectionRefusedError):
        live.client.run(ask())


def test_every_container_has_an_address_of_its_own(live: Live) -> None:
    for name in ("one", "two"):
        live.run("sleep", "1000", name=name)
    found = [live.inspect(name)["NetworkSettings"]["Networks"]["bridge"]["IPAddress"] for name in ("one", "two")]
    assert found == ["172.17.0.2", "172.17.0.3"]
    live.client("DELETE", "/containers/one?force=1")
    live.run("sleep", "1000", name="three")
    assert live.inspect("three")["NetworkSettings"]["IPAddress"] == "172.17.0.2"
    live.run("sleep", "1000", name="lonely", HostConfig={"NetworkMode": "none"})
    assert live.inspect("lonely")["NetworkSettings"]["IPAddress"] == ""
    live.create("true", name="lost", HostConfig={"NetworkMode": "nosuch"})
    reply = live.client("POST", "/containers/lost/start")
    assert (reply.status, reply.message) == (404, "network nosuch not found")


def test_a_port_that_is_not_exposed_is_not_published(live: Live) -> None:
    live.run("sleep", "1000", HostConfig={"PortBindings": {"80/tcp": [{"HostPort": "8098"}]}})
    details = live.inspect()
    assert details["HostConfig"]["PortBindings"] == {"80/tcp": [{"HostIp": "", "HostPort": "8098"}]}
    assert details["NetworkSettings"]["Ports"] == {}
    assert live.placement.mesh.published() == []


def test_ports_without_a_protocol_are_tcp_s(live: Live) -> None:
    bindings = {"80": [{"HostIp": "127.0.0.1", "HostPort": "8098"}]}
    live.run("sleep", "1000", HostConfig={"PortBindings": bindings}, ExposedPorts={"80": {}})
    assert [row.port for row in live.placement.mesh.published()] == [8098]


def test_two_cannot_listen_at_one_port_of_the_node(live: Live) -> None:
    shared = {"NetworkMode": "host"}
    live.run("nc", "-l", "-p", "7777", HostConfig=shared)
    for name, command, complaint in (
        ("nc", ["nc", "-l", "-p", "7777"], "nc: bind: Address already in use\n"),
        ("httpd", ["httpd", "-f", "-p", "7777"], "httpd: bind: Address already in use\n"),
        ("httpd-behind", ["httpd", "-p", "7777"], "httpd: bind: Address already in use\n"),
    ):
        live.create(*command, name=name, HostConfig=shared)
        live.client("POST", f"/containers/{name}/start")
        live.client("POST", f"/containers/{name}/wait")
        assert live.client("GET", f"/containers/{name}/logs?stderr=1").body[8:].decode() == complaint
        assert live.client("GET", f"/containers/{name}/json").json["State"]["ExitCode"] == 1
    live.client("DELETE", "/containers/box?force=1")
    live.create("nc", "-l", "-p", "7777", name="late", HostConfig=shared)
    live.client("POST", "/containers/late/start")
    assert live.status("late")[0] == "running"


def test_who_has_the_nodes_network_sees_its_interfaces(live: Live) -> None:
    def seen(mode: str, *command: str) -> str:
        live.run(*command, HostConfig={"NetworkMode": mode})
        live.client("POST", "/containers/box/wait")
        text = live.client("GET", "/containers/box/logs?stdout=1").body
        live.client("DELETE", "/containers/box?force=1")
        return text.decode(errors="replace")

    text = seen("host", "ip", "addr")
    assert f"inet {live.engine.address}/24 brd" in text
    assert "3: docker0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500" in text
    assert "inet 172.17.0.1/16 brd 172.17.255.255 scope global docker0" in text
    assert "172.17.0.0/16 dev docker0 scope link  src 172.17.0.1" in seen("host", "ip", "route")
    assert "eth0" not in seen("none", "ip", "addr")
