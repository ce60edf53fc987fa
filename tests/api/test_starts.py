"""What containers made by hand are refused for when they are made, started and asked (MB: daemon)."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from swarmlab.images.overlay2 import layer_name

from .live import Live, frames

INIT = (
    "failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: "
    "error during container init: "
)
TRYING = (
    "not a directory: unknown: Are you trying to mount a directory onto a file (or vice-versa)? "
    "Check if the specified host path exists and is the expected type"
)


def started(live: Live, *command: str, **body: Any) -> tuple[int, str]:
    assert live.create(*command, **body).status == 201
    reply = live.client("POST", "/containers/box/start")
    return reply.status, reply.message if reply.body else ""


def test_each_line_of_a_log_goes_with_the_labels_and_variables_that_were_asked_for(live: Live) -> None:
    options = {"labels": "x,none", "labels-regex": "^y", "env": "FOO", "tag": "{{.Name}}/{{ .ImageName }}"}
    live.run(
        "sh", "-c", "echo 1; echo 2", Env=["FOO=a b", "BAR=c"], Labels={"x": "1", "y2": "2", "z": "3"},
        HostConfig={"LogConfig": {"Type": "json-file", "Config": options}},
    )  # fmt: skip
    live.pass_until("die", 3600)
    said = frames(live.client("GET", "/v1.41/containers/box/logs?stdout=1&details=1").body)
    assert b"".join(data for _, data in said).splitlines() == [
        b"FOO=a+b,tag=box%2Falpine,x=1,y2=2 1",
        b"FOO=a+b,tag=box%2Falpine,x=1,y2=2 2",
    ]


def test_what_is_no_text_is_replaced_in_a_log_of_json(live: Live) -> None:
    """Go: encoding/json; other drivers keep bytes."""
    for name, driver, said in (
        ("json", "json-file", b"a\xef\xbf\xbd\xef\xbf\xbdb\n"),
        ("bytes", "local", b"a\xff\xfeb\n"),
    ):
        live.run("printf", r"a\377\376b\n", name=name, HostConfig={"LogConfig": {"Type": driver, "Config": {}}})
        live.client("POST", f"/containers/{name}/wait")
        found = frames(live.client("GET", f"/containers/{name}/logs?stdout=1").body)
        assert found == [(1, said)]


def test_a_log_that_cannot_begin_is_an_error_of_the_engine(live: Live) -> None:
    config = {"LogConfig": {"Type": "", "Config": {"max-size": "x"}}}
    reason = "failed to initialize logging driver: invalid size: 'x'"
    assert started(live, "true", HostConfig=config) == (500, reason)
    state = live.inspect()["State"]
    assert (state["Status"], state["ExitCode"], state["Error"]) == ("created", 128, reason)


def test_a_directory_is_not_mounted_on_a_file_of_the_image(live: Live, tmp_path: Path) -> None:
    """runc: libcontainer/rootfs_linux.go."""
    text = (
        f'{INIT}error mounting "{tmp_path}" to rootfs at "/etc/passwd": mount {tmp_path}:/etc/passwd '
        f"(via /proc/self/fd/6), flags: 0x5000: {TRYING}"
    )
    assert started(live, "true", HostConfig={"Binds": [f"{tmp_path}:/etc/passwd"]}) == (400, text)
    assert live.status() == ("created", 127)


@pytest.mark.parametrize("target", ["/etc", "/bin"])
def test_a_file_is_not_mounted_on_a_directory_of_the_image(live: Live, tmp_path: Path, target: str) -> None:
    (tmp_path / "file").write_text("x")
    status, text = started(live, "true", HostConfig={"Binds": [f"{tmp_path}/file:{target}:ro"]})
    assert (status, text.endswith(f"flags: 0x5001: {TRYING}")) == (400, True)


@pytest.mark.parametrize("target", ["/etc/passwd", "/etc/hosts", "/new", "/etc/new/deep"])
def test_a_file_is_mounted_on_a_file_or_where_nothing_is(live: Live, tmp_path: Path, target: str) -> None:
    (tmp_path / "file").write_text("x")
    assert started(live, "true", HostConfig={"Binds": [f"{tmp_path}/file:{target}"]})[0] == 204


def test_an_empty_volume_cannot_have_what_a_file_holds(live: Live) -> None:
    """MB: daemon/create_unix.go, which copies it when the container is made."""
    reply = live.create("true", HostConfig={"Binds": ["data:/etc/passwd"]})
    assert (reply.status, reply.message.startswith("source /var/lib/docker/overlay2/")) == (500, True)
    assert reply.message.endswith("/merged/etc/passwd is not directory")
    status, text = started(live, "true", HostConfig={"Binds": ["data:/etc/passwd:nocopy"]})
    assert (status, text.endswith(f"flags: 0x5000: {TRYING}")) == (400, True)


def test_a_volume_without_a_name_is_not_put_on_a_file(live: Live) -> None:
    """MB: daemon/create_unix.go. What could not be made was there for a moment: it is told of when it goes."""
    reply = live.create("true", Volumes={"/etc/passwd": {}})
    assert reply.status == 500
    assert reply.message.startswith("cannot mount volume over existing file, file exists /var/lib/docker/overlay2/")
    assert [(e.type, e.action) for e in live.events.past() if e.type == "container"] == [("container", "destroy")]
    assert live.client("GET", "/volumes").json["Volumes"] == []


def test_who_does_not_stop_in_time_is_killed_and_that_is_told(live: Live) -> None:
    """MB: daemon/stop.go."""
    live.run("sleep", "99")
    box = live.engine.containers.find("box").id

    async def stop() -> None:
        stopping = asyncio.ensure_future(live.engine.containers.stop(box, 5))
        for _ in range(50):
            await asyncio.sleep(0)
        live.clock.advance(5)
        await stopping

    live.client.run(stop())
    told = [(e.action, e.attributes.get("signal")) for e in live.events.past() if e.type == "container"]
    assert told[-4:] == [("kill", "15"), ("kill", "9"), ("die", None), ("stop", None)]


def test_who_gets_no_port_leaves_its_network(live: Live) -> None:
    binding = {"PortBindings": {"80/tcp": [{"HostPort": "18080"}]}}
    live.run("sleep", "9", name="first", ExposedPorts={"80/tcp": {}}, HostConfig=binding)
    assert started(live, "true", ExposedPorts={"80/tcp": {}}, HostConfig=binding)[0] == 500
    told = [(e.type, e.action) for e in live.events.past()]
    assert told[-2:] == [("container", "create"), ("network", "disconnect")]


def test_who_cannot_have_a_device_has_been_on_its_network(live: Live) -> None:
    """MB: daemon/start.go: networks come before what is asked of the machine."""
    device = {"PathOnHost": "/dev/nope", "PathInContainer": "/dev/nope", "CgroupPermissions": "rwm"}
    assert started(live, "true", HostConfig={"Devices": [device]})[0] == 500
    told = [(e.type, e.action) for e in live.events.past()]
    assert told == [("container", "create"), ("network", "connect"), ("network", "disconnect")]
    assert live.status() == ("created", 128)


def test_a_working_directory_cannot_be_in_a_file(live: Live) -> None:
    reply = live.create("true", WorkingDir="/etc/passwd/x")
    assert reply.status == 500
    assert reply.message.startswith("lstat /var/lib/docker/overlay2/")
    assert reply.message.endswith("/merged/etc/passwd/x: not a directory")
    assert len(layer_name("any")) == len(reply.message.split("/")[5])


@pytest.mark.parametrize("user", ["2147483648", "-1", "1:2147483648", "root:-1"])
def test_a_number_that_nobody_can_have(live: Live, user: str) -> None:
    """runc: libcontainer/user/user.go."""
    assert started(live, "true", User=user) == (500, "uids and gids must be in range 0-2147483647")


def test_a_tmpfs_with_an_unknown_option_is_refused_at_the_start(live: Live) -> None:
    """MB: mount.MergeTmpfsOptions."""
    config = {"Tmpfs": {"/x": "size=1m,foo=1"}}
    assert started(live, "true", HostConfig=config) == (500, 'invalid tmpfs option ["foo" "1"]')


def test_a_port_that_is_taken_is_told_with_the_address_that_was_asked_for(live: Live) -> None:
    binding = {"PortBindings": {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "18080"}]}}
    live.run("sleep", "9", name="first", ExposedPorts={"80/tcp": {}}, HostConfig=binding)
    status, text = started(live, "true", ExposedPorts={"80/tcp": {}}, HostConfig=binding)
    assert (status, text.endswith("Bind for 127.0.0.1:18080 failed: port is already allocated")) == (500, True)


def test_a_signal_that_linux_does_not_have(live: Live) -> None:
    """MB: daemon/kill.go. One may be named as the signal that stops a container: it does nothing then."""
    live.run("sleep", "99", StopSignal="99")
    reply = live.client("POST", "/containers/box/kill?signal=99")
    text = "Cannot kill container: box: The linux daemon does not support signal 99"
    assert (reply.status, reply.message) == (400, text)


def test_shares_of_the_processor_that_a_running_container_cannot_have(live: Live) -> None:
    made = live.run("sleep", "99")
    reply = live.client("POST", "/containers/box/update", {"CpuShares": 1})
    assert (reply.status, reply.message) == (
        500,
        f"Cannot update container {made}: runc did not terminate successfully: exit status 1: "
        "the minimum allowed cpu-shares is 2\n: unknown",
    )
    assert live.inspect()["HostConfig"]["CpuShares"] == 0


def test_a_command_does_not_work_in_a_relative_directory(live: Live) -> None:
    """runc: libcontainer/specconv. The keys that leave a command are called escape keys (MB: daemon/exec.go)."""
    live.run("sleep", "99")
    made = live.client("POST", "/containers/box/exec", {"Cmd": ["true"], "WorkingDir": "rel", "AttachStdout": True})
    reply = live.client("POST", f"/exec/{made.json['Id']}/start", {})
    assert b"OCI runtime exec failed: exec failed: Cwd must be an absolute path: unknown" in reply.body
    refused = live.client("POST", "/containers/box/exec", {"Cmd": ["true"], "DetachKeys": "foo"})
    assert refused.message == "Invalid escape keys (foo) provided"


def test_another_container_s_memory_is_joined_if_that_container_shares_it(live: Live) -> None:
    """MB: daemon/container_operations_unix.go."""
    donor = live.run("sleep", "99", name="donor")
    status, text = started(live, "true", HostConfig={"IpcMode": "container:donor"})
    assert (status, text) == (
        500,
        f"can't join IPC of container {donor}: non-shareable IPC (hint: use IpcMode:shareable for the donor container)",
    )
    assert live.inspect()["HostConfig"]["IpcMode"] == f"container:{donor}"
    sharing = live.run("sleep", "99", name="sharing", HostConfig={"IpcMode": "shareable"})
    live.run("sleep", "99", name="guest", HostConfig={"IpcMode": "container:sharing"})
    live.run("true", name="other", HostConfig={"IpcMode": "container:guest"})
    live.client("DELETE", "/containers/sharing?force=1")
    live.client("POST", "/containers/guest/kill")
    reply = live.client("POST", "/containers/guest/start")
    gone = f"can't join IPC of container {sharing}: No such container: {sharing}"
    assert (reply.status, reply.message) == (500, gone)


def test_processes_of_a_container_that_does_not_run_are_not_joined(live: Live) -> None:
    other = live.create("true", name="other").json["Id"]
    assert started(live, "true", HostConfig={"PidMode": "container:other"}) == (
        500,
        f"container {other} is not running",
    )
    assert live.inspect()["HostConfig"]["PidMode"] == f"container:{other}"


def test_nothing_is_hidden_from_a_privileged_container(live: Live) -> None:
    """MB: daemon/create_unix.go. A limit of 0 is told as such (docker/go-units, `Ulimit`)."""
    live.create("true", HostConfig={"Privileged": True, "Ulimits": [{"Name": "core", "Soft": 0, "Hard": 0}]})
    host = live.inspect()["HostConfig"]
    assert (host["MaskedPaths"], host["ReadonlyPaths"]) == (None, None)
    assert host["Ulimits"] == [{"Name": "core", "Hard": 0, "Soft": 0}]
    live.create("true", name="plain")
    assert "/proc/kcore" in live.inspect("plain")["HostConfig"]["MaskedPaths"]


def test_a_container_is_told_of_those_that_it_is_linked_to(live: Live) -> None:
    """MB: daemon/links/links.go; recorded from engine 20.10."""
    live.create("sleep", "99", name="db", Env=["X=y", "PATH=/bin"], ExposedPorts={
        "80/tcp": {}, "53/udp": {}, "90/tcp": {}, "91/tcp": {}, "92/tcp": {}
    })  # fmt: skip
    host = {"Links": ["db:my-db"]}
    reason = "Cannot link to a non running container: /db AS /box/my-db"
    assert started(live, "sleep", "99", HostConfig=host) == (500, reason)
    assert live.status() == ("created", 128)
    live.client("POST", "/containers/db/start")
    at = live.inspect("db")["NetworkSettings"]["Networks"]["bridge"]["IPAddress"]
    live.client("POST", "/containers/box/start")
    made = live.client("POST", "/containers/box/exec", {"Cmd": ["env"], "AttachStdout": True}).json["Id"]
    said = b"".join(data for _, data in frames(live.client("POST", f"/exec/{made}/start", {}).body))
    lines = [line[6:] for line in said.decode().splitlines() if line.startswith("MY_DB_")]
    told = dict(line.split("=", 1) for line in lines)
    each = {
        f"PORT_{port}_{kind.upper()}{end}": value
        for port, kind in ((53, "udp"), (80, "tcp"), (90, "tcp"), (91, "tcp"), (92, "tcp"))
        for end, value in (
            ("", f"{kind}://{at}:{port}"), ("_ADDR", at), ("_PORT", str(port)), ("_PROTO", kind)
        )
    }  # fmt: skip
    assert told == {
        **each, "PORT": f"udp://{at}:53", "NAME": "/box/my-db", "ENV_X": "y",
        "PORT_90_TCP_START": f"tcp://{at}:90", "PORT_90_TCP_PORT_START": "90",
        "PORT_90_TCP_END": f"tcp://{at}:92", "PORT_90_TCP_PORT_END": "92",
    }  # fmt: skip


def test_a_link_is_a_name_that_can_be_removed(live: Live) -> None:
    """MB: daemon/delete.go, rmLink."""
    db = live.run("sleep", "99", name="db")
    live.run("sleep", "99", HostConfig={"Links": ["db", "db:other"]})
    [row] = [row for row in live.client("GET", "/containers/json").json if row["Id"] == db]
    assert row["Names"] == ["/db", "/box/db", "/box/other"]
    assert live.inspect("box/other")["Id"] == db
    assert live.client("DELETE", "/containers/box/other?link=1").status == 204
    assert live.inspect()["HostConfig"]["Links"] == ["/db:/box/db"]
    assert live.client("DELETE", "/containers/box/other?link=1").message == "No such container: box/other"
    refused = live.client("DELETE", "/containers/box?link=1")
    assert refused.message == "Conflict, cannot remove the default link name of the container"


@pytest.mark.parametrize(
    ("host", "status", "text"),
    [
        ({"Links": [""]}, 500, "empty string specified for links"),
        ({"Links": ["a:b:c"]}, 500, "bad format for links: a:b:c"),
        ({"Links": [":x"]}, 400, 'could not get container for : invalid name or ID supplied: ""'),
        ({"PortBindings": {"80/tcp": [{"HostPort": "90-80"}]}}, 400, 'invalid port specification: "90-80"'),
        ({"PortBindings": {"80-82/tcp": [{"HostPort": "80"}]}}, 400, 'invalid port specification: "80-82"'),
    ],
)
def test_what_cannot_be_made(live: Live, host: dict[str, Any], status: int, text: str) -> None:
    reply = live.create("true", HostConfig=host)
    assert (reply.status, reply.message) == (status, text)


def test_what_is_taken_as_it_is(live: Live) -> None:
    """A policy without a name may count (MB: api/types/container); runc reads no more than a user and a group."""
    live.run("true", User="0:0:0", HostConfig={"RestartPolicy": {"Name": "", "MaximumRetryCount": 3}})
