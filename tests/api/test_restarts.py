"""Containers by hand: which start again when they end, and which go."""

import asyncio

import pytest

from .live import Live


def test_restart(live: Live) -> None:
    live.run("sh", "-c", "trap 'exit 0' TERM; sleep 1000")
    before = live.inspect()["State"]["Pid"]
    assert live.client("POST", "/containers/box/restart?t=1000").status == 204
    assert live.inspect()["State"]["Pid"] != before
    assert live.actions()[-7:] == ["kill", "die", "disconnect", "stop", "connect", "start", "restart"]
    assert live.client("POST", "/containers/box/restart?t=x").status == 400


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


def test_who_starts_a_container_by_hand_begins_its_policy_anew(live: Live) -> None:
    """MB: daemon/start.go, ResetRestartManager."""
    policy = {"Name": "on-failure", "MaximumRetryCount": 1}
    live.run("sh", "-c", "sleep 1; exit 3", HostConfig={"RestartPolicy": policy})

    async def ended() -> None:
        while live.engine.containers.find("box").state.status != "exited":
            for _ in range(50):
                await asyncio.sleep(0)
            due = live.clock.next_due()
            if due is not None and live.engine.containers.find("box").state.status != "exited":
                live.clock.advance(due)

    live.client.run(ended())
    assert live.inspect()["RestartCount"] == 1
    start = live.clock.now()
    live.client("POST", "/containers/box/start")
    assert live.inspect()["RestartCount"] == 0
    live.client.run(ended())
    # Two runs of a second again, and the first pause between them.
    assert (live.clock.now() - start) / 1_000_000_000 == pytest.approx(2.1)
    assert live.inspect()["RestartCount"] == 1


def test_success_is_no_failure(live: Live) -> None:
    live.run("true", HostConfig={"RestartPolicy": {"Name": "on-failure"}})
    live.pass_until("die", 0)
    assert live.status() == ("exited", 0)


def test_between_two_runs_it_is_restarting_and_a_stop_ends_that(live: Live) -> None:
    live.run("sh", "-c", "exit 4", HostConfig={"RestartPolicy": {"Name": "always"}})
    live.pass_until("die", 0)
    state = live.inspect()["State"]
    assert (state["Status"], state["Running"], state["Restarting"]) == ("restarting", True, True)
    assert live.client("GET", "/containers/json").json[0]["Status"].startswith("Restarting (4) ")
    exec_ = live.client("POST", "/containers/box/exec", {"Cmd": ["true"]})
    assert (exec_.status, exec_.message.endswith("is restarting, wait until the container is running")) == (409, True)
    assert live.client("POST", "/containers/box/stop").status == 204
    assert live.status() == ("exited", 4)
    live.clock.advance(10)
    live.client.run(asyncio.sleep(0))
    assert (live.status(), live.inspect()["RestartCount"]) == (("exited", 4), 0)


def test_what_was_killed_stays_dead(live: Live) -> None:
    live.run("sleep", "1000", HostConfig={"RestartPolicy": {"Name": "always"}})
    live.client("POST", "/containers/box/kill")
    live.pass_until("die", 0)
    assert live.status() == ("exited", 137)
    assert live.client("POST", "/containers/box/update", {"RestartPolicy": {"Name": "no"}}).json == {"Warnings": None}
    assert live.inspect()["HostConfig"]["RestartPolicy"]["Name"] == "no"
