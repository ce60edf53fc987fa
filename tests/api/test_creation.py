"""Containers by hand: what they are made of, what is shown of that, and what is refused."""

from typing import Any

import pytest

from .live import Live


def test_the_image_gives_what_was_not_asked_for(live: Live) -> None:
    assert live.client("POST", "/containers/create", {"Image": "nginx:alpine"}).status == 201
    name = live.engine.containers.list(all=True)[0].name
    found = live.inspect(name)
    assert "_" in name
    assert (found["Path"], found["Args"]) == ("nginx", ["-g", "daemon off;"])
    assert found["Config"]["Env"][0].startswith("PATH=")
    assert found["Config"]["ExposedPorts"] == {"80/tcp": {}}
    assert found["Config"]["Hostname"] == found["Id"][:12]
    assert found["HostConfig"]["NetworkMode"] == "default"
    assert found["HostConfig"]["LogConfig"] == {"Type": "json-file", "Config": {}}


@pytest.mark.parametrize(
    ("body", "path", "args"),
    [
        ({"Cmd": ["echo", "a"]}, "echo", ["a"]),
        ({"Cmd": "echo"}, "echo", []),
        ({"Entrypoint": ["sh"]}, "sh", []),
        ({"Entrypoint": "sh", "Cmd": ["-c", "true"]}, "sh", ["-c", "true"]),
        ({"Entrypoint": [""], "Cmd": ["true"]}, "true", []),
        ({"Entrypoint": []}, "/bin/sh", []),
    ],
)
def test_commands_and_entrypoints(live: Live, body: dict[str, Any], path: str, args: list[str]) -> None:
    reply = live.client("POST", "/containers/create?name=box", {"Image": "alpine", **body})
    assert reply.status == 201, reply.body
    assert (live.inspect()["Path"], live.inspect()["Args"]) == (path, args)


def test_what_was_asked_for_is_shown(live: Live) -> None:
    live.create(
        "true",
        Env=["A=b", "PATH"],
        User="nobody",
        WorkingDir="/tmp/",
        Labels={"x": "y"},
        AttachStdout=True,
        StopSignal="SIGINT",
        StopTimeout=25,
        HostConfig={
            "Binds": ["data:/data"],
            "CgroupnsMode": "private",
            "DeviceCgroupRules": ["c 7:128 rwm"],
            "LogConfig": {"Config": {"max-file": "100"}},
            "Memory": 64 << 20,
            "Dns": ["1.1.1.1"],
            "RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 3},
            "PortBindings": {"80/tcp": [{"HostPort": "8080"}]},
            "Init": True,
        },
    )
    found = live.inspect()
    config, host = found["Config"], found["HostConfig"]
    assert config["Env"] == ["A=b", "PATH"]
    assert config["StopTimeout"] == 25
    assert (host["CgroupnsMode"], host["DeviceCgroupRules"]) == ("private", ["c 7:128 rwm"])
    assert host["LogConfig"] == {"Type": "json-file", "Config": {"max-file": "100"}}
    assert (config["User"], config["WorkingDir"], config["Labels"]) == ("nobody", "/tmp", {"x": "y"})
    assert (config["AttachStdout"], config["AttachStderr"], config["StopSignal"]) == (True, False, "SIGINT")
    assert (host["Binds"], host["Memory"], host["Dns"], host["Init"]) == (["data:/data"], 64 << 20, ["1.1.1.1"], True)
    assert host["RestartPolicy"] == {"Name": "on-failure", "MaximumRetryCount": 3}
    assert host["PortBindings"] == {"80/tcp": [{"HostIp": "", "HostPort": "8080"}]}
    assert host["PidsLimit"] is None
    assert list(found["NetworkSettings"]["Networks"]) == ["bridge"]


@pytest.mark.parametrize(
    ("name", "body", "code", "message"),
    [
        ("x1", {}, 400, "Config cannot be empty in order to create a container"),
        ("x1", {"HostConfig": {"CapAdd": "x"}}, 400, "Config cannot be empty in order to create a container"),
        ("x1", {"Image": "nosuch"}, 404, "No such image: nosuch:latest"),
        ("x1", {"Image": "UPPER"}, 400, "invalid reference format: repository name must be lowercase"),
        ("-x", {"Image": "alpine"}, 400,
         "Invalid container name (-x), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed"),
        ("x1", {"Image": "alpine", "WorkingDir": "x"}, 400,
         "the working directory 'x' is invalid, it needs to be an absolute path"),
        ("x1", {"Image": "alpine", "Env": ["=x"]}, 400, "invalid environment variable: =x"),
        ("x1", {"Image": "alpine", "StopSignal": "BAD"}, 400, "Invalid signal: BAD"),
        ("x1", {"Image": "alpine", "Entrypoint": [""]}, 400, "No command specified"),
        ("x1", {"Image": "alpine", "HostConfig": {"Memory": 1000}}, 400, "Minimum memory limit allowed is 6MB"),
        ("x1", {"Image": "alpine", "HostConfig": {"CgroupnsMode": "bad"}}, 400, "invalid cgroup namespace mode: bad"),
        ("x1", {"Image": "alpine", "HostConfig": {"Isolation": "bad"}}, 500,
         "Invalid isolation: \"bad\" - linux only supports 'default'"),
        ("x1", {"Image": "alpine", "HostConfig": {"LogConfig": {"Type": "bad"}}}, 400,
         'error looking up logging plugin bad: plugin "bad" not found'),
        ("x1", {"Image": "alpine", "HostConfig": {"LogConfig": {"Config": {"bad": "1"}}}}, 400,
         "unknown log opt 'bad' for json-file log driver"),
        ("x1", {"Image": "alpine", "HostConfig": {"RestartPolicy": {"Name": "bad"}}}, 400,
         "invalid restart policy 'bad'"),
        ("x1", {"Image": "alpine", "HostConfig": {"RestartPolicy": {"Name": "always", "MaximumRetryCount": 2}}}, 400,
         "maximum retry count cannot be used with restart policy 'always'"),
        ("x1",
         {"Image": "alpine", "HostConfig": {"RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": -1}}}, 400,
         "maximum retry count cannot be negative"),
        ("x1", {"Image": "alpine", "HostConfig": {"AutoRemove": True, "RestartPolicy": {"Name": "always"}}}, 400,
         "can't create 'AutoRemove' container with restart policy"),
        ("x1", {"Image": "alpine", "HostConfig": {"PortBindings": {"x/tcp": []}}}, 400,
         'invalid port specification: "x"'),
        ("x1", {"Image": "alpine", "HostConfig": {"PortBindings": {"80/tcp": [{"HostPort": "x"}]}}}, 400,
         'invalid port specification: "x"'),
        ("x1", {"Image": "alpine", "Cmd": 3}, 400,
         "json: cannot unmarshal number into Go struct field CreateRequest.Cmd of type string"),
        ("x1", {"Image": "alpine", "ExposedPorts": {"80/tcp": 1}}, 400,
         "json: cannot unmarshal number into Go struct field CreateRequest.ExposedPorts of type struct {}"),
    ],
)  # fmt: skip
def test_nonsense_is_refused(live: Live, name: str, body: dict[str, Any], code: int, message: str) -> None:
    reply = live.client("POST", f"/containers/create?name={name}", body)
    assert (reply.status, reply.message) == (code, message)


def test_a_name_belongs_to_one(live: Live) -> None:
    first = live.create("true").json["Id"]
    reply = live.create("true")
    assert reply.status == 409
    assert reply.message.startswith(f'Conflict. The container name "/box" is already in use by container "{first}".')
    live.create("true", name="other")
    renamed = live.client("POST", "/containers/other/rename?name=box")
    assert (renamed.status, renamed.message.startswith("Error when allocating new name: Conflict.")) == (409, True)
    assert live.client("POST", "/containers/other/rename?name=other").status == 400
    assert live.client("POST", "/containers/other/rename?name=").message == "Neither old nor new names may be empty"
    assert live.client("POST", "/containers/other/rename?name=third").status == 204
    assert live.inspect("third")["Name"] == "/third"
    assert live.actions()[-1] == "rename"


def test_a_list_is_null_unless_it_was_given(live: Live) -> None:
    lists = ("Binds", "CapAdd", "Devices", "Dns", "BlkioDeviceReadBps", "Ulimits", "VolumesFrom")
    live.create("true", HostConfig={"PortBindings": {}, "Tmpfs": {}, "Sysctls": {}, **{name: [] for name in lists}})
    given = live.inspect()["HostConfig"]
    assert [given[name] for name in (*lists, "PortBindings")] == [[]] * len(lists) + [{}]
    assert given["DnsSearch"] is None
    assert not {"GivenEmpty", "Tmpfs", "Sysctls"} & set(given)
    live.create("true", name="plain", HostConfig={"Dns": None, "GivenEmpty": ["Dns"]})
    plain = live.client("GET", "/containers/plain/json").json["HostConfig"]
    assert [plain[name] for name in (*lists, "PortBindings")] == [None] * (len(lists) + 1)


def test_an_empty_entrypoint_takes_the_image_s_away(live: Live) -> None:
    image = live.client("GET", "/images/redis/json").json["Config"]
    assert image["Entrypoint"]
    for name, asked, expected in (
        ("none", {"Entrypoint": []}, image["Cmd"]),
        ("own", {"Entrypoint": [], "Cmd": ["ls", "-l"]}, ["ls", "-l"]),
        ("kept", {"Cmd": ["ls"]}, [*image["Entrypoint"], "ls"]),
    ):
        reply = live.client("POST", f"/containers/create?name={name}", {"Image": "redis", **asked})
        assert reply.status == 201
        details = live.client("GET", f"/containers/{name}/json").json
        assert [details["Path"], *details["Args"]] == expected


@pytest.mark.parametrize(("asked", "kept"), [(-1, None), (0, None), (7, 7)])
def test_no_limit_of_processes_is_none_however_it_is_said(live: Live, asked: int, kept: int | None) -> None:
    live.create("true", HostConfig={"PidsLimit": asked})
    assert live.inspect()["HostConfig"]["PidsLimit"] == kept
