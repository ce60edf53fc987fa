"""Containers that were run by hand, when their engine ends and starts again (MB: daemon/daemon.go, restore, Shutdown).

What is expected here is what Docker 20.10.24 did.
"""

import asyncio

import pytest

from .live import Live

ASKS_TO_END = ("sh", "-c", "trap 'exit 3' TERM; echo up; while true; do sleep 1; done")


def status(live: Live, name: str) -> tuple[str, int, int]:
    found = live.inspect(name)
    return found["State"]["Status"], found["State"]["ExitCode"], found["RestartCount"]


async def settle() -> None:
    for _ in range(50):
        await asyncio.sleep(0)


async def listens(live: Live) -> None:
    """Until the container's program has said that it is prepared for signals."""
    found = live.engine.containers.find("box").id
    async for _ in live.engine.containers.runtime_container(found).logs(follow=True):
        return


def shut_down(live: Live, seconds: float = 0) -> None:
    """In good order; it takes so long."""

    async def work() -> None:
        begin = live.clock.now()
        ending = asyncio.ensure_future(live.engine.containers.shut_down())
        while seconds and not ending.done():
            await settle()
            due = live.clock.next_due()
            if due is not None and not ending.done():
                live.clock.advance(due)
        await ending
        assert (live.clock.now() - begin) / 1e9 == seconds

    live.client.run(work())


def boot(live: Live) -> None:
    async def work() -> None:
        live.engine.containers.power_lost()
        await live.runtime.close()
        live.engine.containers.boot()
        await settle()

    live.client.run(work())


@pytest.mark.parametrize(
    ("policy", "command", "ended", "after"),
    [
        ("no", ASKS_TO_END, 3, ("exited", 3, 0)),
        ("always", ASKS_TO_END, 3, ("running", 0, 0)),
        ("unless-stopped", ASKS_TO_END, 3, ("running", 0, 0)),
        ("on-failure", ASKS_TO_END, 3, ("running", 0, 0)),
        ("on-failure", ("sh", "-c", "trap 'exit 0' TERM; echo up; while true; do sleep 1; done"), 0, ("exited", 0, 0)),
    ],
)
def test_a_shutdown_asks_containers_to_end_and_policies_decide_at_the_next_start(
    live: Live, policy: str, command: tuple[str, ...], ended: int, after: tuple[str, int, int]
) -> None:
    live.run(*command, HostConfig={"RestartPolicy": {"Name": policy}})
    live.client.run(listens(live))
    shut_down(live)
    assert status(live, "box") == ("exited", ended, 0)
    assert live.actions()[-4:] == ["kill", "die", "disconnect", "stop"]
    boot(live)
    assert status(live, "box") == after


def test_who_does_not_listen_is_killed_when_its_own_time_is_up(live: Live) -> None:
    live.run("sleep", "1000", name="usual")
    live.run("sleep", "1000", name="slow", StopTimeout=25)
    shut_down(live, 25)
    assert [status(live, name)[:2] for name in ("usual", "slow")] == [("exited", 137), ("exited", 137)]


def test_one_that_removes_itself_is_gone_after_a_shutdown(live: Live) -> None:
    live.run("sleep", "1000", HostConfig={"AutoRemove": True})
    shut_down(live, 10)
    assert live.client("GET", "/containers/box/json").status == 404
    assert live.actions()[-2:] == ["stop", "destroy"]


def test_one_between_two_runs_is_not_started_again_by_an_engine_that_ends(live: Live) -> None:
    live.run("sh", "-c", "exit 4", HostConfig={"RestartPolicy": {"Name": "always"}})
    live.pass_until("die", 0)
    shut_down(live)
    assert status(live, "box") == ("exited", 4, 0)
    live.clock.advance(60)
    live.client.run(settle())
    assert status(live, "box") == ("exited", 4, 0)


@pytest.mark.parametrize(("policy", "running"), [("always", True), ("unless-stopped", False), ("on-failure", True)])
def test_who_was_stopped_by_hand_before(live: Live, policy: str, running: bool) -> None:
    """`always` means always, and `on-failure` looks at nothing but the exit code, which is 137 here."""
    live.run("sleep", "1000", HostConfig={"RestartPolicy": {"Name": policy}})
    live.client("POST", "/containers/box/kill")
    live.pass_until("die", 0)
    shut_down(live)
    boot(live)
    assert (status(live, "box")[0] == "running") == running


def test_one_that_never_ran_is_not_started(live: Live) -> None:
    live.create("sleep", "1000", HostConfig={"RestartPolicy": {"Name": "always"}})
    boot(live)
    assert status(live, "box")[0] == "created"


def test_after_a_power_cut_policies_decide(live: Live) -> None:
    for name, policy in (("stays", "always"), ("ends", "no"), ("again", "on-failure")):
        live.run("sleep", "1000", name=name, HostConfig={"RestartPolicy": {"Name": policy}})
    live.run("sleep", "1000", name="by-hand", HostConfig={"RestartPolicy": {"Name": "unless-stopped"}})
    live.run("sleep", "1000", name="gone", HostConfig={"AutoRemove": True})
    live.client("POST", "/containers/by-hand/kill")
    live.pass_until("die", 0)
    boot(live)
    assert status(live, "stays") == ("running", 0, 0)
    assert status(live, "again") == ("running", 0, 0)
    assert status(live, "ends") == ("exited", 255, 0)
    assert status(live, "by-hand") == ("exited", 137, 0)
    assert live.client("GET", "/containers/gone/json").status == 404
