"""Where secrets of containers lie that real processes read: in memory, as in Docker, where this machine lets them.

The folder's name follows from the lab's own, so that whoever comes after a crash finds it.
"""

import hashlib
import os
import shutil
import stat
from pathlib import Path


def private_folder(state: Path) -> Path:
    """A folder that only this user may enter, for the containers in `state`: in memory, else in `state`.

    It is made by the first call.
    """
    for folder in _in_memory(state):
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
            found = folder.lstat()
        except OSError:
            continue
        # Anybody may make folders there: one that is not ours, or open to others, is none for secrets.
        if stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o077:
            return folder
    folder = _on_disk(state)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def remove_private_folders(state: Path) -> None:
    """Remove what there is for `state`, wherever it is."""
    for folder in (*_in_memory(state), _on_disk(state)):
        shutil.rmtree(folder, ignore_errors=True)


def _on_disk(state: Path) -> Path:
    return state / "private"


def _in_memory(state: Path) -> list[Path]:
    name = f"swarmlab-{hashlib.sha256(os.fsencode(state.resolve())).hexdigest()[:16]}"
    # Linux only: elsewhere there are no such file systems, or nobody promises that they are in memory.
    bases = (os.environ.get("XDG_RUNTIME_DIR", ""), "/dev/shm") if os.path.isdir("/dev/shm") else ()  # noqa: S108
    return [Path(base) / name for base in bases if os.path.isabs(base) and os.access(base, os.W_OK)]
