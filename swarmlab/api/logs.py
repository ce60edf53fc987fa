"""`/containers/{id}/logs` (MB: daemon/server/httputils/logstream)."""

import struct
from collections.abc import AsyncIterator
from datetime import UTC, datetime

from swarmlab.api.call import ApiVersion, Call, Route, Stream
from swarmlab.api.errors import bad_request
from swarmlab.api.query import parse_instant
from swarmlab.runtime.base import LogLine

_STREAMS = {"stdout": 1, "stderr": 2}
_HEADER = struct.Struct(">BxxxL")
RAW = "application/vnd.docker.raw-stream"
MULTIPLEXED = "application/vnd.docker.multiplexed-stream"


def container_logs(call: Call) -> Stream:
    """`GET /containers/{id}/logs`: frames of standard output and error, or plain bytes of a terminal."""
    streams = frozenset(name for name in _STREAMS if call.flag(name))
    if not streams:
        raise bad_request("Bad parameters: you must choose at least one stream")
    since, until = parse_instant(call.param("since")), parse_instant(call.param("until"))
    container = call.engine.containers.find(call.name)
    source = call.engine.containers.runtime_container(container.id)
    framed = not container.tty
    media_type = MULTIPLEXED if framed and call.version >= ApiVersion(1, 42) else RAW
    if source is None:
        return Stream(_nothing(), media_type)
    lines = source.logs(since=since, until=until, tail=_tail(call.param("tail")), follow=call.flag("follow"))
    writer = _Writer(streams, framed, call.flag("timestamps"), call.flag("details"))
    return Stream(writer.parts(lines), media_type)


def _tail(text: str) -> int | None:
    """How many of the last lines; anything that is no number means all of them."""
    return int(text) if text.isdecimal() else None


async def _nothing() -> AsyncIterator[bytes]:
    return
    yield


def fixed_instant(nanoseconds: int) -> str:
    """Unix nanoseconds in RFC 3339 with all nine digits of the fraction, so that columns line up."""
    seconds, fraction = divmod(nanoseconds, 1_000_000_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{fraction:09d}Z"


class _Writer:
    """Turns log lines into the bytes that go over the wire."""

    def __init__(self, streams: frozenset[str], framed: bool, timestamps: bool, details: bool) -> None:
        self._streams = streams
        self._framed = framed
        self._timestamps = timestamps
        self._details = details

    async def parts(self, lines: AsyncIterator[LogLine]) -> AsyncIterator[bytes]:
        """A part for each line of the streams that were asked for."""
        async for line in lines:
            if line.stream in self._streams:
                yield self._part(line)

    def _part(self, line: LogLine) -> bytes:
        data = line.data
        if self._details:
            # No log driver here adds details of its own; the separating space is written all the same.
            data = b" " + data
        if self._timestamps:
            data = fixed_instant(line.time).encode() + b" " + data
        if self._framed:
            data = _HEADER.pack(_STREAMS[line.stream], len(data)) + data
        return data


ROUTES = (Route("GET", "/containers/{name}/logs", container_logs),)
