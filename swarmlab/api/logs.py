"""`/containers/{id}/logs`, `/services/{id}/logs`, `/tasks/{id}/logs` (MB: daemon/server/httputils/logstream)."""

import re
import struct
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, cast
from urllib.parse import quote_plus

from swarmlab.api.call import ApiVersion, Call, Route, Stream
from swarmlab.api.errors import ApiError, bad_request, internal
from swarmlab.api.query import parse_instant
from swarmlab.api.resolve import find_service, find_task
from swarmlab.engine import IncompleteLogsError, Selector, TaskLine
from swarmlab.engine.container.logdrivers import DEFAULT_DRIVER, log_config, readable
from swarmlab.engine.container.logstart import log_details
from swarmlab.objects import TaskSpec
from swarmlab.runtime.base import LogLine

_STREAMS = {"stdout": 1, "stderr": 2}
#: The stream of messages about the stream itself.
_SYSTEM = 3
_NO_TEXT = re.compile("[\udc80-\udcff]")
_HEADER = struct.Struct(">BxxxL")
RAW = "application/vnd.docker.raw-stream"
MULTIPLEXED = "application/vnd.docker.multiplexed-stream"


def frame(stream: str, data: bytes) -> bytes:
    """Bytes of `stdout` or `stderr` as they travel when both share a connection."""
    return _HEADER.pack(_STREAMS[stream], len(data)) + data


def media_type(call: Call, *, framed: bool) -> str:
    """The content type of a stream of output."""
    return MULTIPLEXED if framed and call.version >= ApiVersion(1, 42) else RAW


def container_logs(call: Call) -> Stream:
    """`GET /containers/{id}/logs`: frames of standard output and error, or plain bytes of a terminal."""
    streams = _streams(call)
    since, until = parse_instant(call.param("since")), parse_instant(call.param("until"))
    container = call.engine.containers.find(call.name)
    if not readable(container):
        raise ApiError(HTTPStatus.NOT_IMPLEMENTED, "configured logging driver does not support reading")
    source = call.engine.containers.runtime_container(container.id)
    writer = _Writer(call, streams, framed=not container.tty)
    if source is None:
        return writer.stream(_nothing())
    lines = source.logs(since=since, until=until, tail=_tail(call.param("tail")), follow=call.flag("follow"))
    return writer.stream(writer.lines(lines, log_config(container).type, log_details(container)))


def service_logs(call: Call) -> Stream:
    """`GET /services/{id}/logs`: what all the service's tasks write, on all nodes."""
    streams = _swarm_streams(call)
    service = find_service(call.control, call.name)
    return _swarm_logs(call, streams, Selector(service_id=service.id), service.spec.task_template)


def task_logs(call: Call) -> Stream:
    """`GET /tasks/{id}/logs`."""
    streams = _swarm_streams(call)
    task = find_task(call.control, call.name)
    return _swarm_logs(call, streams, Selector(task_id=task.id), task.spec)


def _swarm_logs(call: Call, streams: frozenset[str], selector: Selector, spec: TaskSpec) -> Stream:
    try:
        since = parse_instant(call.param("since"))
    except ApiError as error:
        raise bad_request(f"could not parse since timestamp: {error}") from None
    selector = selector._replace(since=since, tail=_positive_tail(call.param("tail")))
    if spec.container_spec is None:
        raise internal("logs only supported on container tasks")
    writer = _Writer(call, streams, framed=not spec.container_spec.tty)
    broker = call.engine.task_logs()
    lines = broker.follow(selector) if call.flag("follow") else broker.collect(selector)
    return writer.stream(writer.task_lines(lines))


def _streams(call: Call) -> frozenset[str]:
    streams = frozenset(name for name in _STREAMS if call.flag(name))
    if not streams:
        raise bad_request("Bad parameters: you must choose at least one stream")
    return streams


def _swarm_streams(call: Call) -> frozenset[str]:
    """The same for logs from the swarm, which an engine asks for before it looks for whose they are."""
    try:
        return _streams(call)
    except ApiError as error:
        raise internal(str(error)) from None


def _tail(text: str) -> int | None:
    """How many of the last lines; anything that is no number means all of them."""
    return int(text) if text.isdecimal() else None


def _positive_tail(text: str) -> int | None:
    """How many of the last lines of each task. Raises ApiError (500), as the daemon does."""
    if text in {"", "all"}:
        return None
    try:
        number = int(text)
    except ValueError:
        raise internal('tail value must be a positive integer or "all"') from None
    if number < 0:
        raise internal("negative tail values not supported")
    return number


def _kept(line: LogLine, driver: str) -> LogLine:
    """A line as a driver keeps it: JSON has no bytes that are no text (Go: encoding/json)."""
    if driver != DEFAULT_DRIVER:
        return line
    try:
        line.data.decode()
    except UnicodeDecodeError:
        text = line.data.decode(errors="surrogateescape")
        return line._replace(data=_NO_TEXT.sub("\N{REPLACEMENT CHARACTER}", text).encode())
    return line


async def _nothing() -> AsyncIterator[bytes]:
    return
    yield


def fixed_instant(nanoseconds: int) -> str:
    """Unix nanoseconds in RFC 3339 with all nine digits of the fraction, so that columns line up."""
    seconds, fraction = divmod(nanoseconds, 1_000_000_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{fraction:09d}Z"


class _Writer:
    """Turns log lines into the bytes that go over the wire."""

    def __init__(self, call: Call, streams: frozenset[str], *, framed: bool) -> None:
        self._streams = streams
        self._framed = framed
        self._timestamps = call.flag("timestamps")
        self._details = call.flag("details")
        self._media_type = media_type(call, framed=framed)

    def stream(self, parts: AsyncIterator[bytes]) -> Stream:
        """The response."""
        return Stream(parts, self._media_type)

    async def lines(
        self, lines: AsyncIterator[LogLine], driver: str, details: Mapping[str, str]
    ) -> AsyncIterator[bytes]:
        """A part for each line of the streams that were asked for, as the `driver` of the logs has kept it."""
        async with aclosing(cast(Any, lines)) as source:
            async for line in source:
                if line.stream in self._streams:
                    yield self._part(_kept(line, driver), details)

    async def task_lines(self, lines: AsyncIterator[TaskLine]) -> AsyncIterator[bytes]:
        """The same for lines of tasks, whose details say where they come from."""
        async with aclosing(cast(Any, lines)) as source:
            try:
                async for line, task, kept in source:
                    if line.stream in self._streams:
                        details = {"node": task.node_id, "service": task.service_id, "task": task.id}
                        driver = task.spec.log_driver.name if task.spec.log_driver is not None else ""
                        shown = {f"com.docker.swarm.{key}.id": value for key, value in details.items()}
                        yield self._part(_kept(line, driver or DEFAULT_DRIVER), {**kept, **shown})
            except IncompleteLogsError as error:
                data = f"Error grabbing logs: rpc error: code = Unknown desc = {error}\n".encode()
                yield _HEADER.pack(_SYSTEM, len(data)) + data if self._framed else data

    def _part(self, line: LogLine, details: Mapping[str, str]) -> bytes:
        data = line.data
        if self._details:
            # The separating space is written also when there are no details.
            shown = ",".join(f"{quote_plus(key)}={quote_plus(value)}" for key, value in sorted(details.items()))
            data = shown.encode() + b" " + data
        if self._timestamps:
            data = fixed_instant(line.time).encode() + b" " + data
        return frame(line.stream, data) if self._framed else data


ROUTES = (
    Route("GET", "/containers/{name}/logs", container_logs),
    Route("GET", "/services/{name}/logs", service_logs),
    Route("GET", "/tasks/{name}/logs", task_logs),
)
