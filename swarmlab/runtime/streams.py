"""Streams between a program and whoever is attached to it."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import Generic, TypeVar

T = TypeVar("T")

#: So many pieces wait in a stream; then whoever writes waits too, as at a full pipe.
_ROOM = 64


class Pipe(Generic[T]):
    """One reads what others write, piece by piece."""

    def __init__(self) -> None:
        self._pieces: deque[T] = deque()
        self._closed = False
        self._changed = asyncio.Event()

    async def write(self, piece: T) -> None:
        """Add a piece, once there is room. A closed pipe swallows it."""
        while len(self._pieces) >= _ROOM and not self._closed:
            await self._wait()
        if not self._closed:
            self._pieces.append(piece)
            self._changed.set()

    def close(self) -> None:
        """Nothing more comes: the reader gets what is left, and then the end."""
        self._closed = True
        self._changed.set()

    def drop(self) -> None:
        """Nobody reads any more: nothing that writes is held up from now on."""
        self._pieces.clear()
        self.close()

    def __aiter__(self) -> AsyncIterator[T]:
        return self

    async def __anext__(self) -> T:
        while not self._pieces:
            if self._closed:
                raise StopAsyncIteration
            await self._wait()
        self._changed.set()
        return self._pieces.popleft()

    async def _wait(self) -> None:
        self._changed.clear()
        await self._changed.wait()


class Broadcast:
    """What a program writes, for everybody who is attached at the time."""

    def __init__(self) -> None:
        self._pipes: set[Pipe[tuple[str, bytes]]] = set()

    def attach(self) -> Pipe[tuple[str, bytes]]:
        """All that comes from now on, until the end of the run."""
        pipe: Pipe[tuple[str, bytes]] = Pipe()
        self._pipes.add(pipe)
        return pipe

    def detach(self, pipe: Pipe[tuple[str, bytes]]) -> None:
        """One of those goes."""
        self._pipes.discard(pipe)
        pipe.drop()

    async def write(self, stream: str, data: bytes) -> None:
        """Hand on bytes of `stdout` or `stderr`; a reader that is slow makes the program wait."""
        for pipe in tuple(self._pipes):
            await pipe.write((stream, data))

    def end(self) -> None:
        """The run has ended."""
        for pipe in self._pipes:
            pipe.close()
        self._pipes.clear()


class _NoInput:
    """An empty input."""

    def __aiter__(self) -> "_NoInput":
        return self

    async def __anext__(self) -> bytes:
        raise StopAsyncIteration


no_input: AsyncIterator[bytes] = _NoInput()
