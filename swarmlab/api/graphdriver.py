"""The layers of images and containers as the overlay2 driver would keep them (MB: daemon/graphdriver/overlay2)."""

import hashlib
from collections.abc import Sequence
from typing import Any

from swarmlab.images import Image

_ROOT = "/var/lib/docker/overlay2"


def of_image(image: Image) -> dict[str, Any]:
    """`GraphDriver` of an image: the uppermost layer on those below it."""
    if not image.layers:
        return {"Data": None, "Name": "overlay2"}
    *below, top = (_name(image.id, layer) for layer in image.layers)
    return _overlay(top, below)


def of_container(container_id: str, image: Image | None) -> dict[str, Any]:
    """`GraphDriver` of a container: a layer of its own on those of its image, which may be gone."""
    name = _name(container_id)
    layers = [_name(image.id, layer) for layer in image.layers] if image is not None else []
    return _overlay(name, [*layers, f"{name}-init"])


def _name(*parts: str) -> str:
    """A directory's name: random in Docker, here always the same for the same layer."""
    return hashlib.sha256("/".join(("overlay2", *parts)).encode()).hexdigest()


def _overlay(name: str, below: Sequence[str]) -> dict[str, Any]:
    data = {"LowerDir": ":".join(f"{_ROOT}/{layer}/diff" for layer in reversed(below))} if below else {}
    data |= {
        "MergedDir": f"{_ROOT}/{name}/merged",
        "UpperDir": f"{_ROOT}/{name}/diff",
        "WorkDir": f"{_ROOT}/{name}/work",
    }
    return {"Data": data, "Name": "overlay2"}
