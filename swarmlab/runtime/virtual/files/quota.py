"""How much all containers of a lab may write to this machine's disk."""

import errno
import os
import shutil
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

#: Bytes that a lab's volumes and containers may have on the disk, all together, and that are left free on any disk.
MOST, LEAST_FREE = 2 << 30, 1 << 30
#: What files have on the disk is counted in these, in bytes.
PAGE = 4096
#: So many bytes are written between two looks at the disk.
STEP = 64 << 20


class Quota:
    """Admits what is about to be written. Its methods may be called in any thread."""

    def __init__(self, folders: Sequence[Path], most: int = MOST, free: Callable[[str], int] | None = None) -> None:
        """`folders` are what is measured: a look at every file in them, after each 64 MB; `most` is in bytes.

        `free` tells how many bytes are free on a path's disk.
        """
        self._folders = folders
        #: Bytes for everything together.
        self.most = most
        self._free = free or (lambda path: shutil.disk_usage(path).free)
        self._room: dict[str, int] = {}
        self._lock = threading.Lock()

    def take(self, path: str, size: int) -> None:
        """So many bytes are going to be written at a path. Raises OSError (ENOSPC) when that is too much."""
        with self._lock:
            left = self._room.get(path, 0) - size
            if left < 0:
                left = min(self._measured(path), STEP + size) - size
            if left < 0:
                self._room.pop(path, None)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            self._room[path] = left

    def room(self, path: str) -> int:
        """The bytes, in whole pages, that can be written at a path after `take` has refused."""
        with self._lock:
            return max(0, self._measured(path)) // PAGE * PAGE

    def left(self) -> int:
        """The bytes that there is room for in the folders, less than nothing when there are too many already."""
        return self.most - sum(map(used, self._folders))

    def _measured(self, path: str) -> int:
        # What others have been promised and not written yet is as good as written.
        promised = sum(room for other, room in self._room.items() if other != path)
        free = self._free(path) - LEAST_FREE
        if not any(Path(path).is_relative_to(os.path.realpath(folder)) for folder in self._folders):
            # A directory of the user's own is bound there: what it holds is nobody's business.
            return free
        return min(self.left() - promised, free)


def used(folder: Path) -> int:
    """The bytes that everything in a folder has on the disk; what is linked from elsewhere, too, is not counted."""
    total = 0
    waiting = [os.fspath(folder)]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    found = entry.stat(follow_symlinks=False)
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                    elif found.st_nlink == 1:
                        total += found.st_blocks * 512
        except OSError:
            # It has gone meanwhile.
            continue
    return total
