"""The layers of images and containers as the overlay2 driver would keep them (MB: daemon/graphdriver/overlay2)."""

from collections.abc import Sequence
from typing import Any

from swarmlab.images import Image
from swarmlab.images.overlay2 import ROOT, layer_name


def of_image(image: Image) -> dict[str, Any]:
    """`GraphDriver` of an image: the uppermost layer on those below it."""
    if not image.layers:
        return {"Data": None, "Name": "overlay2"}
    *below, top = (layer_name(image.id, layer) for layer in image.layers)
    return _overlay(top, below)


def of_container(container_id: str, image: Image | None) -> dict[str, Any]:
    """`GraphDriver` of a container: a layer of its own on those of its image, which may be gone."""
    name = layer_name(container_id)
    layers = [layer_name(image.id, layer) for layer in image.layers] if image is not None else []
    return _overlay(name, [*layers, f"{name}-init"])


def _overlay(name: str, below: Sequence[str]) -> dict[str, Any]:
    data = {"LowerDir": ":".join(f"{ROOT}/{layer}/diff" for layer in reversed(below))} if below else {}
    data |= {
        "MergedDir": f"{ROOT}/{name}/merged",
        "UpperDir": f"{ROOT}/{name}/diff",
        "WorkDir": f"{ROOT}/{name}/work",
    }
    return {"Data": data, "Name": "overlay2"}
