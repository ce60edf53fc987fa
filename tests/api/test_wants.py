"""What containers ask of their machine by hand, and how that is changed and counted."""

from pathlib import Path
from typing import Any

import pytest

from .live import Live


@pytest.mark.parametrize(
    ("host", "change", "status", "text"),
    [
        ({}, {"Memory": 1000}, 400, "Minimum memory limit allowed is 6MB"),
        (
            {"AutoRemove": True},
            {"RestartPolicy": {"Name": "always"}},
            409,
            "Restart policy cannot be updated because AutoRemove is enabled for the container",
        ),
        (
            {"Memory": 16 << 20},
            {"Memory": 64 << 20},
            409,
            "Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time",
        ),
        (
            {},
            {"Memory": 64 << 20},
            409,
            "Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time",
        ),
        (
            {"CpuPeriod": 50000},
            {"NanoCpus": 10**9},
            409,
            "Conflicting options: Nano CPUs cannot be updated as CPU Period has already been set",
        ),
        (
            {"NanoCpus": 10**9},
            {"CpuQuota": 50000},
            409,
            "Conflicting options: CPU Quota cannot be updated as NanoCPUs has already been set",
        ),
    ],
)
def test_updates_that_cannot_be(
    live: Live, host: dict[str, Any], change: dict[str, Any], status: int, text: str
) -> None:
    live.run("sleep", "1000", HostConfig=host)
    before = live.inspect()["HostConfig"]
    answer = live.client("POST", "/containers/box/update", change)
    assert answer.status == status
    assert answer.message.endswith(text)
    assert answer.message.startswith("Cannot update container ") == (status == 409)
    assert live.inspect()["HostConfig"] == before


def test_a_container_that_is_not_there_is_missed_before_its_limits_are_looked_at(live: Live) -> None:
    answer = live.client("POST", "/containers/nosuch/update", {"Memory": 1000})
    assert (answer.status, answer.message) == (404, "No such container: nosuch")


def test_limits_may_be_updated(live: Live) -> None:
    live.run("sleep", "1000", HostConfig={"Memory": 16 << 20})
    change = {"Memory": 64 << 20, "MemorySwap": 64 << 20}
    assert live.client("POST", "/containers/box/update", change).json == {"Warnings": None}
    host = live.inspect()["HostConfig"]
    assert (host["Memory"], host["MemorySwap"]) == (64 << 20, 64 << 20)


@pytest.mark.parametrize(("asked", "kept"), [(9, 9), (0, 0), (-1, 0)])
def test_a_limit_of_processes_may_be_taken_back(live: Live, asked: int, kept: int) -> None:
    live.run("sleep", "1000", HostConfig={"PidsLimit": 5})
    live.client("POST", "/containers/box/update", {"PidsLimit": asked})
    assert live.inspect()["HostConfig"]["PidsLimit"] == kept


def test_the_container_of_a_task_may_be_updated(live: Live) -> None:
    live.start("sleep", "1000", task_id="t")
    change = {"Memory": 64 << 20, "MemorySwap": 128 << 20, "RestartPolicy": {"Name": "always"}}
    assert live.client("POST", "/containers/box/update", change).json == {"Warnings": None}
    host = live.inspect()["HostConfig"]
    assert (host["Memory"], host["MemorySwap"], host["RestartPolicy"]["Name"]) == (64 << 20, 128 << 20, "always")
    assert live.client("GET", "/containers/box/stats?stream=0&one-shot=1").json["memory_stats"]["limit"] == 64 << 20


@pytest.mark.parametrize(
    ("host", "text"),
    [
        ({"VolumesFrom": ["nosuch"]}, "No such container: nosuch"),
        ({"Links": ["x:db"], "NetworkMode": "bridge"}, "could not get container for x: No such container: x"),
        ({"IpcMode": "container:nosuch"}, "No such container: nosuch"),
        ({"PidMode": "container:nosuch"}, "No such container: nosuch"),
        (
            {"Links": ["box"], "NetworkMode": "host"},
            "conflicting options: host type networking can't be used with links. "
            "This would result in undefined behavior",
        ),
    ],
)
def test_what_is_shared_has_to_be_there(live: Live, host: dict[str, Any], text: str) -> None:
    """Not 404, for which clients would pull the image (compared with engine 20.10)."""
    body = {"Image": "alpine", "Cmd": ["true"], "HostConfig": host}
    answer = live.client("POST", "/containers/create", body)
    assert (answer.status, answer.message) == (400, text)


def test_a_link_on_a_network_of_the_users_own_may_lead_nowhere(live: Live) -> None:
    assert live.client("POST", "/networks/create", {"Name": "own"}).status == 201
    body = {"Image": "alpine", "Cmd": ["true"], "HostConfig": {"Links": ["nosuch:db"], "NetworkMode": "own"}}
    answer = live.client("POST", "/containers/create?name=box", body)
    assert answer.status == 201
    assert live.client("POST", "/containers/box/start").status == 204


def test_size_of_what_a_container_has_written(live: Live) -> None:
    live.run("sh", "-c", "echo hello > /x; echo more > /etc/motd2; sleep 1; exit 0")
    live.pass_until("die", 2)
    sized = live.client("GET", "/containers/box/json?size=1").json
    assert (sized["SizeRw"], sized["SizeRootFs"] > sized["SizeRw"]) == (11, True)
    assert "SizeRw" not in live.inspect()
    [row] = live.client("GET", "/containers/json?all=1&size=1").json
    assert row["SizeRw"] == 11


def test_what_is_asked_for_is_shown(live: Live) -> None:
    """Tools compare it with what they want the container to be."""
    host = {
        "BlkioWeight": 300,
        "CgroupParent": "/x",
        "DeviceRequests": [{"Driver": "", "Count": 0, "DeviceIDs": ["0"], "Capabilities": [["gpu"]], "Options": {}}],
        "Devices": [{"PathOnHost": "/dev/null", "PathInContainer": "/dev/x", "CgroupPermissions": "rwm"}],
        "BlkioDeviceReadBps": [{"Path": "/dev/sda", "Rate": 1000}],
        "Annotations": {"a": "b"},
    }
    live.create("true", HostConfig=host)
    shown = live.inspect()["HostConfig"]
    assert {key: shown[key] for key in host} == host
    live.client("POST", "/containers/box/update", {"BlkioWeight": 400, "CgroupParent": "/y", "CpuShares": 0})
    shown = live.inspect()["HostConfig"]
    assert (shown["BlkioWeight"], shown["CgroupParent"]) == (400, "/x")


@pytest.mark.parametrize(
    ("host", "options"),
    [
        ({"PidMode": "host"}, ["label=disable"]),
        ({"IpcMode": "host", "SecurityOpt": ["no-new-privileges"]}, ["no-new-privileges", "label=disable"]),
        ({"Privileged": True, "SecurityOpt": ["label=user:me"]}, ["label=user:me"]),
        ({}, None),
    ],
)
def test_labels_are_off_where_processes_are_shared(live: Live, host: dict[str, Any], options: Any) -> None:
    live.create("sleep", "1", HostConfig=host)
    assert live.inspect()["HostConfig"]["SecurityOpt"] == options


def test_a_hardware_address_of_the_container_is_its_first_network_s(live: Live) -> None:
    live.run("sleep", "1000", MacAddress="02:42:ac:11:00:99")
    # Ansible looks for it here.
    assert live.inspect()["Config"]["MacAddress"] == "02:42:ac:11:00:99"
    assert live.inspect()["NetworkSettings"]["Networks"]["bridge"]["MacAddress"] == "02:42:ac:11:00:99"
    assert live.inspect()["NetworkSettings"]["MacAddress"] == "02:42:ac:11:00:99"
    other = {"EndpointsConfig": {"bridge": {"MacAddress": "02:42:ac:11:00:98"}}}
    reply = live.create("true", name="two", MacAddress="02:42:ac:11:00:99", NetworkingConfig=other)
    assert (reply.status, "container-wide MAC address must match" in reply.message) == (400, True)
    [warning] = live.create("true", name="three", MacAddress="02:42:ac:11:00:97").json["Warnings"]
    assert warning.startswith("The container-wide MacAddress field is now deprecated.")
    body = {"Image": "alpine", "Cmd": ["true"], "MacAddress": "02:42:ac:11:00:96"}
    assert live.client("POST", "/v1.43/containers/create", body).json["Warnings"] == []
    live.create("true", name="plain")
    assert "MacAddress" not in live.inspect("plain")["Config"]


def test_links_are_shown_by_both_names_as_long_as_the_other_is_there(live: Live) -> None:
    live.run("sleep", "1000", name="db")
    live.run("sleep", "1000", name="web", HostConfig={"Links": ["db:data", "db"]})
    assert live.inspect("web")["HostConfig"]["Links"] == ["/db:/web/data", "/db:/web/db"]
    assert live.client("DELETE", "/containers/db?force=1").status == 204
    assert live.inspect("web")["HostConfig"]["Links"] is None


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"Hostname": "foo"}, "hostname and the network mode"),
        ({"ExposedPorts": {"80/tcp": {}}}, "port exposing and the container type network mode"),
        ({"MacAddress": "02:42:ac:11:00:09"}, "mac-address and the network mode"),
        ({"HostConfig": {"Dns": ["1.1.1.1"]}}, "dns and the network mode"),
        ({"HostConfig": {"ExtraHosts": ["a:1.1.1.1"]}}, "custom host-to-IP mapping and the network mode"),
        ({"HostConfig": {"PublishAllPorts": True}}, "port publishing and the container type network mode"),
        (
            {"HostConfig": {"Links": ["box"]}},
            "container type network can't be used with links. This would result in undefined behavior",
        ),
    ],
)
def test_who_shares_a_network_has_nothing_of_its_own(live: Live, body: Any, text: str) -> None:
    live.run("sleep", "1000")
    host = {"NetworkMode": "container:box", **body.get("HostConfig", {})}
    reply = live.create("true", name="guest", **{**body, "HostConfig": host})
    assert (reply.status, reply.message) == (400, f"conflicting options: {text}")


def test_a_mounted_file_is_not_written_to_the_container(live: Live, tmp_path: Path) -> None:
    file = tmp_path / "conf.txt"
    file.write_text("hello\n")
    live.run("sleep", "1000", HostConfig={"Binds": [f"{file}:/etc/conf.txt"]})
    assert live.client("GET", "/containers/box/json?size=1").json["SizeRw"] == 0
