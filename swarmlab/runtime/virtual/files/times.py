"""When the files of a container that are kept in memory were last modified."""

import os
import posixpath
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bashkit import FileSystem

from swarmlab.images import Image
from swarmlab.runtime.virtual.files.contents import modified

_MARK = "/.swarmlab"


class Times:
    """A file system in memory knows when something was written to it, and takes no other time. All are Unix seconds."""

    def __init__(self, image: Image) -> None:
        self._image = image
        #: When the image's files were all there, as the file system says it.
        self.built = 0.0
        #: By path what was set, and when the file had been written then.
        self._given: dict[str, tuple[float, float]] = {}

    def begin(self, fs: FileSystem) -> None:
        """The image's files are there; what is written from now on is new."""
        fs.write_file(_MARK, b"")
        self.built = float(fs.stat(_MARK)["modified"])
        fs.remove(_MARK)

    def of(self, fs: FileSystem, path: str, found: Mapping[str, Any]) -> float:
        """When what is at a path was modified, of which the file system says what was `found`."""
        written, given = float(found["modified"]), self._given.get(path)
        if given is not None and given[0] == written:
            return given[1]
        if written > self.built:
            return written
        if found["file_type"] == "directory":
            # It is modified when something new is in it, which the file system does not tell.
            made = (each["metadata"]["created"] for each in fs.read_dir(path) if not self._has(path, each["name"]))
            return max((moment for moment in made if moment > self.built), default=self.in_image(path))
        return self.in_image(path)

    def _has(self, folder: str, name: str) -> bool:
        """Whether the image has something in a directory; of a directory it need not tell."""
        tree, path = self._image.tree(), posixpath.join(folder, name)
        return path in tree.files or path in tree.links or path in tree.directories

    def in_image(self, path: str) -> float:
        """The same of what the image has there."""
        return modified(self._image, path) / 1e9

    def give(self, path: str, found: Mapping[str, Any], moment: float) -> None:
        """Something says when it was modified: so it is as long as it is not written again."""
        self._given[path] = float(found["modified"]), moment


def set_time(real: Path, moment: float) -> None:
    """Set the time of a file of this machine."""
    nanoseconds = round(moment * 1e9)
    os.utime(real, ns=(nanoseconds, nanoseconds))
