"""What a real process writes into a pipe.

Whoever writes a piece for each of thousands of requests a second is not read piece by piece: that would be as much work
for the lab as to relay the requests.
"""

import asyncio
from collections.abc import Callable
from typing import cast

#: After so many pieces within so many seconds each further one is followed by a rest of so many seconds.
_OFTEN, _SPAN, _REST = 50, 0.1, 0.005


class PipeReader(asyncio.Protocol):
    """Hands on what comes of one stream, and says when it has ended."""

    def __init__(self, stream: str, on_output: Callable[[str, bytes], None], drained: "asyncio.Future[None]") -> None:
        """`drained` is done at the end of the pipe."""
        self._stream = stream
        self._on_output = on_output
        self._drained = drained
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.ReadTransport | None = None
        self._held = self._rests = False
        #: Pieces that have come since an instant of the loop.
        self._pieces, self._since = 0, 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The pipe is open."""
        self._transport = cast(asyncio.ReadTransport, transport)

    def data_received(self, data: bytes) -> None:
        """Hand on what came."""
        self._on_output(self._stream, data)
        now = self._loop.time()
        if now - self._since >= _SPAN:
            self._pieces, self._since = 0, now
        self._pieces += 1
        if self._pieces > _OFTEN:
            self._rest(True)
            self._loop.call_later(_REST, self._rest, False)

    def connection_lost(self, exc: Exception | None) -> None:
        """The pipe has ended."""
        if not self._drained.done():
            self._drained.set_result(None)

    def hold(self, held: bool) -> None:
        """Let the pipe fill, or go on."""
        self._held = held
        self._turn()

    def _rest(self, rests: bool) -> None:
        self._rests = rests
        self._turn()

    def _turn(self) -> None:
        assert self._transport is not None
        if not self._held and not self._rests:
            self._transport.resume_reading()
        elif not self._transport.is_closing():
            self._transport.pause_reading()
