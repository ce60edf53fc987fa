"""Volumes of the cluster on engines that have no CSI plugins (MB: daemon/cluster, SK: manager/controlapi/volume.go)."""

from typing import Any

import pytest

from .conftest import Client, Reply

MOUNT = {"Scope": "multi", "Sharing": "all", "MountVolume": {"FsType": "ext4"}}


def create(client: Client, name: str = "cv", **spec: Any) -> Reply:
    body = {"Name": name, "Driver": "csi", "DriverOpts": {"o": "1"}, "Labels": {"l": "v"}}
    return client("POST", "/volumes/create", {**body, "ClusterVolumeSpec": {"AccessMode": MOUNT, **spec}})


def listed(client: Client, version: str = "") -> list[str]:
    return [volume["Name"] for volume in client("GET", f"{version}/volumes").json["Volumes"]]


def test_one_is_kept_and_shown_as_still_to_be_made(client: Client) -> None:
    client.init()
    reply = create(client, Group="g", CapacityRange={"RequiredBytes": 5}, Availability="pause")
    assert reply.status == 201
    made = reply.json
    assert (made["Name"], made["Driver"], made["Scope"], made["Labels"]) == ("cv", "csi", "global", {"l": "v"})
    spec = made["ClusterVolume"]["Spec"]
    assert spec == {
        "Group": "g",
        "AccessMode": MOUNT,
        "CapacityRange": {"RequiredBytes": 5, "LimitBytes": 0},
        "Availability": "pause",
    }
    assert "Info" not in made["ClusterVolume"]
    for reference in ("cv", made["ClusterVolume"]["ID"], made["ClusterVolume"]["ID"][:10]):
        assert client("GET", f"/volumes/{reference}").json == made
    assert listed(client) == ["cv"]
    # Older clients do not know of them.
    assert listed(client, "/v1.41") == []
    assert client("GET", "/v1.41/volumes/cv").message == "get cv: no such volume"


def test_words_that_are_unknown_mean_the_least(client: Client) -> None:
    client.init()
    made = create(client, AccessMode={"Scope": "x", "BlockVolume": {}}).json["ClusterVolume"]["Spec"]
    assert made == {
        "AccessMode": {"Scope": "single", "Sharing": "none", "BlockVolume": {}},
        "Availability": "active",
    }


@pytest.mark.parametrize(
    ("name", "spec", "message"),
    [
        ("", {}, "meta: name must be provided"),
        ("cv", {"AccessMode": None}, "AccessMode must not be nil"),
        ("cv", {"AccessMode": {}}, "Volume AccessMode must specify either Mount or Block access type"),
        ("cv", {"Secrets": [{"Key": "k", "Secret": "a"}]}, "secret not found: a"),
        (
            "cv",
            {"Secrets": [{"Key": "k", "Secret": "a"}, {"Key": "k", "Secret": "b"}]},
            "secrets not found: a, b",
        ),
    ],
)
def test_what_cannot_be(client: Client, name: str, spec: dict[str, Any], message: str) -> None:
    client.init()
    reply = create(client, name, **spec)
    assert (reply.status, reply.message) == (400, f"rpc error: code = InvalidArgument desc = {message}")
    assert listed(client) == []


def test_names_are_unique_whatever_the_case(client: Client) -> None:
    client.init()
    create(client)
    reply = create(client, "CV")
    assert (reply.status, reply.message) == (
        500,
        "rpc error: code = Unknown desc = name conflicts with an existing object",
    )


def test_availability_may_be_updated(client: Client) -> None:
    client.init()
    version = create(client).json["ClusterVolume"]["Version"]["Index"]
    path = f"/volumes/cv?version={version}"
    assert client("PUT", path, {"Spec": {"Availability": "drain"}}).status == 200
    shown = client("GET", "/volumes/cv").json["ClusterVolume"]
    assert (shown["Spec"]["Availability"], shown["Version"]["Index"] > version) == ("drain", True)
    reply = client("PUT", path, {"Spec": {"Availability": "active"}})
    assert (reply.status, reply.message) == (500, "rpc error: code = Unknown desc = update out of sequence")
    assert client("PUT", "/volumes/nosuch?version=1", {}).message == "volume nosuch not found"


def test_without_its_driver_one_goes_by_force_only(client: Client) -> None:
    client.init()
    create(client)
    assert client("DELETE", "/volumes/cv").status == 204
    assert listed(client) == ["cv"]
    assert client("DELETE", "/volumes/cv?force=1").status == 204
    assert listed(client) == []
    reply = client("DELETE", "/volumes/cv")
    assert (reply.status, reply.message) == (404, "volume cv not found")
    assert client("DELETE", "/volumes/cv?force=1").status == 204


def test_only_managers_have_them(client: Client) -> None:
    reply = create(client)
    assert (reply.status, reply.message.startswith("This node is not a swarm manager.")) == (503, True)
    reply = client("PUT", "/volumes/cv?version=1", {})
    assert (reply.status, reply.message) == (
        503,
        "volume update only valid for cluster volumes, but swarm is unavailable",
    )
    assert client("DELETE", "/volumes/cv").message == "get cv: no such volume"
