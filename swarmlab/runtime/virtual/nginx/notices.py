"""nginx's error log as a container would have it: as PID 1, with the container's file names and addresses."""

import os
import re
from collections.abc import Callable

from swarmlab.runtime.virtual.machine import Machine
from swarmlab.runtime.virtual.nginx.ways import Ways

#: How nginx finds that a way out leads nowhere.
_RESET = re.compile(r"\w+\(\) failed \(104: [^)]*\) while (?:connecting to|reading response header from) upstream")
#: Processes of nginx.
_WORKER = re.compile(r"(?<= process )\d+|(?<=signal 17 \(SIGCHLD\) received from )\d+|(?<= )(\d+)#\1(?=: )")
#: The first worker's number in a container of the official image, whose scripts have run before.
_FIRST_WORKER = 29
_SENDER = re.compile(r"(?<=\)) received from (\d+)")


class Notices:
    """The log of one nginx."""

    def __init__(self, machine: Machine, ways: Ways, restore: Callable[[str], str], version: tuple[str, str]) -> None:
        """`restore` gives a line the configuration's own names; `version` is the binary's, and the image's."""
        self._machine = machine
        self._ways = ways
        self._restore = restore
        self._real, self._claimed = version
        self._rest = b""
        #: The real number of nginx itself.
        self.pid = 0
        #: Numbers that the workers have in the container, by their real ones.
        self._workers: dict[str, int] = {}

    def take(self, data: bytes) -> bytes:
        """What of it can be shown: whole lines."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        return b"".join(self._line(line) for line in lines)

    def _line(self, line: bytes) -> bytes:
        text = line.decode("utf-8", "replace")
        if "using inherited sockets" in text:
            return b""
        text = self._restore(text)
        if "127.0.0.1:" in text:
            text, failure = self._ways.restore(text)
            if failure is not None:
                reason = f"connect() failed ({failure.errno}: {failure.strerror}) while connecting to upstream"
                text = _RESET.sub(reason, text)
        text = _SENDER.sub(self._sender, text)
        text = _WORKER.sub(self._renumbered, text).replace(f"{self._machine.directory}/root/", "/")
        if text.endswith(banner := f": nginx/{self._real}"):
            text = text.removesuffix(banner) + f": nginx/{self._claimed}"
        return text.encode() + b"\n"

    def _sender(self, found: re.Match[str]) -> str:
        """Who has sent a signal: what comes from outside of the container has no number in it."""
        if int(found[1]) != os.getpid():
            return found[0]
        inside = self._machine.pids.sender
        return f" received from {inside}" if inside else " received"

    def _renumbered(self, found: re.Match[str]) -> str:
        real = found[1] or found[0]
        number = 1 if real == str(self.pid) else self._workers.setdefault(real, _FIRST_WORKER + len(self._workers))
        return f"{number}#{number}" if found[1] else str(number)
