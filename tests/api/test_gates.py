"""What clients of older versions of the API get, and what is not taken from them (MB: docs/api/version-history.md)."""

from typing import Any

import pytest

from .conftest import Client
from .live import Live

EVERYTHING = {"Images", "Containers", "Volumes", "BuildCache"}


@pytest.mark.parametrize(
    ("version", "has", "has_not"),
    [
        ("1.24", ("BridgeNfIptables", "RegistryConfig.AllowNondistributableArtifactsCIDRs", "RuncCommit.Expected"), ()),
        ("1.46", ("BridgeNfIptables", "RegistryConfig.AllowNondistributableArtifactsCIDRs", "RuncCommit.Expected"), ()),
        ("1.47", ("BridgeNfIptables", "InitCommit.Expected"), ("RegistryConfig.AllowNondistributableArtifactsCIDRs",)),
        ("1.49", ("BridgeNfIptables", "RuncCommit.ID"), ("RuncCommit.Expected", "ContainerdCommit.Expected")),
        ("1.50", ("RegistryConfig.Mirrors",), ("BridgeNfIptables", "BridgeNfIp6tables", "InitCommit.Expected")),
    ],
)
def test_info(client: Client, version: str, has: tuple[str, ...], has_not: tuple[str, ...]) -> None:
    found = client("GET", f"/v{version}/info").json
    paths = {f"{name}.{inner}" for name, value in found.items() if isinstance(value, dict) for inner in value} | {
        *found
    }
    assert set(has) <= paths
    assert not set(has_not) & paths


def test_networks(live: Live) -> None:
    live.run("sleep", "1000")

    def bridge(version: str) -> dict[str, Any]:
        (found,) = (n for n in live.client("GET", f"/v{version}/networks").json if n["Name"] == "bridge")
        return dict(found)

    assert [len(bridge(version)["Containers"]) for version in ("1.24", "1.27", "1.28", "1.50")] == [1, 1, 0, 0]
    assert "EnableIPv4" not in bridge("1.47")
    assert list(bridge("1.48"))[4:7] == ["Driver", "EnableIPv4", "EnableIPv6"]
    assert live.client("GET", "/v1.48/networks/bridge").json["EnableIPv4"] is True
    assert "EnableIPv4" not in live.client("GET", "/v1.47/networks/bridge").json


def test_the_use_of_disks(live: Live) -> None:
    live.create("true")

    def told(query: str, version: str = "1.42") -> set[str]:
        found = live.client("GET", f"/v{version}/system/df{query}").json
        return {name for name in EVERYTHING if found[name] is not None}

    assert told("") == told("?type=image", "1.41") == EVERYTHING
    assert told("?type=image") == {"Images"}
    assert told("?type=volume&type=build-cache") == {"Volumes", "BuildCache"}
    assert live.client("GET", "/system/df?type=container").json["LayersSize"] == 0
    assert "BuilderSize" in live.client("GET", "/v1.41/system/df").json
    assert "BuilderSize" not in live.client("GET", "/v1.42/system/df").json
    # Volumes with options of their driver are left out (MB: volume/service/service.go, LocalVolumesSize).
    for name, options in (("plain", {}), ("opted", {"type": "tmpfs", "device": "tmpfs"})):
        live.client("POST", "/volumes/create", {"Name": name, "DriverOpts": options})
    assert [v["Name"] for v in live.client("GET", "/system/df?type=volume").json["Volumes"]] == ["plain"]
    reply = live.client("GET", "/system/df?type=image&type=x")
    assert (reply.status, reply.message) == (400, "unknown object type: x")


def test_images(live: Live) -> None:
    assert live.client("GET", "/v1.40/images/json?filter=alpine").json
    tags = [row["RepoTags"] for row in live.client("GET", "/v1.40/images/json?filter=alpine").json]
    assert tags
    assert all(name.startswith("alpine:") for names in tags for name in names)
    everything = live.client("GET", "/v1.41/images/json").json
    assert live.client("GET", "/v1.41/images/json?filter=alpine").json == everything
    old, new = (live.client("GET", f"/v{version}/images/redis/json").json["Config"] for version in ("1.49", "1.50"))
    containers = {
        "Hostname", "Domainname", "AttachStdin", "AttachStdout", "AttachStderr", "Tty", "OpenStdin", "StdinOnce",
        "Image",
    }  # fmt: skip
    assert containers | {"OnBuild"} <= set(old)
    # Others went with 1.52 only, when they are empty.
    assert new == {name: value for name, value in old.items() if name not in containers}


def made(live: Live, version: str, host: dict[str, Any], **fields: Any) -> dict[str, Any]:
    live.client("DELETE", "/containers/box?force=1")
    body = {"Image": "alpine", "Cmd": ["true"], "HostConfig": host, **fields}
    reply = live.client("POST", f"/v{version}/containers/create?name=box", body)
    assert reply.status == 201, reply.message
    return {"Warnings": reply.json["Warnings"], **live.inspect()}


def test_what_a_version_does_not_have_is_not_taken_from_its_clients(live: Live) -> None:
    def host(version: str, **asked: Any) -> dict[str, Any]:
        return dict(made(live, version, asked)["HostConfig"])

    assert [host(v, AutoRemove=True)["AutoRemove"] for v in ("1.24", "1.25")] == [False, True]
    assert [host(v)["IpcMode"] for v in ("1.39", "1.40")] == ["shareable", "private"]
    assert [host(v, ConsoleSize=[10, 20])["ConsoleSize"] for v in ("1.41", "1.42")] == [[0, 0], [10, 20]]
    assert [host(v, Annotations={"a": "b"}).get("Annotations") for v in ("1.42", "1.43")] == [None, {"a": "b"}]
    listed = [live.client("GET", f"/v{v}/containers/json?all=1").json[0]["HostConfig"] for v in ("1.45", "1.46")]
    assert listed == [{"NetworkMode": "default"}, {"NetworkMode": "default", "Annotations": {"a": "b"}}]
    check = {"Test": ["CMD", "true"], "StartInterval": 10_000_000}
    checks = [made(live, v, {}, Healthcheck=check)["Config"]["Healthcheck"] for v in ("1.43", "1.44")]
    assert ["StartInterval" in found for found in checks] == [False, True]


def test_an_update_of_old_limits_no_processes(live: Live) -> None:
    made(live, "1.50", {"PidsLimit": 5})
    for version, expected in (("1.39", 5), ("1.40", 7)):
        live.client("POST", f"/v{version}/containers/box/update", {"PidsLimit": 7})
        assert live.inspect()["HostConfig"]["PidsLimit"] == expected


@pytest.mark.parametrize(
    ("version", "mount", "message"),
    [
        ("1.43", {"Type": "bind", "Source": "/", "BindOptions": {"ReadOnlyForceRecursive": True}},
         "BindOptions.ReadOnlyForceRecursive needs API v1.44 or newer"),
        ("1.44", {"Type": "volume", "VolumeOptions": {"Subpath": "a"}},
         "VolumeOptions.Subpath needs API v1.45 or newer"),
        ("1.47", {"Type": "image", "Source": "alpine"}, 'Mount type "Image" needs API v1.48 or newer'),
        ("1.42", {"Type": "tmpfs", "BindOptions": {}}, 'BindOptions must not be specified on mount type "tmpfs"'),
        ("1.42", {"Type": "bind", "Source": "/", "VolumeOptions": {}},
         'VolumeOptions must not be specified on mount type "bind"'),
    ],
)  # fmt: skip
def test_mounts_that_a_version_does_not_know(live: Live, version: str, mount: dict[str, Any], message: str) -> None:
    body = {"Image": "alpine", "Cmd": ["true"], "HostConfig": {"Mounts": [{"Target": "/x", **mount}]}}
    reply = live.client("POST", f"/v{version}/containers/create?name=box", body)
    assert (reply.status, reply.message) == (400, message)
    assert live.client("GET", "/containers/box/json").status == 404


def test_a_driver_for_volumes_that_is_not_used_is_warned_of(live: Live) -> None:
    mount = {"Type": "volume", "Source": "vol", "Target": "/x"}
    host = {"VolumeDriver": "local", "Mounts": [mount]}
    assert made(live, "1.47", host)["Warnings"] == []
    assert made(live, "1.48", host)["Warnings"][0].startswith("WARNING: the container-wide volume-driver configuration")
    mount["VolumeOptions"] = {"DriverConfig": {"Name": "local"}}  # type: ignore[assignment]
    assert made(live, "1.48", host)["Warnings"] == []


def test_before_there_were_conditions_everybody_waited_for_the_end(live: Live) -> None:
    made(live, "1.50", {})
    assert live.client("POST", "/v1.29/containers/box/wait?condition=nonsense").json == {"StatusCode": 0}
    reply = live.client("POST", "/v1.30/containers/box/wait?condition=nonsense")
    assert (reply.status, reply.message) == (400, 'invalid condition: "nonsense"')
