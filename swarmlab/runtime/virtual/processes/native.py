"""Real processes that play programs of containers: their streams, their signals and their end."""

import asyncio
import contextlib
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from swarmlab.runtime.streams import no_input
from swarmlab.runtime.virtual.context import Context
from swarmlab.runtime.virtual.processes.process import Child

#: Signals that a process is sent; SIGKILL and SIGSTOP are never delivered to a program.
FORWARDED = ("SIGHUP", "SIGINT", "SIGQUIT", "SIGTERM", "SIGUSR1", "SIGUSR2", "SIGWINCH")

#: So many bytes of output may wait; then the process waits, as at a full pipe.
_ROOM = 1 << 18
#: A process that floods its output hands on so many bytes at a time and then lets the lab breathe.
_BREATH = 1 << 18

Rewrite = Callable[[bytes], bytes]


class Native:
    """One real process of a container, from its start to its end."""

    def __init__(
        self,
        context: Context,
        argv: Sequence[str],
        *,
        executable: Path,
        env: Mapping[str, str],
        cwd: Path | None = None,
        rewrite: Rewrite | None = None,
        hold_signals: bool = False,
        is_anything: bool = False,
        descriptors: Sequence[int] = (),
    ) -> None:
        """Start it. `rewrite` changes complete lines of its output. Raises OSError when it cannot be started.

        For the others see `ProcessHost.spawn`.
        """
        self._context = context
        self._rewrite = rewrite
        self._rest: dict[str, bytes] = {}
        self._queue: asyncio.Queue[tuple[str, bytes] | None] = asyncio.Queue()
        self._waiting = 0
        machine = context.machine
        machine.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        machine.has_natives = True
        machine.processes.watch.add(machine)
        self.child: Child = machine.spawn(
            argv,
            executable=executable,
            directory=machine.directory,
            env=env,
            cwd=cwd,
            has_input=context.stdin is not no_input,
            has_terminal=context.has_terminal,
            hold_signals=hold_signals,
            is_anything=is_anything,
            descriptors=descriptors,
            on_output=self._take,
        )

    async def run(self, *, end: str = "SIGKILL", grace: float = 1.0, as_init: bool = False) -> int:
        """Hand on signals and streams until it has ended; its exit code.

        Cancelling ends it: with the signal `end`, and after `grace` real seconds with SIGKILL. `as_init` lets it
        ignore what it has no handler for, as a container's first process does.
        """
        pump = asyncio.ensure_future(self._pump())
        feed = asyncio.ensure_future(self._feed())
        self._context.signals.handle(FORWARDED, lambda name: self._deliver(name, as_init=as_init))
        try:
            code = await self.child.wait()
            self._queue.put_nowait(None)
            await pump
            return code
        finally:
            feed.cancel()
            pump.cancel()
            await asyncio.gather(feed, pump, return_exceptions=True)
            await self._end(end, grace)

    async def _end(self, signal: str, grace: float) -> None:
        self.child.hold(False)
        if signal != "SIGKILL":
            self.child.signal(signal)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(self.child.exited), grace)
        self.child.signal("SIGKILL")
        await self.child.exited

    def _deliver(self, name: str, *, as_init: bool) -> None:
        if not as_init or self.child.handles(name):
            self.child.signal(name)

    def _take(self, stream: str, data: bytes) -> None:
        self._waiting += len(data)
        self._queue.put_nowait((stream, data))
        if self._waiting > _ROOM:
            self.child.hold(True)

    async def _pump(self) -> None:
        handed_on = 0
        while (item := await self._queue.get()) is not None:
            stream, data = item
            self._waiting -= len(data)
            if self._waiting <= _ROOM:
                self.child.hold(False)
            if shown := self._shown(stream, data):
                await self._context.output(stream, shown)
            handed_on += len(data)
            if handed_on >= _BREATH:
                handed_on = 0
                await asyncio.sleep(0.01)
        for stream, rest in self._rest.items():
            if rest:
                await self._context.output(stream, self._rewrite(rest) if self._rewrite is not None else rest)

    def _shown(self, stream: str, data: bytes) -> bytes:
        """What can be shown by now: with something to rewrite only complete lines, but prompts at once."""
        if self._rewrite is None:
            return data
        data = self._rest.pop(stream, b"") + data
        lines, newline, rest = data.rpartition(b"\n")
        if (
            self._context.has_terminal
            or len(rest) > _ROOM
            or rest.endswith((b"=# ", b"=> ", b"-# ", b"-> ", b">>> ", b"... ", b": ", b"? "))
        ):
            lines, newline, rest = data, b"", b""
        self._rest[stream] = rest
        return self._rewrite(lines + newline)

    async def _feed(self) -> None:
        if self._context.stdin is no_input:
            return
        try:
            async for chunk in self._context.stdin:
                await asyncio.to_thread(self.child.write, chunk)
        except OSError:
            # It reads no more; whoever writes learns nothing of it, as with a container's input.
            return
        if not self._context.has_terminal:
            await asyncio.to_thread(self.child.close_input)


async def run(
    context: Context,
    argv: Sequence[str],
    *,
    executable: Path,
    env: Mapping[str, str],
    cwd: Path | None = None,
    rewrite: Rewrite | None = None,
) -> int:
    """Run a real process to its end; its exit code. Says what is wrong, and returns 126, when it cannot be started."""
    try:
        native = Native(context, argv, executable=executable, env=env, cwd=cwd, rewrite=rewrite)
    except OSError as error:
        await context.err(f"{context.argv[0]}: {os.strerror(error.errno or 0)}\n")
        return 126
    return await native.run()


def replacing(pairs: Sequence[tuple[str, str]]) -> Rewrite:
    """A rewriter that replaces each first text with the second, in this order."""
    encoded = [(old.encode(), new.encode()) for old, new in pairs]

    def rewrite(data: bytes) -> bytes:
        for old, new in encoded:
            data = data.replace(old, new)
        return data

    return rewrite
