"""Streams of JSON messages about something that takes a while (MB: pkg/{streamformatter,jsonmessage})."""

from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any

from swarmlab.api.call import Stream, document

_WIDTH = 50
_UNITS = ("B", "kB", "MB", "GB", "TB")

#: What Go writes of these characters, which occur within strings only.
_ESCAPED = ((b"<", b"\\u003c"), (b">", b"\\u003e"), (b"&", b"\\u0026"))

Message = Mapping[str, Any]


def messages(parts: AsyncIterator[Message]) -> Stream:
    """A stream of messages."""
    return Stream(_lines(parts), "application/json")


async def listed(parts: Iterable[Message]) -> AsyncIterator[Message]:
    """Messages that are known already."""
    for part in parts:
        yield part


def failure(text: str) -> Message:
    """The last message of what went wrong."""
    return {"errorDetail": {"message": text}, "error": text}


def bar(status: str, part: str, current: int, total: int) -> Message:
    """How far something has come, in bytes; `part` is empty when it is the only one."""
    filled = min(current * 100 // total // 2, _WIDTH) if total else _WIDTH
    numbers = f"{human_size(current):>8}/{human_size(total)}"
    found = {
        "status": status,
        "progressDetail": {"current": current, "total": total},
        "progress": f"[{'=' * filled}>{' ' * (_WIDTH - filled)}] {numbers}",
    }
    return {**found, "id": part} if part else found


def step(status: str, part: str) -> Message:
    """A state that has no length."""
    return {"status": status, "progressDetail": {}, "id": part}


def human_size(size: float) -> str:
    """Four digits and a unit (docker/go-units)."""
    unit = 0
    while size >= 1000 and unit < len(_UNITS) - 1:
        size /= 1000
        unit += 1
    return f"{size:.4g}{_UNITS[unit]}"


async def _lines(parts: AsyncIterator[Message]) -> AsyncIterator[bytes]:
    async for part in parts:
        line = document(part).body.rstrip()
        for character, escaped in _ESCAPED:
            line = line.replace(character, escaped)
        yield line + b"\r\n"
