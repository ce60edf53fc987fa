"""Containers by hand: how they start, run, end and are removed."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from .live import Live


def test_a_container_is_made_started_and_stopped(live: Live) -> None:
    made = live.create("sh", "-c", "trap 'exit 5' TERM; echo up; while true; do sleep 1; done")
    assert made.json["Warnings"] == []
    assert live.status() == ("created", 0)
    assert live.client("POST", "/containers/box/start").status == 204
    assert live.client("POST", "/containers/box/start").status == 304
    assert live.status() == ("running", 0)
    # Before it says so its trap is not set.
    while b"up" not in live.client("GET", "/containers/box/logs?stdout=1").body:
        pass
    assert live.client("POST", "/containers/box/stop?t=1000").status == 204
    assert live.client("POST", "/containers/box/stop").status == 304
    assert live.status() == ("exited", 5)
    assert live.actions() == ["create", "connect", "start", "kill", "die", "disconnect", "stop"]
    assert live.client("DELETE", "/containers/box").status == 204
    assert live.client("GET", "/containers/box/json").status == 404
    assert live.actions()[-1] == "destroy"


def test_a_program_that_is_not_there_leaves_a_container_that_was_not_started(live: Live) -> None:
    live.create("nosuch")
    reply = live.client("POST", "/containers/box/start")
    assert reply.status == 400
    assert reply.message.endswith('exec: "nosuch": executable file not found in $PATH: unknown')
    assert live.status() == ("created", 127)
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
    assert live.status() == ("running", 0)
    assert live.client("POST", "/containers/box/kill?signal=9").status == 204
    live.pass_until("die", 0)
    assert live.status() == ("exited", 137)
    reply = live.client("POST", "/containers/box/kill")
    assert (reply.status, reply.message) == (409, f"Cannot kill container: box: Container {made} is not running")
    assert [e.attributes["signal"] for e in live.events.past() if e.action == "kill"] == ["15", "9"]


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
    assert live.status("runs")[0] == "running"


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
    live.create("true", name="idle")
    assert live.client("GET", "/containers/idle/top").status == 409


def test_a_signal_for_nobody(live: Live) -> None:
    reply = live.client("POST", "/containers/nosuch/kill")
    assert (reply.status, reply.message) == (404, "Cannot kill container: nosuch: No such container: nosuch")


@pytest.mark.parametrize(("seconds", "reason"), [("x", "invalid syntax"), ("9" * 20, "value out of range")])
def test_a_grace_period_is_a_number(live: Live, seconds: str, reason: str) -> None:
    live.run("sleep", "1000")
    reply = live.client("POST", f"/containers/box/stop?t={seconds}")
    assert (reply.status, reply.message) == (400, f'strconv.Atoi: parsing "{seconds}": {reason}')


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
    # Docker writes this answer by hand, and not as JSON.
    text = b"container box is paused, unpause the container before attach\r\n"
    assert (attached.status, attached.body) == (409, text)
    assert live.client("POST", "/containers/box/unpause").status == 204
    assert live.status() == ("running", 0)
    live.client("POST", "/containers/box/pause")
    assert live.client("POST", "/containers/box/kill").status == 204
    live.client.run(live.engine.containers.wait(made))
    assert live.status() == ("exited", 137)
    assert live.actions()[-5:] == ["unpause", "pause", "kill", "die", "disconnect"]


def test_a_signal_that_asks_it_to_end_lets_a_paused_container_go_on(live: Live) -> None:
    live.run("sh", "-c", "trap 'exit 5' TERM; echo up; while true; do sleep 1; done")
    while b"up" not in live.client("GET", "/containers/box/logs?stdout=1").body:
        pass
    live.client("POST", "/containers/box/pause")
    assert live.client("POST", "/containers/box/kill?signal=TERM").status == 204
    live.pass_until("die", 5)
    assert live.actions()[3:7] == ["pause", "kill", "unpause", "die"]


@pytest.mark.parametrize(
    ("asked", "of_image", "expected"),
    [
        ({"Interval": 7}, {"Test": ["CMD", "x"], "Interval": 5, "Retries": 3}, {"Test": ["CMD", "x"], "Interval": 7}),
        ({"Test": ["CMD", "y"]}, {"Test": ["CMD", "x"], "Retries": 3}, {"Test": ["CMD", "y"], "Retries": 3}),
    ],
)
def test_what_a_health_check_does_not_say_is_the_images(
    live: Live, asked: Mapping[str, Any], of_image: Mapping[str, Any], expected: Mapping[str, Any]
) -> None:
    def nanoseconds(check: Mapping[str, Any]) -> dict[str, Any]:
        return {key: value * 10**9 if key == "Interval" else value for key, value in check.items()}

    live.create("true", name="base", Healthcheck=nanoseconds(of_image))
    assert live.client("POST", "/commit?container=base&repo=checked").status == 201
    live.create("true", image="checked", Healthcheck=nanoseconds(asked))
    found = live.inspect()["Config"]["Healthcheck"]
    assert {key: value for key, value in found.items() if value} == nanoseconds(of_image) | nanoseconds(expected)


def test_a_health_check_without_a_command_is_kept(live: Live) -> None:
    live.run("sleep", "1000", Healthcheck={"Timeout": 10**9})
    assert live.inspect()["Config"]["Healthcheck"] == {"Timeout": 10**9}
    assert "Health" not in live.inspect()["State"]


def test_a_container_cannot_share_its_own_network(live: Live) -> None:
    live.create("true", name="other")
    live.client("DELETE", "/containers/other")
    live.create("true", HostConfig={"NetworkMode": "container:box"})
    assert live.client("POST", "/containers/box/start").message == "cannot join own network"


def test_one_that_cannot_be_made_was_there_for_a_moment(live: Live) -> None:
    for host in ({"VolumesFrom": ["nosuch"]}, {"Binds": ["v:/d:bogus"]}, {"Links": ["nosuch"]}):
        assert live.create("true", HostConfig=host).status == 400
        assert [event.attributes["name"] for event in live.events.past()][-1:] == ["box"]
        assert live.actions()[-1:] == ["destroy"]
    told = live.actions()
    # What is seen without a container, is seen before there is one.
    mount = {"Type": "volume", "Target": "rel"}
    assert live.create("true", HostConfig={"Mounts": [mount]}).status == 400
    assert live.actions() == told


def test_a_wrong_request_is_told_before_a_missing_image_and_a_taken_name_before_its_mounts(live: Live) -> None:
    assert live.create("true", image="nosuch", HostConfig={"NanoCpus": -1}).message.startswith("Range of CPUs")
    live.create("true")
    assert live.create("true", HostConfig={"Binds": ["v:/d:bogus"]}).message.startswith("Conflict.")


def test_a_link_leads_to_the_first_bridge_only(live: Live) -> None:
    live.client("POST", "/networks/create", {"Name": "apart"})
    live.create("true", name="other", HostConfig={"NetworkMode": "apart"})
    live.create("true", HostConfig={"Links": ["other"]})
    reply = live.client("POST", "/containers/box/start")
    assert reply.message == "Cannot link to /other, as it does not belong to the default network"


@pytest.mark.parametrize("path", ["/etc/passwd", "/etc/passwd/x"])
def test_an_exec_in_a_file(live: Live, path: str) -> None:
    live.run("sleep", "1000")
    made = live.client("POST", "/containers/box/exec", {"Cmd": ["id"], "WorkingDir": path}).json["Id"]
    said = live.client("POST", f"/exec/{made}/start", {"Detach": False}).body.decode(errors="replace")
    assert f'chdir to cwd ("{path}") set in config.json failed: not a directory: unknown: Are you trying' in said


def test_commands_are_looked_for_where_path_says(live: Live) -> None:
    live.create("ls", Env=["PATH=/x"])
    reply = live.client("POST", "/containers/box/start")
    assert reply.message.endswith('exec: "ls": executable file not found in $PATH: unknown')


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


def test_top_shows_itself_until_it_is_told_to_end(live: Live) -> None:
    live.run("top")
    live.pass_until("start", 0)
    assert live.client("POST", "/containers/box/stop?t=1000").status == 204
    assert live.status() == ("exited", 143)
    assert b"PID  PPID USER" in live.client("GET", "/containers/box/logs?stdout=1").body


def test_a_container_that_uses_up_its_memory_is_killed(live: Live) -> None:
    live.create(image="swarmlab/leaks", Env=["MIB_PER_SECOND=8"], HostConfig={"Memory": 16 << 20})
    assert live.client("POST", "/containers/box/start").status == 204
    live.pass_until("die", 10)
    found = live.inspect()["State"]
    assert (found["Status"], found["ExitCode"], found["OOMKilled"]) == ("exited", 137, True)
    assert live.actions()[-4:] == ["start", "oom", "die", "disconnect"]


def test_who_shares_a_containers_processes_ends_with_it(live: Live) -> None:
    live.run("sleep", "1000", name="host")
    live.run("sleep", "1000", HostConfig={"PidMode": "container:host"})
    live.run("sleep", "1000", name="other")
    assert live.client("POST", "/containers/host/kill").status == 204
    assert (live.status(), live.status("host"), live.status("other")) == (
        ("exited", 137),
        ("exited", 137),
        ("running", 0),
    )
    died = [event.attributes["name"] for event in live.events.past() if event.action == "die"]
    assert died == ["box", "host"]
