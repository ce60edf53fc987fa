import asyncio
import json
from typing import Any

import pytest

from .live import Live


def status(live: Live, name: str = "box") -> tuple[str, int]:
    state = live.inspect(name)["State"]
    return state["Status"], state["ExitCode"]


def test_a_container_is_made_started_and_stopped(live: Live) -> None:
    made = live.create("sh", "-c", "trap 'exit 5' TERM; echo up; while true; do sleep 1; done")
    assert made.json["Warnings"] == []
    assert status(live) == ("created", 0)
    assert live.client("POST", "/containers/box/start").status == 204
    assert live.client("POST", "/containers/box/start").status == 304
    assert status(live) == ("running", 0)
    # Before it says so its trap is not set.
    while b"up" not in live.client("GET", "/containers/box/logs?stdout=1").body:
        pass
    assert live.client("POST", "/containers/box/stop?t=1000").status == 204
    assert live.client("POST", "/containers/box/stop").status == 304
    assert status(live) == ("exited", 5)
    assert live.actions() == ["create", "connect", "start", "kill", "die", "disconnect", "stop"]
    assert live.client("DELETE", "/containers/box").status == 204
    assert live.client("GET", "/containers/box/json").status == 404
    assert live.actions()[-1] == "destroy"


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
        ("x1", {"Image": "alpine", "HostConfig": {"RestartPolicy": {"MaximumRetryCount": -1}}}, 400,
         "maximum retry count cannot be negative"),
        ("x1", {"Image": "alpine", "HostConfig": {"AutoRemove": True, "RestartPolicy": {"Name": "always"}}}, 400,
         "can't create 'AutoRemove' container with restart policy"),
        ("x1", {"Image": "alpine", "HostConfig": {"PortBindings": {"x/tcp": []}}}, 400,
         'invalid port specification: "x/tcp"'),
        ("x1", {"Image": "alpine", "HostConfig": {"PortBindings": {"80/tcp": [{"HostPort": "x"}]}}}, 400,
         'invalid port specification: "x"'),
        ("x1", {"Image": "alpine", "Cmd": 3}, 400,
         "json: cannot unmarshal number into Go struct field CreateRequest.Cmd of type strslice.StrSlice"),
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


def test_a_program_that_is_not_there_leaves_a_container_that_was_not_started(live: Live) -> None:
    live.create("nosuch")
    reply = live.client("POST", "/containers/box/start")
    assert reply.status == 400
    assert reply.message.endswith('exec: "nosuch": executable file not found in $PATH: unknown')
    assert status(live) == ("created", 127)
    assert live.inspect()["State"]["Error"] == reply.message
    assert live.client("GET", "/containers/json?all=1").json[0]["Status"] == "Created"
    live.create("true", name="who", User="joe")
    unknown = live.client("POST", "/containers/who/start")
    assert unknown.message == "unable to find user joe: no matching entries in passwd file"


def test_a_running_container_is_removed_by_force_only(live: Live) -> None:
    made = live.run("sleep", "1000")
    reply = live.client("DELETE", "/containers/box")
    assert reply.status == 409
    assert reply.message == (
        f"You cannot remove a running container {made}. Stop the container before attempting removal or force remove"
    )
    assert live.client("DELETE", "/containers/box?link=1").status == 500
    assert live.client("DELETE", "/containers/box?force=1").status == 204
    assert live.actions()[-4:] == ["kill", "die", "disconnect", "destroy"]
    assert live.client("DELETE", "/containers/box?force=1").status == 404


def test_signals(live: Live) -> None:
    made = live.run("sleep", "1000")
    assert live.client("POST", "/containers/box/kill?signal=BAD").message == "Invalid signal: BAD"
    assert live.client("POST", "/containers/box/kill?signal=TERM").status == 204
    assert status(live) == ("running", 0)
    assert live.client("POST", "/containers/box/kill?signal=9").status == 204
    live.pass_until("die", 0)
    assert status(live) == ("exited", 137)
    reply = live.client("POST", "/containers/box/kill")
    assert (reply.status, reply.message) == (409, f"Cannot kill container: box: Container {made} is not running")
    assert [e.attributes["signal"] for e in live.events.past() if e.action == "kill"] == ["15", "9"]


def test_restart(live: Live) -> None:
    live.run("sh", "-c", "trap 'exit 0' TERM; sleep 1000")
    before = live.inspect()["State"]["Pid"]
    assert live.client("POST", "/containers/box/restart?t=1000").status == 204
    assert live.inspect()["State"]["Pid"] != before
    assert live.actions()[-7:] == ["kill", "die", "disconnect", "stop", "connect", "start", "restart"]
    assert live.client("POST", "/containers/box/restart?t=x").status == 400


@pytest.mark.parametrize(
    ("condition", "command", "met_by"),
    [("", "sleep", "kill"), ("next-exit", "sleep", "kill"), ("removed", "sleep", "rm")],
)
def test_waiting(live: Live, condition: str, command: str, met_by: str) -> None:
    live.run(command, "1000")

    async def work() -> Any:
        session = await live.client.connect()
        async with session.post(f"http://docker/containers/box/wait?condition={condition}") as response:
            # The head has come; the body is yet to.
            assert response.status == 200
            await live.engine.by_hand.kill("box", "KILL")
            if met_by == "rm":
                await live.engine.by_hand.remove("box", force=True)
            return json.loads(await response.read())

    assert live.client.run(work()) == {"StatusCode": 137}


def test_who_does_not_run_is_not_waited_for(live: Live) -> None:
    live.run("sh", "-c", "exit 3")
    live.pass_until("die", 0)
    assert live.client("POST", "/containers/box/wait").json == {"StatusCode": 3}
    bad = live.client("POST", "/containers/box/wait?condition=bad")
    assert (bad.status, bad.message) == (400, 'invalid condition: "bad"')
    assert live.client("POST", "/containers/nosuch/wait").status == 404


def test_one_that_removes_itself_is_gone_when_it_has_ended(live: Live) -> None:
    live.run("sh", "-c", "exit 3", HostConfig={"AutoRemove": True})
    live.pass_until("destroy", 0)
    assert live.client("GET", "/containers/box/json").status == 404
    live.create("nosuch", HostConfig={"AutoRemove": True})
    assert live.client("POST", "/containers/box/start").status == 400
    live.client.run(asyncio.sleep(0))
    assert live.client("GET", "/containers/box/json").status == 404


def test_on_failure_starts_it_so_many_times_again(live: Live) -> None:
    policy = {"Name": "on-failure", "MaximumRetryCount": 2}
    live.run("sh", "-c", "sleep 1; exit 3", HostConfig={"RestartPolicy": policy})
    start = live.clock.now()
    waiting = live.engine.containers.find("box").id
    waits = live.engine.containers

    async def work() -> int:
        # Each end is one for who waits, also where another start follows.
        first = waits.waiter(waiting, "not-running")
        while waits.find("box").state.status != "exited":
            for _ in range(50):
                await asyncio.sleep(0)
            due = live.clock.next_due()
            if due is not None and waits.find("box").state.status != "exited":
                live.clock.advance(due)
        return int(await first)

    assert live.client.run(work()) == 3
    # Three runs of a second, with pauses of 0.1 and 0.2 seconds.
    assert (live.clock.now() - start) / 1_000_000_000 == pytest.approx(3.3)
    found = live.inspect()
    assert (found["RestartCount"], found["State"]["Status"], found["State"]["Running"]) == (2, "exited", False)


def test_success_is_no_failure(live: Live) -> None:
    live.run("true", HostConfig={"RestartPolicy": {"Name": "on-failure"}})
    live.pass_until("die", 0)
    assert status(live) == ("exited", 0)


def test_between_two_runs_it_is_restarting_and_a_stop_ends_that(live: Live) -> None:
    live.run("sh", "-c", "exit 4", HostConfig={"RestartPolicy": {"Name": "always"}})
    live.pass_until("die", 0)
    state = live.inspect()["State"]
    assert (state["Status"], state["Running"], state["Restarting"]) == ("restarting", True, True)
    assert live.client("GET", "/containers/json").json[0]["Status"].startswith("Restarting (4) ")
    exec_ = live.client("POST", "/containers/box/exec", {"Cmd": ["true"]})
    assert (exec_.status, exec_.message.endswith("is restarting, wait until the container is running")) == (409, True)
    assert live.client("POST", "/containers/box/stop").status == 204
    assert status(live) == ("exited", 4)
    live.clock.advance(10)
    live.client.run(asyncio.sleep(0))
    assert (status(live), live.inspect()["RestartCount"]) == (("exited", 4), 0)


def test_what_was_killed_stays_dead(live: Live) -> None:
    live.run("sleep", "1000", HostConfig={"RestartPolicy": {"Name": "always"}})
    live.client("POST", "/containers/box/kill")
    live.pass_until("die", 0)
    assert status(live) == ("exited", 137)
    assert live.client("POST", "/containers/box/update", {"RestartPolicy": {"Name": "no"}}).json == {"Warnings": None}
    assert live.inspect()["HostConfig"]["RestartPolicy"]["Name"] == "no"


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


def test_a_port_is_given_to_one(live: Live) -> None:
    binding = {"PortBindings": {"80/tcp": [{"HostPort": "18099"}]}}
    live.run("sleep", "1000", HostConfig=binding)
    live.create("sleep", "1000", name="late", HostConfig=binding)
    for body in (binding, {"PortBindings": {"80/tcp": [{"HostPort": "8099"}]}}):
        live.client("DELETE", "/containers/late?force=1")
        live.create("sleep", "1000", name="late", HostConfig=body)
        reply = live.client("POST", "/containers/late/start")
        assert (reply.status, reply.message.endswith("failed: port is already allocated")) == (500, True)
    assert status(live, "late")[0] == "created"


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


def test_pruning_takes_what_does_not_run(live: Live) -> None:
    live.run("sleep", "1000", name="runs")
    keep = live.create("true", name="keep", Labels={"keep": "1"}).json["Id"]
    gone = live.create("true", name="gone").json["Id"]
    path = "/containers/prune"
    labels = json.dumps({"label!": ["keep"]})
    reply = live.client("POST", path, params={"filters": labels})
    assert reply.json == {"ContainersDeleted": [gone], "SpaceReclaimed": 0}
    old = json.dumps({"until": ["24h"]})
    assert live.client("POST", path, params={"filters": old}).json["ContainersDeleted"] is None
    assert live.client("POST", path, params={"filters": json.dumps({"until": ["soon"]})}).status == 400
    assert live.client("POST", path).json["ContainersDeleted"] == [keep]
    assert status(live, "runs")[0] == "running"


def test_what_runs_and_what_it_uses(live: Live) -> None:
    live.run("sleep", "1000")
    found = live.client("GET", "/containers/box/top").json
    assert found["Titles"] == ["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"]
    assert [row[-1] for row in found["Processes"]] == ["sleep 1000"]
    chosen = live.client("GET", "/containers/box/top?ps_args=-o pid,comm").json
    assert chosen["Processes"] == [[found["Processes"][0][1], "sleep"]]
    by_user = live.client("GET", "/containers/box/top?ps_args=aux").json
    assert by_user["Titles"] == ["USER", "PID", "%CPU", "%MEM", "VSZ", "RSS", "TTY", "STAT", "START", "TIME", "COMMAND"]
    assert live.client("GET", "/containers/box/top?ps_args=-eo pid,cmd").json["Titles"] == ["PID", "CMD"]
    for options, text in (
        ("bogus", "unsupported option (BSD syntax)"),
        ("-bogus", "unsupported SysV option"),
        ("-o", "format specification must follow -o"),
    ):
        answer = live.client("GET", f"/containers/box/top?ps_args={options}")
        assert (answer.status, answer.message) == (500, f"ps: error: {text}")
    sample = live.client("GET", "/containers/box/stats?stream=0").json
    assert (sample["name"], sample["pids_stats"]["current"]) == ("/box", 1)
    live.create("true", name="idle")
    assert live.client("GET", "/containers/idle/top").status == 409
    assert live.client("GET", "/containers/idle/stats?stream=0").json["pids_stats"] == {}


def test_pausing(live: Live) -> None:
    made = live.create("sleep", "1000").json["Id"]
    reply = live.client("POST", "/containers/box/pause")
    assert (reply.status, reply.message) == (409, f"Container {made} is not running")
    live.client("POST", "/containers/box/start")
    reply = live.client("POST", "/containers/box/unpause")
    assert (reply.status, reply.message) == (500, f"Container {made} is not paused")
    assert live.client("POST", "/containers/box/pause").status == 204
    state = live.inspect()["State"]
    assert (state["Status"], state["Running"], state["Paused"]) == ("paused", True, True)
    (row,) = live.client("GET", "/containers/json").json
    assert (row["State"], row["Status"]) == ("paused", "Up Less than a second (Paused)")
    for method, path, body, message in (
        ("POST", "/pause", None, f"Container {made} is already paused"),
        ("POST", "/start", None, "cannot start a paused container, try unpause instead"),
        ("POST", "/exec", {"Cmd": ["ls"]}, "Container box is paused, unpause the container before exec"),
        (
            "DELETE",
            "",
            None,
            f"You cannot remove a paused container {made}. Unpause and then stop the container before attempting "
            "removal or force remove",
        ),
    ):
        reply = live.client(method, f"/containers/box{path}", body)
        assert (reply.status, reply.message) == (409, message)
    attached = live.client("POST", "/containers/box/attach?stream=1")
    text = "container box is paused, unpause the container before attach"
    assert (attached.status, attached.message) == (409, text)
    assert live.client("POST", "/containers/box/unpause").status == 204
    assert status(live) == ("running", 0)
    live.client("POST", "/containers/box/pause")
    assert live.client("POST", "/containers/box/kill").status == 204
    live.client.run(live.engine.containers.wait(made))
    assert status(live) == ("exited", 137)
    assert live.actions()[-6:] == ["unpause", "pause", "kill", "unpause", "die", "disconnect"]


def test_a_variable_without_a_value_is_taken_away(live: Live) -> None:
    live.run("sh", "-c", "env", Env=["A=1", "B=2", "B"])
    live.pass_until("die", 5)
    said = live.client("GET", "/containers/box/logs?stdout=1").body
    assert b"A=1" in said
    assert b"B=" not in said


def test_logs_that_no_driver_keeps_cannot_be_read(live: Live) -> None:
    live.run("echo", "hello", HostConfig={"LogConfig": {"Type": "none"}})
    reply = live.client("GET", "/containers/box/logs?stdout=1")
    assert (reply.status, reply.message) == (501, "configured logging driver does not support reading")


def test_a_port_listens_where_it_was_asked_to(live: Live) -> None:
    bindings = {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8098"}]}
    live.run("sleep", "1000", HostConfig={"PortBindings": bindings})
    assert live.inspect()["NetworkSettings"]["Ports"] == bindings
    port = {"IP": "127.0.0.1", "PrivatePort": 80, "PublicPort": 8098, "Type": "tcp"}
    assert live.client("GET", "/containers/json").json[0]["Ports"] == [port]


def test_top_shows_itself_until_it_is_told_to_end(live: Live) -> None:
    live.run("top")
    live.pass_until("start", 0)
    assert live.client("POST", "/containers/box/stop?t=1000").status == 204
    assert status(live) == ("exited", 143)
    assert b"PID  PPID USER" in live.client("GET", "/containers/box/logs?stdout=1").body


def test_a_container_that_uses_up_its_memory_is_killed(live: Live) -> None:
    live.create(image="swarmlab/leaks", Env=["MIB_PER_SECOND=8"], HostConfig={"Memory": 16 << 20})
    assert live.client("POST", "/containers/box/start").status == 204
    live.pass_until("die", 10)
    found = live.inspect()["State"]
    assert (found["Status"], found["ExitCode"], found["OOMKilled"]) == ("exited", 137, True)
    assert live.actions()[-4:] == ["start", "oom", "die", "disconnect"]


def test_a_published_port_refuses_connections_until_the_program_listens(live: Live) -> None:
    ports = {"80/tcp": [{"HostPort": ""}]}
    live.run("sh", "-c", "sleep 10; echo hello | nc -l -p 80; sleep 1000", HostConfig={"PortBindings": ports})
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
