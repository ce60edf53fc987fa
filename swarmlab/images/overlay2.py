"""Where the overlay2 driver of a real engine keeps layers (MB: daemon/graphdriver/overlay2)."""

import base64
import hashlib

ROOT = "/var/lib/docker/overlay2"


def layer_name(*parts: str) -> str:
    """A layer's directory: random in Docker, here always the same for the same layer or container."""
    return hashlib.sha256("/".join(("overlay2", *parts)).encode()).hexdigest()


def short_link(layer: str) -> str:
    """The short name by which mount options refer to a layer's files."""
    return f"{ROOT}/l/{base64.b32encode(hashlib.sha256(layer.encode()).digest()).decode()[:26]}"
