"""Wheels for `pip install` in containers: a folder of the lab's, filled from the index or else from the lab itself."""

import base64
import hashlib
import zipfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement

#: What an installation writes anew, and what belongs to this machine only.
_OWN = frozenset({"RECORD", "INSTALLER", "REQUESTED", "direct_url.json"})


def add_installed(requirements: list[str], folder: Path) -> None:
    """Make wheels of those packages that the lab's own environment has, and of what they need.

    That is all there is on a machine without a network. Nothing happens for packages that are not there.
    """
    seen: set[str] = set()
    for name in requirements:
        for distribution in _with_needs(name, seen):
            _make(distribution, folder)


def _with_needs(text: str, seen: set[str]) -> Iterator[metadata.Distribution]:
    try:
        requirement = Requirement(text)
        wanted = [{"extra": extra} for extra in requirement.extras] or [{"extra": ""}]
        if requirement.marker is not None and not any(requirement.marker.evaluate(each) for each in wanted):
            return
        distribution = metadata.distribution(requirement.name)
    except (InvalidRequirement, metadata.PackageNotFoundError):
        return
    name = requirement.name.lower()
    if name in seen:
        return
    seen.add(name)
    yield distribution
    for need in distribution.requires or ():
        yield from _with_needs(need, seen)


def _make(distribution: metadata.Distribution, folder: Path) -> None:
    """A wheel with a distribution's files (PEP 427)."""
    lines = (distribution.read_text("WHEEL") or "").splitlines()
    tag = next((line.removeprefix("Tag: ") for line in lines if line.startswith("Tag: ")), "")
    files = [path for path in distribution.files or () if ".." not in path.parts and "__pycache__" not in path.parts]
    if not tag or any(path.suffix == ".pth" for path in files):
        # Not installed from a wheel, or only a link to somewhere else.
        return
    name = distribution.metadata["Name"].replace("-", "_").replace(".", "_")
    path = folder / f"{name}-{distribution.version}-{tag}.whl"
    if path.exists():
        return
    info = next(
        (p.parts[0] for p in files if p.parts[0].endswith(".dist-info")), f"{name}-{distribution.version}.dist-info"
    )
    rows = []
    aside = path.with_suffix(".new")
    with zipfile.ZipFile(aside, "w", zipfile.ZIP_DEFLATED) as wheel:
        for file in files:
            real = Path(str(file.locate()))
            if (file.parts[0] == info and file.name in _OWN) or not real.is_file():
                continue
            data = real.read_bytes()
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            rows.append(f"{file.as_posix()},sha256={digest},{len(data)}\n")
            wheel.writestr(file.as_posix(), data)
        wheel.writestr(f"{info}/RECORD", "".join([*rows, f"{info}/RECORD,,\n"]))
    aside.replace(path)
