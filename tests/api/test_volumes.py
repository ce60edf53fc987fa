import json
from pathlib import Path
from typing import Any

import pytest

from swarmlab.engine.container.volumes import Volumes

from .conftest import Client
from .live import Live


def create(client: Client, name: str = "", **fields: Any) -> Any:
    return client("POST", "/volumes/create", {"Name": name, **fields})


def names(client: Client, **filters: list[str]) -> list[str]:
    return [volume["Name"] for volume in client.filtered("/volumes", **filters).json["Volumes"]]


def test_a_volume_is_made_once(client: Client) -> None:
    made = create(client, "data", Labels={"b": "2", "a": "1"})
    assert made.status == 201
    assert made.json == {
        "CreatedAt": made.json["CreatedAt"],
        "Driver": "local",
        "Labels": {"a": "1", "b": "2"},
        "Mountpoint": str(client.engine.volumes.path("data")),
        "Name": "data",
        "Options": None,
        "Scope": "local",
    }
    assert Path(made.json["Mountpoint"]).is_dir()
    assert create(client, "data", Labels={"c": "3"}).json == made.json
    assert client("GET", "/volumes/data").json == made.json
    assert names(client) == ["data"]


def test_a_volume_without_a_name_is_anonymous(client: Client) -> None:
    made = create(client).json
    assert len(made["Name"]) == 64
    assert made["Labels"] == {"com.docker.volume.anonymous": ""}
    assert client("POST", "/volumes/create", b"null").status == 201


@pytest.mark.parametrize(
    ("name", "fields", "status", "message"),
    [
        ("x", {}, 400, "create x: volume name is too short, names should be at least two alphanumeric characters"),
        ("a/b", {}, 400, 'create a/b: "a/b" includes invalid characters for a local volume name, only '),
        ("../up", {}, 400, 'create ../up: "../up" includes invalid characters for a local volume name, only '),
        ("ok", {"Driver": "foo"}, 404, 'create ok: error looking up volume plugin foo: plugin "foo" not found'),
        ("ok", {"DriverOpts": {"foo": "1"}}, 400, 'create ok: invalid option: "foo"'),
        ("ok", {"DriverOpts": {"type": "nfs"}}, 400, 'create ok: missing required option: "device"'),
        ("ok", {"ClusterVolumeSpec": {}}, 503, "This node is not a swarm manager."),
        (1, {}, 400, "json: cannot unmarshal number into Go struct field VolumeCreateBody.Name of type string"),
    ],
)
def test_what_cannot_be_made(client: Client, name: Any, fields: Any, status: int, message: str) -> None:
    reply = create(client, name, **fields)
    assert (reply.status, reply.message[: len(message)]) == (status, message)
    assert names(client) == []


def test_volumes_of_one_engine_are_none_of_the_cluster_s(client: Client) -> None:
    create(client, "data")
    assert client("PUT", "/v1.41/volumes/data", {}).status == 404
    reply = client("PUT", "/volumes/data?version=1", {})
    unavailable = "volume update only valid for cluster volumes, but swarm is unavailable"
    assert (reply.status, reply.message) == (503, unavailable)
    client.init()
    reply = client("PUT", "/volumes/data?version=1", {})
    assert (reply.status, reply.message) == (404, "volume data not found")
    assert client("PUT", "/volumes/data?version=x", {}).status == 400
    # Who does not know of the cluster's makes one of the engine's.
    assert client("POST", "/v1.41/volumes/create", {"Name": "shared", "ClusterVolumeSpec": {}}).json["Scope"] == "local"
    assert client("GET", "/volumes/nope").message == "volume nope not found"
    assert client("GET", "/v1.41/volumes/nope").message == "get nope: no such volume"


def test_a_volume_that_is_there_stays_as_it_is_whatever_is_asked_of_it(client: Client) -> None:
    """MB: volume/service/store.go, `create`."""
    create(client, "data", DriverOpts={"type": "tmpfs", "device": "tmpfs"})
    reply = create(client, "data", DriverOpts={"foo": "bar"})
    assert (reply.status, reply.json["Options"]) == (201, {"type": "tmpfs", "device": "tmpfs"})
    assert create(client, "data", Driver="nope").status == 404


def test_a_volume_in_memory_is_empty_when_nobody_has_it(live: Live) -> None:
    """MB: volume/local, which mounts it for the first and unmounts it after the last; as seen on engine 20.10."""
    create(live.client, "fast", DriverOpts={"type": "tmpfs", "device": "tmpfs", "o": "size=1m,mode=750"})
    folder = live.engine.volumes.path("fast")
    for name in ("one", "two"):
        live.run("sleep", "99", name=name, HostConfig={"Binds": ["fast:/x"]})
    assert folder.stat().st_mode & 0o777 == 0o750
    (folder / "deep").mkdir()
    (folder / "deep" / "file").write_text("x")
    for name, left in (("one", ["deep"]), ("two", [])):
        live.client("POST", f"/containers/{name}/kill")
        assert [path.name for path in folder.iterdir()] == left


def test_a_volume_may_be_made_to_be_read_only(live: Live, tmp_path: Path) -> None:
    device = tmp_path / "device"
    device.mkdir()
    options = {"type": "none", "device": str(device), "o": "bind,ro"}
    create(live.client, "still", DriverOpts=options)
    live.run("sleep", "99", HostConfig={"Binds": ["still:/x"]})
    made = live.client("POST", "/containers/box/exec", {"Cmd": ["touch", "/x/y"], "AttachStderr": True}).json["Id"]
    assert b"Read-only file system" in live.client("POST", f"/exec/{made}/start", {}).body
    assert list(device.iterdir()) == []


def test_the_device_of_a_volume_has_to_be_there(live: Live) -> None:
    create(live.client, "disk", DriverOpts={"type": "ext4", "device": "/dev/nope"})
    folder = live.engine.volumes.path("disk")
    reply = live.create("true", HostConfig={"Binds": ["disk:/x"]})
    if reply.status == 201:
        reply = live.client("POST", "/containers/box/start")
    assert reply.message == (
        f"error while mounting volume '{folder}': failed to mount local volume: mount /dev/nope:{folder}: "
        "no such file or directory"
    )


def test_lists_are_filtered(live: Live) -> None:
    client = live.client
    create(client, "one", Labels={"a": "1"})
    create(client, "two")
    live.create("true", HostConfig={"Binds": ["two:/x"]})
    assert names(client, label=["a"]) == ["one"]
    assert names(client, label=["a=2"]) == []
    assert names(client, name=["tw"]) == ["two"]
    assert names(client, driver=["foo"]) == []
    assert names(client, dangling=["true"]) == ["one"]
    assert names(client, dangling=["0"]) == ["two"]
    assert names(client, dangling=["true", "false"]) == ["one", "two"]
    assert client.filtered("/volumes", dangling=["x"]).message == "Invalid filter 'dangling=[x]'"
    assert client.filtered("/volumes", foo=["x"]).message == "Invalid filter 'foo'"


def test_a_volume_in_use_stays(live: Live) -> None:
    made = live.create("true", HostConfig={"Binds": ["data:/x"]}).json["Id"]
    for query in ("", "?force=1"):
        reply = live.client("DELETE", f"/volumes/data{query}")
        assert (reply.status, reply.message) == (409, f"remove data: volume is in use - [{made}]")
    folder = live.engine.volumes.path("data")
    live.client("DELETE", "/containers/box?v=1")
    assert names(live.client) == ["data"]
    assert live.client("DELETE", "/volumes/data").status == 204
    assert not folder.exists()
    assert live.client("DELETE", "/volumes/data").message == "get data: no such volume"
    assert live.client("DELETE", "/volumes/data?force=1").status == 204


def test_anonymous_volumes_go_with_their_container(live: Live) -> None:
    live.create("true", Volumes={"/x": {}}, HostConfig={"Binds": ["named:/y"]})
    live.create("true", name="other", HostConfig={"VolumesFrom": ["box"]})
    mounts = {mount["Destination"]: mount for mount in live.inspect("other")["Mounts"]}
    anonymous = mounts["/x"]["Name"]
    assert live.inspect()["Config"]["Volumes"] == {"/x": {}}
    assert names(live.client) == ["named", anonymous]
    live.client("DELETE", "/containers/box?v=1")
    assert names(live.client) == ["named", anonymous]
    live.client("DELETE", "/containers/other?v=1")
    assert names(live.client) == ["named"]


@pytest.mark.parametrize(
    ("version", "filters", "deleted"),
    [
        ("1.41", {}, {"idle", "kept", "anonymous"}),
        ("1.42", {}, {"anonymous"}),
        ("1.42", {"all": ["1"]}, {"idle", "kept", "anonymous"}),
        ("1.42", {"all": ["1"], "label!": ["keep"]}, {"idle", "anonymous"}),
        ("1.42", {"all": ["1"], "label": ["keep=1"]}, {"kept"}),
    ],
)
def test_pruning(live: Live, version: str, filters: Any, deleted: set[str]) -> None:
    client = live.client
    create(client, "idle")
    create(client, "kept", Labels={"keep": "1"})
    create(client, "special", DriverOpts={"type": "tmpfs", "device": "tmpfs"})
    live.create("true", HostConfig={"Binds": ["used:/x"]})
    anonymous = create(client).json["Name"]
    live.engine.volumes.path("idle").joinpath("file").write_text("12345")
    reply = client("POST", f"/v{version}/volumes/prune", params={"filters": json.dumps(filters)}).json
    assert {"anonymous" if name == anonymous else name for name in reply["VolumesDeleted"]} == deleted
    assert reply["SpaceReclaimed"] == (5 if "idle" in deleted else 0)
    assert {"used", "special"} <= set(names(client))


def test_disk_usage_tells_how_much_volumes_hold(live: Live) -> None:
    live.create("true", HostConfig={"Binds": ["data:/x"]})
    live.engine.volumes.path("data").joinpath("file").write_text("12345")
    (row,) = live.client("GET", "/system/df").json["Volumes"]
    assert row["UsageData"] == {"RefCount": 1, "Size": 5}


def test_events(live: Live) -> None:
    made = live.run("sleep", "1000", HostConfig={"Binds": ["data:/x:ro"]})
    live.client("POST", "/containers/box/kill")
    live.client.run(live.engine.containers.wait(made))
    live.client("DELETE", "/containers/box")
    live.client("DELETE", "/volumes/data")
    found = [(e.action, dict(e.attributes)) for e in live.events.past() if e.type == "volume"]
    mounted = {"container": made, "destination": "/x", "driver": "local", "propagation": "", "read/write": "false"}
    assert found == [
        ("create", {"driver": "local"}),
        ("mount", mounted),
        ("unmount", {"container": made, "driver": "local"}),
        ("destroy", {"driver": "local"}),
    ]


def test_mounts_are_shown_and_found(live: Live, tmp_path: Path) -> None:
    host = {
        "Binds": ["data:/x", f"{tmp_path}:/b:ro"],
        "Mounts": [{"Type": "tmpfs", "Target": "/t"}],
    }
    live.create("true", HostConfig=host)
    source = str(live.engine.volumes.path("data"))
    shown = {
        "/x": {
            "Type": "volume", "Name": "data", "Source": source, "Destination": "/x", "Driver": "local", "Mode": "z",
            "RW": True, "Propagation": "",
        },
        "/b": {
            "Type": "bind", "Source": str(tmp_path), "Destination": "/b", "Mode": "ro", "RW": False,
            "Propagation": "rprivate",
        },
        "/t": {"Type": "tmpfs", "Source": "", "Destination": "/t", "Mode": "", "RW": True, "Propagation": ""},
    }  # fmt: skip
    assert {mount["Destination"]: mount for mount in live.inspect()["Mounts"]} == shown
    for value, count in (("data", 1), ("/x", 1), (str(tmp_path), 1), ("other", 0)):
        rows = live.client("GET", "/containers/json?all=1", params={"filters": json.dumps({"volume": [value]})}).json
        assert len(rows) == count, value


@pytest.mark.parametrize(
    ("host", "message"),
    [
        ({"Binds": ["a:b:c:d"]}, "invalid volume specification: 'a:b:c:d'"),
        ({"Binds": ["data:/x:foo"]}, "invalid mode: foo"),
        ({"Binds": ["data:/x:ro,rw"]}, "invalid mode: ro,rw"),
        ({"Binds": ["data:ro"]}, "invalid volume specification: 'data:ro'"),
        (
            {"Binds": ["/tmp:x"]},
            "invalid volume specification: '/tmp:x': invalid mount config for type \"bind\": "
            "invalid mount path: 'x' mount path must be absolute",
        ),
        ({"Binds": ["one:/x", "two:/x"]}, "Duplicate mount point: /x"),
        ({"Binds": ["one:/x"], "Tmpfs": {"/x": ""}}, "Duplicate mount point: /x"),
        ({"Tmpfs": {"x": ""}}, "invalid mount path: 'x' mount path must be absolute"),
        (
            {"Mounts": [{"Type": "bind", "Source": "/no/where", "Target": "/x"}]},
            'invalid mount config for type "bind": bind source path does not exist: /no/where',
        ),
        (
            {"Mounts": [{"Type": "volume", "Source": "data", "Target": "/"}]},
            "invalid mount config for type \"volume\": invalid specification: destination can't be '/'",
        ),
        (
            {"Mounts": [{"Type": "tmpfs", "Source": "data", "Target": "/x"}]},
            'invalid mount config for type "tmpfs": field Source must not be specified',
        ),
        ({"Mounts": [{"Type": "foo", "Target": "/x"}]}, 'invalid mount config for type "foo": mount type unknown'),
        ({"VolumesFrom": ["nope"]}, "No such container: nope"),
        ({"VolumesFrom": [""]}, "volumes-from specification cannot be an empty string"),
        ({"VolumesFrom": ["nope:zz"]}, "invalid mode: zz"),
        (
            {"Binds": ["fine:/y"], "Mounts": [{"Type": "volume", "Source": "x", "Target": "/x"}]},
            "create x: volume name is too short, names should be at least two alphanumeric characters",
        ),
        ({"Binds": ["/nowhere/docker.sock:/x"]}, "mounting the socket or device /nowhere/docker.sock is not"),
    ],
)
def test_mounts_that_make_no_sense(live: Live, host: Any, message: str) -> None:
    reply = live.create("true", HostConfig=host)
    assert reply.message[: len(message)] == message
    assert names(live.client) == []


@pytest.mark.parametrize("path", ["/var/run/docker.sock", "/run/docker.sock"])
@pytest.mark.parametrize("how", ["Binds", "Mounts"])
def test_the_engines_own_socket_can_be_mounted(live: Live, tmp_path: Path, path: str, how: str) -> None:
    live.engine.volumes = Volumes("node-1", live.engine.store, tmp_path / "more", live.events, live.client.socket)
    live.engine.containers._volumes = live.engine.volumes
    host: Any = (
        {"Binds": [f"{path}:/s"]} if how == "Binds" else {"Mounts": [{"Type": "bind", "Source": path, "Target": "/s"}]}
    )
    live.run("sleep", "1000", HostConfig=host)
    (mount,) = live.inspect()["Mounts"]
    assert (mount["Type"], mount["Source"], mount["Destination"], mount["RW"]) == ("bind", path, "/s", True)
    (given,) = live.engine.volumes.mounted(live.engine.containers.find("box"))
    assert (given.target, given.source, given.socket) == ("/s", live.client.socket, True)


def test_the_source_of_a_bind_is_made_when_the_container_starts(live: Live, tmp_path: Path) -> None:
    wanted = tmp_path / "new" / "folder"
    live.create("true", HostConfig={"Binds": [f"{wanted}:/x"]})
    assert not wanted.exists()
    assert live.client("POST", "/containers/box/start").status == 204
    assert wanted.is_dir()
    (tmp_path / "file").touch()
    live.create("true", name="other", HostConfig={"Binds": [f"{tmp_path}/file/below:/x"]})
    reply = live.client("POST", "/containers/other/start")
    text = (
        f"error while creating mount source path '{tmp_path}/file/below': mkdir {tmp_path}/file/below: not a directory"
    )
    assert (reply.status, reply.message) == (500, text)


def test_copying_into_a_volume(live: Live) -> None:
    live.run("sleep", "1000", HostConfig={"Binds": ["data:/x", "locked:/y:ro"]})
    archive = live.client("GET", "/containers/box/archive?path=/etc/hostname").body
    assert live.client("PUT", "/containers/box/archive?path=/x", archive).status == 200
    assert live.engine.volumes.path("data").joinpath("hostname").is_file()
    reply = live.client("PUT", "/containers/box/archive?path=/y", archive)
    assert (reply.status, reply.message) == (500, "mounted volume is marked read-only")


def test_a_volume_may_be_a_bind(live: Live, tmp_path: Path) -> None:
    options = {"type": "none", "o": "bind", "device": str(tmp_path / "there")}
    create(live.client, "data", DriverOpts=options)
    missing = live.create("true", HostConfig={"Binds": ["data:/x"]})
    assert missing.status == 500
    assert missing.message.startswith("error while mounting volume '")
    (tmp_path / "there").mkdir()
    live.run("sh", "-c", "echo hi > /x/f", HostConfig={"Binds": ["data:/x"]})
    live.pass_until("die", 10)
    assert (tmp_path / "there" / "f").read_text() == "hi\n"


def test_what_was_given_as_empty_is_not_null(live: Live) -> None:
    for number, (fields, shown) in enumerate((
        ({"Labels": {}, "DriverOpts": {}}, ({}, {})),
        ({"Labels": None}, (None, None)),
        ({"DriverOpts": {}}, (None, {})),
    )):  # fmt: skip
        made = create(live.client, f"vol{number}", **fields)
        found = live.client("GET", f"/volumes/vol{number}").json
        assert (found["Labels"], found["Options"]) == shown
        assert made.json == found
