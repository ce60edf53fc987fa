"""What every object of a swarm has in common, and how Python names become the Engine API's."""

import secrets
from collections.abc import Mapping
from typing import Annotated, Any

import msgspec

#: Words whose spelling on the wire is not just capitalised.
_WORDS = {
    "id": "ID",
    "cpus": "CPUs",
    "tty": "TTY",
    "os": "OS",
    "pid": "PID",
    "dns": "DNS",
    "uid": "UID",
    "gid": "GID",
    "ca": "CA",
    "cas": "CAs",
    "ips": "IPs",
    "tls": "TLS",
    "ipam": "IPAM",
    "url": "URL",
    "ipv6": "IPv6",
    "ipv4": "IPv4",
    "selinux": "SELinux",
    "apparmor": "AppArmor",
}


def wire_name(name: str) -> str:
    """The Engine API's spelling of a field: `node_id` -> `NodeID`, `nano_cpus` -> `NanoCPUs`."""
    return "".join(_WORDS.get(word, word.capitalize()) for word in name.rstrip("_").split("_"))


class Spec(msgspec.Struct, frozen=True, kw_only=True, rename=wire_name, omit_defaults=True, gc=False):
    """Base of everything that is sent or received as JSON.

    Neither these nor objects are looked at by the garbage collector: frozen trees have no cycles, and there may be
    millions of them.

    A field whose default is a plain value is left out of the JSON when it holds that value, as Go does for `omitempty`.
    A field that Go always writes takes its default from one of the factories below (`always_*`).
    """


class Object(msgspec.Struct, frozen=True, kw_only=True, rename=wire_name, omit_defaults=True, gc=False):
    """Base of everything in the store. Instants are Unix nanoseconds; `version` is the index of its last write."""

    id: str
    version: int = 0
    created_at: int = 0
    updated_at: int = 0


def always_zero() -> Any:
    """Default of a number that is written even when zero."""
    return 0


def always_false() -> bool:
    """Default of a boolean that is written even when false."""
    return False


def always_empty() -> Any:
    """Default of a string that is written even when empty."""
    return ""


def always_labels() -> dict[str, str]:
    """Default of a map that is written even when empty."""
    return {}


def always_null() -> Any:
    """Default of a pointer that is written as null."""
    return None


#: Integers that Go decodes with a type of its own; the name appears in decoding errors.
Uint64 = Annotated[int, msgspec.Meta(extra={"go": "uint64"})]
Uint32 = Annotated[int, msgspec.Meta(extra={"go": "uint32"})]
Uint16 = Annotated[int, msgspec.Meta(extra={"go": "uint16"})]
Uint = Annotated[int, msgspec.Meta(extra={"go": "uint"})]
Int = Annotated[int, msgspec.Meta(extra={"go": "int"})]
#: Nanoseconds, as Go's time.Duration.
Duration = Annotated[int, msgspec.Meta(extra={"go": "time.Duration"})]
Float32 = Annotated[float, msgspec.Meta(extra={"go": "float32"})]

Labels = Mapping[str, str]
Strings = tuple[str, ...]

_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"
_ID_SPACE = 36**25


def base36(number: int, width: int) -> str:
    """`number` in base 36, padded with zeros on the left."""
    digits = []
    while number:
        number, digit = divmod(number, 36)
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits)).rjust(width, "0")


def new_id() -> str:
    """A fresh object id: 25 characters of base 36 (SK: identity/randomid.go)."""
    return base36(secrets.randbelow(_ID_SPACE), 25)


def new_container_id() -> str:
    """A fresh id of a container, or of a command in one: 64 hexadecimal digits."""
    return secrets.token_hex(32)


class Annotated_(Spec, frozen=True):  # noqa: N801  (typing has an Annotated)
    """Name and labels, the head of most specs."""

    name: str = ""
    labels: Labels = msgspec.field(default_factory=always_labels)


class Driver(Spec, frozen=True):
    """A plugin by name, with its options."""

    name: str = ""
    options: Labels = msgspec.field(default_factory=dict)
