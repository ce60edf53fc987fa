"""Secrets of one container for its real processes: in memory where the machine lets them, and only while it runs."""

import hashlib
import os
from collections.abc import Callable, Mapping
from pathlib import Path

from swarmlab.runtime.base import File
from swarmlab.runtime.virtual.mounts import Place
from swarmlab.runtime.virtual.realfiles import write_private

#: Where Docker puts secrets; nothing else is there.
SECRETS = "/run/secrets"


class SecretFiles:
    """Where they are on this machine."""

    def __init__(self, files: Mapping[str, File], directory: Path, private: Callable[[], Path]) -> None:
        """`files` are all that the engine puts in, by path; `private` gives a folder for secrets of all containers."""
        self._files = files
        self._directory = directory
        self._private = private
        #: Whether they have been needed in real files.
        self.shown = False

    @property
    def paths(self) -> set[str]:
        """The paths of files that are secret."""
        return {path for path, file in self._files.items() if file.secret}

    def show(self) -> Place | None:
        """Write those in their usual place; that place. None when there are none, or when they are there already."""
        if self.shown or not self.paths:
            return None
        self.shown = True
        below = {path: file for path, file in self._files.items() if path.startswith(f"{SECRETS}/")}
        if not below:
            return None
        folder = self._private() / hashlib.sha256(os.fsencode(self._directory)).hexdigest()[:16]
        for path, file in below.items():
            real = folder / path[len(SECRETS) + 1 :]
            real.unlink(missing_ok=True)
            write_private(real, file.data)
            # Nobody else comes into the folder, so its files may say what they say in Docker.
            real.chmod(file.mode & 0o777 | 0o400)
        return Place(SECRETS, folder)

    def elsewhere(self, place_of: Callable[[str], Place | None]) -> dict[str, Path]:
        """Those that have other places, and are real files in the container's directory: where, by path."""
        found = {}
        for path in self.paths:
            place = place_of(path)
            if place is not None and place.source is not None and place.source.is_relative_to(self._directory):
                found[path] = place.source / place.inner(path).lstrip("/")
        return found
