"""Ends scripts that evaluate themselves without end, before the shell's interpreter has no stack left and crashes.

The interpreter does not count how deep `eval` goes, and asks for nothing on the way where Python could see it. But its
stack grows, and memory of a stack that nobody has used yet is not there: a page that lies deeper than any sound script
gets tells that one runs away. It is looked for several times a second, as long as any script runs; from there to the
end of the stack the interpreter takes about a second, since each level costs more than the one before.

Whose stack it was cannot be seen: whoever computes at that moment is ended, and not who waits for something.
"""

import ctypes
import mmap
import os
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from swarmlab.runtime.virtual.files import stackguard

#: Seconds of real time between two looks, and after how many of them the stacks are listed anew: that takes long.
_INTERVAL, _LISTED = 0.05, 20
#: The part of a stack that no sound script gets to, and how much of it is looked at, in bytes.
_DEEP = 1.5 * stackguard.SHARE
_LOOKED_AT = 16 * mmap.PAGESIZE
#: A stack and its guard page, as Linux lists them.
_MAPPED = re.compile(r"^[0-9a-f]+-([0-9a-f]+) ---p .*\n([0-9a-f]+)-([0-9a-f]+) rw-p 0+ 00:00 0 *$", re.MULTILINE)
#: By how much a stack may differ from what was asked for, in bytes.
_ROUGHLY = 1 << 16
_MAPS, _MEMORY = Path("/proc/self/maps"), Path("/proc/self/mem")


class Stack(NamedTuple):
    """Where a thread's stack is: its lowest address, and the one after the highest."""

    low: int
    high: int


class Run:
    """A shell's scripts."""

    def __init__(self) -> None:
        #: Whether it was ended because it ran away.
        self.is_ended = False
        #: How many commands it waits for now, and how many it has waited for; and what that was at the last look.
        self.inside = 0
        self._calls = self._seen = 0

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """As long as it waits for a command."""
        self.inside += 1
        self._calls += 1
        try:
            yield
        finally:
            self.inside -= 1

    def computes(self) -> bool:
        """Whether it has not only waited since the last call."""
        calls, self._seen = self._seen, self._calls
        return not self.inside or calls != self._calls


class Runaways:
    """All scripts that run, and the stacks on which they do."""

    def __init__(self, stacks: Callable[[], Sequence[Stack]]) -> None:
        self._stacks = stacks
        self._known: Sequence[Stack] = ()
        self._looks = 0
        #: How each of them is ended.
        self._runs: dict[Run, Callable[[], None]] = {}
        #: Those that were ended and have not left yet; and what they have left where nobody should be.
        self._leaving: set[Run] = set()
        self._left: dict[Stack, bytes] = {}
        self._lock = threading.Lock()
        self._any = threading.Event()
        self._thread: threading.Thread | None = None

    @contextmanager
    def watched(self, run: Run, cancel: Callable[[], None]) -> Iterator[None]:
        """As long as a script runs, which `cancel` ends from any thread."""
        run.is_ended = False
        self._runs[run] = cancel
        self._any.set()
        if self._thread is None:
            self._thread = threading.Thread(target=self._watch, name="swarmlab-stacks", daemon=True)
            self._thread.start()
        try:
            yield
        finally:
            with self._lock:
                del self._runs[run]
                self._leaving.discard(run)
                if run.is_ended:
                    # At once: the next one may be as deep within a moment. The memory stays, and what is left in it.
                    self._left = {stack: _content(stack) for stack in self._left}

    def _watch(self) -> None:
        while self._any.wait():
            if not self._runs:
                self._any.clear()
            threading.Event().wait(_INTERVAL)
            with self._lock:
                self.look()

    def look(self) -> None:
        """End who runs away, if somebody does."""
        runs = dict(self._runs)
        computing = [run for run in runs if run.computes()]
        if not self._looks % _LISTED:
            self._known = self._stacks()
        self._looks += 1
        deep = [stack for stack in self._known if self._is_used(stack)]
        if not deep:
            return
        self._left.update(dict.fromkeys(deep, b""))
        for run in computing or runs:
            run.is_ended = True
            self._leaving.add(run)
            runs[run]()

    def _is_used(self, stack: Stack) -> bool:
        """Whether somebody is deep down a stack who was not there before."""
        if stack not in self._left:
            return _is_there(stack)
        return not self._leaving and _content(stack) != self._left[stack]


def interpreters() -> Sequence[Stack]:
    """The stacks of the interpreter's threads, as far as the system tells: on Linux."""
    size = stackguard.size()
    with suppress(OSError):
        found = [
            Stack(int(low, 16), int(high, 16)) for end, low, high in _MAPPED.findall(_MAPS.read_text()) if end == low
        ]
        return [stack for stack in found if abs(stack.high - stack.low - size) <= _ROUGHLY]
    return ()


def _deep(stack: Stack) -> int:
    """The address below which nobody should be."""
    return stack.high - int((stack.high - stack.low) * _DEEP) // mmap.PAGESIZE * mmap.PAGESIZE


def _is_there(stack: Stack) -> bool:
    """Whether there is memory below that address, so that somebody was there."""
    pages = (ctypes.c_ubyte * (_LOOKED_AT // mmap.PAGESIZE))()
    failed = _C.mincore(ctypes.c_void_p(_deep(stack) - _LOOKED_AT), ctypes.c_size_t(_LOOKED_AT), pages)
    return not failed and any(page & 1 for page in pages)


def _content(stack: Stack) -> bytes:
    """What is in that memory; nothing when the thread has ended."""
    with suppress(OSError), _MEMORY.open("rb", buffering=0) as memory:
        return os.pread(memory.fileno(), _LOOKED_AT, _deep(stack) - _LOOKED_AT)
    return b""


_C = ctypes.CDLL(None)

#: The interpreter's threads are the process's.
RUNAWAYS = Runaways(interpreters)
