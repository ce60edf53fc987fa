"""Panoramas, drawn as SVG from a few words: the light, what stands in the landscape, and a number for its details.

The same scene is the same picture, to the byte. Lengths are in units of the drawing, which is 1600 wide and 720 high,
from the top left corner. What a scene is made of:

- `light`: one of `LIGHTS`, which has all colours and says where the sun is.
- `seed`: details are up to it: another number is another place of the same kind.
- `land`: layers from the back to the front, each with its `kind`, a function of `treks.terrain`, and its arguments.
"""

from html import escape
from random import Random
from typing import Any

from treks import terrain
from treks.canvas import HEIGHT, LIGHTS, WIDTH, Canvas


def draw(scene: dict[str, Any], title: str) -> str:
    """The picture. Raises KeyError for an unknown light or kind, TypeError for arguments that don't fit."""
    # Not for secrets: for the shapes of mountains.
    canvas = Canvas(LIGHTS[scene["light"]], Random(scene["seed"]))  # noqa: S311
    terrain.sky(canvas)
    for layer in scene["land"]:
        arguments = {key: value for key, value in layer.items() if key != "kind"}
        terrain.KINDS[layer["kind"]](canvas, **arguments)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
        f'role="img" preserveAspectRatio="xMidYMid slice"><title>{escape(title)}</title>\n{canvas.content()}\n</svg>\n'
    )
