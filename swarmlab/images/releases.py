"""Which tag of a repository a further one is a release of: `1.19.7-alpine` is one of `1.19-alpine`."""

import re
from collections.abc import Mapping

_TAG = re.compile(r"(\d+(?:\.\d+)*)?-?(.*)")
#: What a tag says of the release of the system that the image is made of.
_SYSTEM = re.compile(
    r"(?:^|-)(?:trixie|bookworm|bullseye|buster|stretch|jessie|noble|jammy|focal|bionic|xenial)$|(?<=alpine)3\.\d+$"
)


def point_release(wanted: str, versions: Mapping[str, str]) -> tuple[str, str] | None:
    """The tag that a wanted one is like, and the version that it has; None if it is like none.

    `versions` has the full version of each tag that there is: none of them has a later release.
    """
    match = _TAG.fullmatch(wanted)
    assert match is not None
    number, system = match[1] or "", _SYSTEM.sub("", match[2])
    parts = number.split(".") if number else []
    for length in range(len(parts), -1, -1):
        known = "-".join(filter(None, (".".join(parts[:length]), system))) or "latest"
        version = versions.get(known)
        if version is None or (length == 0 and parts):
            continue
        if length == len(parts):
            return known, version
        return (known, number) if _numbers(number) <= _numbers(version) else None
    return None


def _numbers(version: str) -> list[int]:
    return [int(part) for part in version.split(".") if part.isdecimal()]
