"""Secrets of one container for its real processes: in memory where the machine lets them, and only while it runs."""

import hashlib
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from swarmlab.runtime.base import File
from swarmlab.runtime.virtual.files.mounts import Place
from swarmlab.runtime.virtual.files.quota import Quota
from swarmlab.runtime.virtual.files.realfiles import write_private

#: Where Docker puts secrets; nothing else is there.
SECRETS = "/run/secrets"
#: Folders for those and for all others.
_USUAL, _ELSEWHERE = "usual", "elsewhere"


class SecretFiles:
    """Where they are on this machine."""

    def __init__(self, files: Mapping[str, File], directory: Path, private: Callable[[], Path], quota: Quota) -> None:
        """`files` are all that the engine puts in, by path; `private` gives a folder for secrets of all containers."""
        self._files = files
        self._directory = directory
        self._private = private
        self._quota = quota
        #: Whether they have been needed in real files.
        self.shown = False

    @property
    def paths(self) -> set[str]:
        """The paths of files that are secret."""
        return {path for path, file in self._files.items() if file.secret}

    @property
    def folder(self) -> Path:
        """Where they are; nobody else comes in there."""
        return self._private() / hashlib.sha256(os.fsencode(self._directory)).hexdigest()[:16]

    def show(self) -> Place | None:
        """Write those in their usual place; that place. None when there are none, or when they are there already."""
        if self.shown or not self.paths:
            return None
        self.shown = True
        below = {path for path in self.paths if path.startswith(f"{SECRETS}/")}
        if not below:
            return None
        for path in below:
            self._write(path, self.folder / _USUAL / path[len(SECRETS) + 1 :])
        return Place(SECRETS, self.folder / _USUAL, self._quota)

    def put(self, path: str, real: Path) -> bool:
        """Let a real process see a secret that has another place, by a link there; False for a file that is none.

        `real` is where the container's path is on this machine.
        """
        if path not in self.paths:
            return False
        self._write(path, kept := self.kept(path))
        real.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        real.unlink(missing_ok=True)
        real.symlink_to(kept)
        return True

    def kept(self, path: str) -> Path:
        """The real file of a secret that has another place."""
        return self.folder / _ELSEWHERE / path.lstrip("/")

    def others(self) -> Path | None:
        """The folder of all that have other places; None when there is none."""
        return None if all(path.startswith(f"{SECRETS}/") for path in self.paths) else self.folder / _ELSEWHERE

    def elsewhere(self, place_of: Callable[[str], Place | None]) -> dict[str, Path]:
        """Those that have other places, and are there in the container's directory: where, by path."""
        found = {}
        for path in self.paths:
            place = place_of(path)
            if place is not None and place.source is not None and place.source.is_relative_to(self._directory):
                found[path] = place.source / place.inner(path).lstrip("/")
        return found

    def forget(self) -> None:
        """Remove them all from the machine."""
        if self.shown:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _write(self, path: str, real: Path) -> None:
        file = self._files[path]
        real.unlink(missing_ok=True)
        write_private(real, file.data)
        # Nobody else comes into the folder, so its files may say what they say in Docker.
        real.chmod(file.mode & 0o777 | 0o400)
