"""File systems in memory that are mounted in a container, with the size, mode and owner that were asked for."""

import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from swarmlab.runtime.virtual.files.inmemory import walk
from swarmlab.runtime.virtual.files.mounts import Place
from swarmlab.runtime.virtual.files.quota import PAGE, Quota, used

_MODE = 0o1777
_SIZE = re.compile(r"size=(\d+)k")


class Tmpfs(Place):
    """One of them. With a size it is a directory in this machine's memory; without one it is kept as the container is.

    It is there only while the container runs. Python programs write to it beyond its size, shells do not.
    """

    def __init__(
        self, target: str, options: Sequence[str], folder: Callable[[], Path], quota: Quota, *, read_only: bool
    ) -> None:
        """`options` are as the kernel shows them, `folder` gives one of its own for a real directory."""
        super().__init__(target, None, quota, read_only=read_only)
        said = dict(option.partition("=")[::2] for option in options)
        self._mode = int(said.get("mode", f"{_MODE:o}"), 8)
        self.owner = _number(said.get("uid", "")), _number(said.get("gid", ""))
        size = next((int(found[1]) << 10 for found in map(_SIZE.fullmatch, options) if found), 0)
        self._folder = folder if size else None
        self._size = size
        self._memory.chmod("/", self._mode)

    def clear(self) -> None:
        """See `Place.clear`."""
        if self._folder is None:
            super().clear()
            self._memory.chmod("/", self._mode)
            return
        self.end()
        self.source = self._folder()
        self.source.mkdir(parents=True, mode=0o700)
        # The lab itself has to get in.
        self.source.chmod(self._mode | 0o700)
        self._quota, self._real = Quota((self.source,), most=self._size), None

    def end(self) -> None:
        """The container has ended."""
        if self._folder is not None and self.source is not None:
            shutil.rmtree(self.source, ignore_errors=True)

    def make_real(self, source: Path) -> None:
        """See `Place.make_real`."""
        if self._folder is not None:
            self.clear()
            return
        super().make_real(source)
        source.chmod(self._mode | 0o700)

    def used(self) -> int:
        """The bytes of what is in it."""
        if self.source is not None:
            return used(self.source)
        return sum(-(-int(self._memory.stat(path)["size"]) // PAGE) * PAGE for path in walk(self._memory, "/"))


def _number(text: str) -> int:
    return int(text) if text.isdecimal() else 0
