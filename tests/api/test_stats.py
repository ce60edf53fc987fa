"""`GET /containers/{id}/stats`: numbers that count."""

import asyncio
import json
from typing import Any

import pytest

from swarmlab.network import Member, Place

from .live import Live

MIB = 1 << 20


def once(live: Live, name: str = "box") -> Any:
    return live.client("GET", f"/containers/{name}/stats?stream=0&one-shot=1").json


@pytest.mark.parametrize("query", ["one-shot=1", "stream=true&one-shot=true"])
def test_once_is_no_stream(live: Live, query: str) -> None:
    live.create("true")
    reply = live.client("GET", f"/containers/box/stats?{query}")
    assert (reply.status, reply.message) == (400, "cannot have stream=true and one-shot=true")
    # A parameter without a value is false, as everywhere.
    assert live.client("GET", "/containers/box/stats?stream=").json["name"] == "/box"


def test_a_container_that_does_not_run_uses_nothing(live: Live) -> None:
    live.create("true")
    sample = once(live)
    assert (sample["name"], sample["read"]) == ("/box", "0001-01-01T00:00:00Z")
    assert (sample["pids_stats"], sample["memory_stats"], sample["cpu_stats"]["cpu_usage"]["total_usage"]) == (
        {},
        {},
        0,
    )
    assert "networks" not in sample
    assert live.client("GET", "/containers/nosuch/stats").status == 404


def test_processes_and_limits_are_told(live: Live) -> None:
    live.run("sleep", "1000", HostConfig={"Memory": 64 * MIB, "PidsLimit": 50})
    sample = once(live)
    assert sample["pids_stats"] == {"current": 1, "limit": 50}
    assert sample["memory_stats"]["limit"] == 64 * MIB
    assert 0 < sample["memory_stats"]["usage"] < MIB
    assert sample["cpu_stats"]["online_cpus"] >= 1
    assert sample["cpu_stats"]["system_cpu_usage"] > 0


def test_a_second_sample_tells_of_the_first(live: Live) -> None:
    live.run("sleep", "1000")

    async def work() -> tuple[Any, Any]:
        session = await live.client.connect()
        async with session.get("http://docker/containers/box/stats") as response:
            first = await response.content.readline()
            live.clock.advance(1)
            second = await response.content.readline()
            return json.loads(first), json.loads(second)

    first, second = live.client.run(work())
    assert (first["preread"], first["precpu_stats"]["cpu_usage"]["total_usage"]) == ("0001-01-01T00:00:00Z", 0)
    assert second["preread"] == first["read"]
    assert second["precpu_stats"] == first["cpu_stats"]


def test_real_programs_use_the_processor_and_memory(live: Live) -> None:
    live.run("python3", "-c", "x = bytearray(40 << 20)\nwhile True: pass", image="python:3-alpine")

    async def work() -> Any:
        session = await live.client.connect()
        while True:
            async with session.get("http://docker/containers/box/stats?stream=0&one-shot=1") as response:
                sample = await response.json()
            if sample["cpu_stats"]["cpu_usage"]["total_usage"] and sample["memory_stats"]["usage"] > 40 * MIB:
                return sample
            await asyncio.sleep(0.02)

    sample = live.client.run(asyncio.wait_for(work(), 60))
    times = sample["cpu_stats"]["cpu_usage"]
    assert times["total_usage"] == times["usage_in_kernelmode"] + times["usage_in_usermode"]
    assert sample["pids_stats"]["current"] == 1


def test_what_goes_through_the_network_is_counted_at_both_ends(live: Live) -> None:
    for name, address in (("web", "172.17.0.2/16"), ("box", "172.17.0.3/16")):
        command = ("nginx", "-g", "daemon off;") if name == "web" else ("sleep", "1000")
        made = live.run(*command, name=name, image="nginx:alpine" if name == "web" else "alpine")
        place = Place("b" * 64, "bridge", (address,), "172.17.0.1", named=False)
        live.engine.fabric.join(Member(made, "node-1", name, (place,)))
    asked = {"Cmd": ["wget", "-qO-", "http://172.17.0.2"], "AttachStdout": True, "AttachStderr": True}
    made = live.client("POST", "/containers/box/exec", asked).json["Id"]

    async def work() -> None:
        raw = await live.connect("POST", f"/exec/{made}/start", {})
        assert b"nginx" in await asyncio.wait_for(raw.rest(), 20)
        await raw.close()

    live.client.run(work())
    asks, answers = once(live, "box")["networks"]["eth0"], once(live, "web")["networks"]["eth0"]
    assert answers["tx_bytes"] == asks["rx_bytes"] > answers["rx_bytes"] == asks["tx_bytes"] > 20
    assert (asks["tx_packets"], asks["rx_errors"], asks["tx_dropped"]) == (1, 0, 0)
    live.client("POST", "/containers/web/restart?t=0")
    made = live.engine.containers.find("web").id
    live.engine.fabric.leave(made)
    live.engine.fabric.join(Member(made, "node-1", "web", (place,)))
    assert once(live, "web")["networks"]["eth0"]["tx_bytes"] == 0
