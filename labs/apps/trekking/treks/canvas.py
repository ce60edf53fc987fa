"""Colours, and the parts of a drawing."""

from collections.abc import Sequence
from random import Random
from typing import NamedTuple

WIDTH, HEIGHT = 1600, 720

Point = tuple[float, float]


class Light(NamedTuple):
    """The colours of a time of day. `sun` is where the sun or moon stands."""

    sky: tuple[str, str, str]
    haze: str
    near: str
    lit: str
    shade: str
    snow: str
    water: str
    leaf: str
    sun: Point
    disc: str
    stars: bool = False


LIGHTS = {
    "dawn": Light(
        ("#40619c", "#e7a59c", "#ffe3bd"), "#e9b9ae", "#2d3f5e", "#ffd3a1", "#2a3156", "#fff1e4",
        "#7d8db4", "#2c4a50", (1130, 372), "#fff3d0",
    ),
    "day": Light(
        ("#3f8fd0", "#8cc5ea", "#e4f3f8"), "#b4d3e4", "#2f5d50", "#f7efcf", "#27485c", "#ffffff",
        "#4d93b8", "#2f6a4a", (1240, 150), "#fffbe6",
    ),
    "autumn": Light(
        ("#6f9fc4", "#c9d6d3", "#fbe8c6"), "#d9c3a3", "#6b4a2b", "#ffdf9e", "#54402f", "#fff9ee",
        "#7fa0a6", "#b9652a", (380, 210), "#fff4cf",
    ),
    "desert": Light(
        ("#3d7fb5", "#f0b98a", "#ffe0b0"), "#eeb287", "#8a3f2a", "#ffc98a", "#6a2f2c", "#ffe9cf",
        "#8fb0b0", "#6d7a45", (520, 330), "#fff2c8",
    ),
    "dusk": Light(
        ("#1f2452", "#7a3f7c", "#f58f6c"), "#a9587f", "#1b1c3b", "#ff9f7a", "#191a3d", "#ffd9cf",
        "#5a4a84", "#20254a", (640, 420), "#ffd7a1", stars=True,
    ),
    "night": Light(
        ("#0a1030", "#14305a", "#2f6f86"), "#285675", "#0a1430", "#6fb7bd", "#081027", "#cfe6f0",
        "#1c4a68", "#0c1f35", (1290, 130), "#f4f1dd", stars=True,
    ),
}  # fmt: skip


def mix(first: str, second: str, share: float) -> str:
    """A colour between two: 0 is the first, 1 the second."""
    pairs = ((int(first[i : i + 2], 16), int(second[i : i + 2], 16)) for i in (1, 3, 5))
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in pairs)


def rough(random: Random, start: Point, end: Point, wildness: float, depth: int = 4) -> list[Point]:
    """A line as nature makes it, from `start` to `end`, without its end; `wildness` is a share of its length."""
    if not depth:
        return [start]
    (x0, y0), (x1, y1) = start, end
    reach = (abs(x1 - x0) + abs(y1 - y0)) * wildness
    middle = ((x0 + x1) / 2 + random.uniform(-reach, reach) / 3, (y0 + y1) / 2 + random.uniform(-reach, reach))
    return [*rough(random, start, middle, wildness, depth - 1), *rough(random, middle, end, wildness, depth - 1)]


class Canvas:
    """What has been drawn so far, from the back to the front."""

    def __init__(self, light: Light, random: Random) -> None:
        self.light = light
        self.random = random
        self._definitions: list[str] = []
        self._parts: list[str] = []
        self._names = 0

    def define(self, definition: str) -> str:
        """Define something in which {} stands for its name; the name."""
        self._names += 1
        name = f"d{self._names}"
        self._definitions.append(definition.replace("{}", name, 1))
        return name

    def _fill(self, definition: str) -> str:
        return f"url(#{self.define(definition)})"

    def gradient(self, top: str, bottom: str, *, middle: str = "", flat: bool = False) -> str:
        """A fill from top to bottom of what it fills, or from left to right when `flat`."""
        to = 'x2="1" y2="0"' if flat else 'x2="0" y2="1"'
        inner = f'<stop offset=".55" stop-color="{middle}"/>' if middle else ""
        stops = f'<stop offset="0" stop-color="{top}"/>{inner}<stop offset="1" stop-color="{bottom}"/>'
        return self._fill(f'<linearGradient id="{{}}" x1="0" y1="0" {to}>{stops}</linearGradient>')

    def gradient_up(self, colour: str) -> str:
        """A fill that is nothing at its top, and the colour from its middle on."""
        stops = (
            f'<stop offset="0" stop-color="{colour}" stop-opacity="0"/><stop offset=".5" stop-color="{colour}"/>'
            f'<stop offset="1" stop-color="{colour}"/>'
        )
        return self._fill(f'<linearGradient id="{{}}" x1="0" y1="0" x2="0" y2="1">{stops}</linearGradient>')

    def glow(self, colour: str, strength: float) -> str:
        """A fill that is strong in its middle and nothing at its edge."""
        stops = (
            f'<stop offset="0" stop-color="{colour}" stop-opacity="{strength:g}"/>'
            f'<stop offset="1" stop-color="{colour}" stop-opacity="0"/>'
        )
        return self._fill(f'<radialGradient id="{{}}">{stops}</radialGradient>')

    def polygon(
        self, points: Sequence[Point], fill: str, *, opacity: float = 1, clip: str = "", extra: str = ""
    ) -> None:
        """A surface."""
        self.add(f'<path d="{outline(points)}Z" fill="{fill}"{_rest(opacity, clip)}{extra}/>')

    def circle(self, at: Point, radius: float, fill: str, *, opacity: float = 1) -> None:
        """A disc."""
        self.add(f'<circle cx="{at[0]:.0f}" cy="{at[1]:.0f}" r="{radius:.1f}" fill="{fill}"{_rest(opacity)}/>')

    def ellipse(self, at: Point, radii: Point, fill: str, *, opacity: float = 1) -> None:
        """An ellipse."""
        (x, y), (across, down) = at, radii
        self.add(
            f'<ellipse cx="{x:.0f}" cy="{y:.0f}" rx="{across:.0f}" ry="{down:.0f}" fill="{fill}"{_rest(opacity)}/>'
        )

    def line(self, points: Sequence[Point], colour: str, width: float, *, opacity: float = 1, extra: str = "") -> None:
        """A line."""
        self.add(
            f'<path d="{outline(points)}" fill="none" stroke="{colour}" stroke-width="{width:g}" '
            f'stroke-linecap="round" stroke-linejoin="round"{_rest(opacity)}{extra}/>'
        )

    def clip(self, points: Sequence[Point]) -> str:
        """Something to draw within."""
        return self.define(f'<clipPath id="{{}}"><path d="{outline(points)}Z"/></clipPath>')

    def add(self, part: str) -> None:
        """Any other part."""
        self._parts.append(part)

    def group(self) -> str:
        """Everything that was drawn so far becomes one part, which can be used again; its name."""
        self._names += 1
        name = f"d{self._names}"
        self._parts = [f'<g id="{name}">', *self._parts, "</g>"]
        return name

    def content(self) -> str:
        """All of it."""
        return "\n".join(["<defs>", *self._definitions, "</defs>", *self._parts])


def outline(points: Sequence[Point]) -> str:
    """A path through points."""
    return "M" + "L".join(f"{x:.0f} {y:.0f}" for x, y in points)


def _rest(opacity: float, clip: str = "") -> str:
    return (f' opacity="{opacity:g}"' if opacity < 1 else "") + (f' clip-path="url(#{clip})"' if clip else "")
