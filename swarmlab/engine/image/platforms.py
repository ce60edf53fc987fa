"""Platforms in requests, `linux/arm64/v8` and the like (containerd: platforms)."""

import json
import platform
import re
from typing import NamedTuple

from swarmlab.engine.errors import bad_request, not_found
from swarmlab.images import Image

_COMPONENT = re.compile(r"[A-Za-z0-9_.-]+")
_SYSTEMS = frozenset(
    """
    aix android darwin dragonfly freebsd hurd illumos ios js linux nacl netbsd openbsd plan9 solaris windows zos
    """.split()  # noqa: SIM905
)
_ARCHITECTURES = frozenset(
    """
    386 amd64 amd64p32 arm armbe arm64 arm64be ppc64 ppc64le loong64 mips mipsle mips64 mips64le mips64p32 mips64p32le
    ppc riscv riscv64 s390 s390x sparc sparc64 wasm
    """.split()  # noqa: SIM905
)
_SAME = {
    "i386": ("386", ""), "x86_64": ("amd64", ""), "x86-64": ("amd64", ""), "aarch64": ("arm64", ""),
    "armhf": ("arm", "v7"), "armel": ("arm", "v6"),
}  # fmt: skip
#: What a processor runs beside its own programs.
_ALSO = {"amd64": "386", "arm64": "arm"}
#: Those for which registries have images.
_PUBLISHED = frozenset({"386", "amd64", "arm", "arm64", "mips64le", "ppc64le", "riscv64", "s390x"})


class Platform(NamedTuple):
    """An operating system and a processor, in Go's names; `variant` is empty for a processor's usual one."""

    os: str
    architecture: str
    variant: str = ""

    def __str__(self) -> str:
        return "/".join(filter(None, self))


def parse(text: str) -> Platform | None:
    """The platform that is asked for, None without one. Raises EngineError (400)."""
    if not text:
        return None
    parts = text.split("/")
    for part in parts:
        if not _COMPONENT.fullmatch(part):
            raise bad_request(
                f'"{part}" is an invalid component of "{text}": platform specifier component must match '
                '"^[A-Za-z0-9_-]+$": invalid argument'
            )
    if len(parts) > 3:
        raise bad_request(f'"{text}": cannot parse platform specifier: invalid argument')
    if len(parts) == 3:
        architecture, variant = _processor(*parts[1:])
        return Platform(_system(parts[0]), architecture, variant or ("v8" if architecture == "arm64" else ""))
    if len(parts) == 2:
        architecture, variant = _processor(parts[1], "")
        return Platform(_system(parts[0]), architecture, "" if (architecture, variant) == ("arm", "v7") else variant)
    if _system(text) in _SYSTEMS:
        return Platform(_system(text), *_processor(platform.machine().lower(), ""))
    architecture, variant = _processor(text, "")
    if architecture not in _ARCHITECTURES:
        raise bad_request(f'"{text}": unknown operating system or architecture: invalid argument')
    return Platform("linux", architecture, variant)


def check(image: Image, reference: str, wanted: Platform | None) -> None:
    """Raises EngineError (404) when an image is for another platform than is wanted (MB: daemon/images/image.go)."""
    if wanted is None or matches(image, wanted):
        return
    raise not_found(
        f"image with reference {reference} was found but does not match the specified platform: wanted {wanted}, "
        f"actual: {image.os}/{image.architecture}"
    )


def matches(image: Image, wanted: Platform) -> bool:
    """Whether an image is for a platform; one that does not say is for any."""
    fitting = {"", wanted.architecture, _ALSO.get(wanted.architecture, wanted.architecture)}
    return image.os == wanted.os and image.architecture in fitting


def made_for(image: Image, wanted: Platform | None) -> bytes:
    """The configuration of a registry's image for a platform: programs here run on any. Raises EngineError (404)."""
    if wanted is None or (wanted.os, wanted.architecture) == (image.os, image.architecture):
        return image.document
    if wanted.os != "linux" or wanted.architecture not in _PUBLISHED:
        raise not_found(f"no matching manifest for {wanted} in the manifest list entries")
    described = {**json.loads(image.document), "architecture": wanted.architecture}
    if wanted.variant:
        described["variant"] = wanted.variant
    return json.dumps(described, separators=(",", ":")).encode()


def _system(name: str) -> str:
    return {"macos": "darwin"}.get(name.lower(), name.lower())


def _processor(name: str, variant: str) -> tuple[str, str]:
    name, variant = name.lower(), variant.lower()
    if name in _SAME:
        name, variant = _SAME[name][0], _SAME[name][1] or variant
    if name == "arm":
        return name, {"": "v7", "7": "v7", "5": "v5", "6": "v6", "8": "v8"}.get(variant, variant)
    usual = {"amd64": {"v1"}, "arm64": {"8", "v8"}}.get(name, set())
    return name, "" if variant in usual else variant
