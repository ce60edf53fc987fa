"""How a service is given configs and secrets."""

from fnmatch import fnmatchcase
from typing import Any

import msgspec

from checker import values
from checker.facts.properties import Fields, container

#: The mode of what may be run.
EXECUTABLE = "executable"
_EXECUTABLE = 0o111


class Given(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A config or secret as it should be given: `source` is its name, `target` the file, `mode` the permissions.

    A `*` in the target stands for any text. The mode may be `executable`: by everybody, whatever else it allows.
    """

    source: str
    target: str | None = None
    mode: str | int | None = None

    def text(self) -> str:
        """`source at target with mode`."""
        at = f" at {self.target}" if self.target is not None else ""
        return f"{self.source}{at}" + (f" with mode {self.mode}" if self.mode is not None else "")

    def fits(self, path: str, mode: int, folder: str) -> list[bool]:
        """Whether path and permissions are as they should be, as far as that is said."""
        found = []
        if self.target is not None:
            found.append(fnmatchcase(path, _path(self.target, folder).replace("[", "[[]").replace("?", "[?]")))
        if self.mode is not None:
            found.append(
                mode & _EXECUTABLE == _EXECUTABLE if self.mode == EXECUTABLE else mode == values.mode(self.mode)
            )
        return found


#: Where the file is when its target is no whole path, and what the object is called in a container's spec.
KINDS = {"config": ("/", "Configs", "ConfigName"), "secret": ("/run/secrets/", "Secrets", "SecretName")}


def given(service: Fields, kind: str) -> list[tuple[str, str, int]]:
    """Each config or secret of a service: name, path in the container, permissions."""
    folder, key, name = KINDS[kind]
    found = []
    for reference in container(service).get(key) or ():
        file: dict[str, Any] = reference.get("File") or {}
        mode = file.get("Mode")
        path = _path(str(file.get("Name") or ""), folder)
        found.append((str(reference.get(name) or ""), path, 0o444 if mode is None else int(mode)))
    return found


def nearest(service: Fields, kind: str, wanted: Given) -> tuple[float, str]:
    """How nearly a service has what is wanted, and what it has instead."""
    folder = KINDS[kind][0]
    best = (0.0, "")
    for source, path, mode in given(service, kind):
        # Which one it is tells more than where it is.
        checks = [source == wanted.source] * 2 + wanted.fits(path, mode, folder)
        score = sum(checks) / len(checks)
        if score > best[0] or not best[1]:
            best = (score, f"{source} at {path} with mode {mode:04o}")
    return best


def _path(target: str, folder: str) -> str:
    return target if target.startswith("/") else folder + target
