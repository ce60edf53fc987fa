import json
import struct
from collections.abc import Mapping
from typing import Any

import pytest

from swarmlab.engine import LogBroker
from swarmlab.objects import (
    ContainerSpec,
    Service,
    ServiceSpec,
    Task,
    TaskSpec,
    TaskState,
    TaskStatus,
)
from swarmlab.objects.local import Container
from swarmlab.objects.run import HostConfig, LogConfig
from swarmlab.runtime.base import LogLine
from swarmlab.store import Kind

from .conftest import Client
from .fakes import FakeContainers, FakeProgram

SERVICE, TASK, NODE = "s" * 25, "t" * 25, "m" * 25
LINES = [LogLine(1_500_000_000, "stdout", b"out\n"), LogLine(2_500_000_000, "stderr", b"err\n")]


class Node(FakeContainers):
    """A node with the container of one task."""

    def of_task(self, task_id: str) -> Container | None:
        return next((c for c in self.every if c.task_id == task_id), None)


def prepare(client: Client, spec: Mapping[str, Any] | None = None, **container: Any) -> None:
    """A service with a task that has written two lines on another node."""
    client.init()
    node = Node()
    node.every.append(Container(id="a" * 64, name="web.1", image="nginx", task_id=TASK, **container))
    node.programs["a" * 64] = FakeProgram(lines=LINES)
    template = TaskSpec(container_spec=ContainerSpec(image="nginx", **(spec or {})))
    client.engine.put(Kind.SERVICE, Service(id=SERVICE, spec=ServiceSpec(name="web", task_template=template)))
    client.engine.put(
        Kind.TASK,
        Task(id=TASK, service_id=SERVICE, node_id=NODE, spec=template, status=TaskStatus(state=TaskState.RUNNING)),
    )
    answer_from(client, {NODE: node})


def answer_from(client: Client, nodes: Mapping[str, Any]) -> None:
    """These nodes can be asked for logs, and no others."""
    vars(client.engine)["task_logs"] = lambda: LogBroker(client.engine.store, nodes.get)


def frames(body: bytes) -> list[tuple[int, bytes]]:
    found = []
    while body:
        stream, length = struct.unpack(">BxxxL", body[:8])
        found.append((stream, body[8 : 8 + length]))
        body = body[8 + length :]
    return found


@pytest.mark.parametrize("path", ["/services/web/logs", f"/services/{SERVICE[:5]}/logs", f"/tasks/{TASK}/logs"])
def test_lines_of_a_service_or_task_are_frames(client: Client, path: str) -> None:
    prepare(client)
    reply = client("GET", f"{path}?stdout=1&stderr=1")
    assert reply.headers["Content-Type"] == "application/vnd.docker.multiplexed-stream"
    assert frames(reply.body) == [(1, b"out\n"), (2, b"err\n")]
    assert frames(client("GET", f"{path}?stderr=1").body) == [(2, b"err\n")]


def test_details_say_where_a_line_comes_from(client: Client) -> None:
    prepare(client)
    reply = client("GET", "/v1.41/services/web/logs?stdout=1&details=1&timestamps=1")
    assert reply.headers["Content-Type"] == "application/vnd.docker.raw-stream"
    where = f"com.docker.swarm.node.id={NODE},com.docker.swarm.service.id={SERVICE},com.docker.swarm.task.id={TASK}"
    assert frames(reply.body) == [(1, f"1970-01-01T00:00:01.500000000Z {where} out\n".encode())]


def test_details_have_what_the_log_driver_keeps_with_the_lines(client: Client) -> None:
    options = HostConfig(log_config=LogConfig(type="json-file", config={"labels": "q", "env": "E"}))
    prepare(client, asked=options, labels={"q": "r s"}, env=("E=f",))
    reply = client("GET", "/services/web/logs?stdout=1&details=1")
    ids = f"com.docker.swarm.node.id={NODE},com.docker.swarm.service.id={SERVICE},com.docker.swarm.task.id={TASK}"
    assert frames(reply.body) == [(1, f"E=f,{ids},q=r+s out\n".encode())]


def test_lines_of_terminals_are_bare(client: Client) -> None:
    prepare(client, {"tty": True})
    assert client("GET", "/services/web/logs?stdout=1&stderr=1").body == b"out\nerr\n"


def test_a_node_that_is_away_is_told_of_within_the_stream(client: Client) -> None:
    prepare(client)
    answer_from(client, {})
    (stream, message), *rest = frames(client("GET", "/services/web/logs?stdout=1").body)
    assert (stream, rest) == (3, [])
    assert message.endswith(f"for the following reasons: node {NODE} is not available\n".encode())


@pytest.mark.parametrize(
    ("query", "status", "message"),
    [
        ("", 500, "Bad parameters: you must choose at least one stream"),
        ("stdout=1&tail=x", 500, 'tail value must be a positive integer or "all"'),
        ("stdout=1&tail=-1", 500, "negative tail values not supported"),
        ("stdout=1&since=x", 400, 'could not parse since timestamp: strconv.ParseInt: parsing "x": invalid syntax'),
    ],
)
def test_nonsense_is_refused(client: Client, query: str, status: int, message: str) -> None:
    prepare(client)
    reply = client("GET", f"/services/web/logs?{query}")
    assert (reply.status, reply.message) == (status, message)


def test_an_unknown_service_or_task_has_no_logs(client: Client) -> None:
    prepare(client)
    assert client("GET", "/services/nosuch/logs?stdout=1").status == 404
    reply = client("GET", "/tasks/nosuch/logs?stdout=1")
    assert (reply.status, json.loads(reply.body)) == (404, {"message": "task nosuch not found"})


def test_what_is_no_container_has_no_logs(client: Client) -> None:
    prepare(client)
    client.engine.put(Kind.SERVICE, Service(id="p" * 25, spec=ServiceSpec(name="odd", task_template=TaskSpec())))
    reply = client("GET", "/services/odd/logs?stdout=1")
    assert (reply.status, reply.message) == (500, "logs only supported on container tasks")
