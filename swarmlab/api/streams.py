"""Between a hijacked connection and a program: frames one way, keys the other."""

import asyncio
from collections.abc import AsyncIterable, Awaitable, Callable

from swarmlab.api.call import Connection
from swarmlab.api.errors import bad_request
from swarmlab.api.logs import frame

_DEFAULT_KEYS = "ctrl-p,ctrl-q"
_CONTROL = "abcdefghijklmnopqrstuvwxyz"
_SPECIAL = {"@": 0, "[": 27, "\\": 28, "]": 29, "^": 30, "_": 31}


def detach_keys(text: str, called: str = "detach") -> bytes:
    """The keys that detach, `ctrl-p,ctrl-q` when empty. Raises ApiError (400), which calls them `called` keys."""
    keys = bytearray()
    for key in (text or _DEFAULT_KEYS).split(","):
        control = key.removeprefix("ctrl-")
        if len(key) == 1 and key.isascii():
            keys += key.encode()
        elif control != key and len(control) == 1 and control.lower() in _CONTROL:
            keys.append(ord(control.lower()) - ord("a") + 1)
        elif control != key and control in _SPECIAL:
            keys.append(_SPECIAL[control])
        else:
            raise bad_request(f"Invalid {called} keys ({text}) provided")
    return bytes(keys)


class Detached(Exception):  # noqa: N818  (no error)
    """Raised when the person at the terminal has typed the keys that detach."""


class KeyFilter:
    """Finds the detach keys in what is typed, also when they come one by one."""

    def __init__(self, keys: bytes) -> None:
        self._keys = keys
        self._held = b""

    def pass_on(self, data: bytes) -> bytes:
        """What of `data` is not (the beginning of) the keys. Raises Detached."""
        passed = bytearray()
        for at in range(len(data)):
            self._held += data[at : at + 1]
            if self._held == self._keys:
                raise Detached
            while self._held and not self._keys.startswith(self._held):
                passed += self._held[:1]
                self._held = self._held[1:]
        return bytes(passed)


async def pump_in(connection: Connection, feed: Callable[[bytes], Awaitable[None]], keys: KeyFilter | None) -> None:
    """Hand on what the client sends, to its end. Raises Detached."""
    while data := await connection.read():
        passed = keys.pass_on(data) if keys is not None else data
        if passed:
            await feed(passed)


async def pump_out(connection: Connection, output: AsyncIterable[tuple[str, bytes]], *, framed: bool) -> None:
    """Hand on what the program writes, to its end. Raises ConnectionError when the client has gone."""
    async for stream, data in output:
        await connection.write(frame(stream, data) if framed else data)


async def converse(outward: Awaitable[None], inward: Awaitable[None] | None) -> None:
    """Do both until the output has ended; the end of the input changes nothing. Raises Detached."""
    out = asyncio.ensure_future(outward)
    works = {out} if inward is None else {out, asyncio.ensure_future(inward)}
    pending = set(works)
    try:
        while out in pending:
            done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            for work in done:
                work.result()
    finally:
        for work in works:
            work.cancel()
        await asyncio.gather(*works, return_exceptions=True)
