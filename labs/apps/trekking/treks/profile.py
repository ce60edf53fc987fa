"""The elevation profile of a trek, as points of a drawing."""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

#: The size of the drawing, and the room around the curve.
WIDTH, HEIGHT = 960, 240
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 24, 40, 34


class Mark(NamedTuple):
    """A place on the curve, or a line of the scale."""

    x: float
    y: float
    text: str
    anchor: str = "middle"


class Profile:
    """Places (kilometre, metres, name) in order, drawn from left to right."""

    def __init__(self, places: Sequence[tuple[float, int, str]]) -> None:
        self._places = places
        low, high = min((p[1] for p in places), default=0), max((p[1] for p in places), default=1)
        self._step = next(step for step in (50, 100, 200, 250, 500, 1000, 5000) if (high - low) / step <= 5)
        self._low = low // self._step * self._step
        self._high = max(-(-high // self._step) * self._step, self._low + self._step)
        self._length = max((p[0] for p in places), default=1) or 1

    width, height = WIDTH, HEIGHT

    def _point(self, km: float, metres: float) -> tuple[float, float]:
        across = (WIDTH - _LEFT - _RIGHT) * km / self._length
        up = (HEIGHT - _TOP - _BOTTOM) * (metres - self._low) / (self._high - self._low)
        return round(_LEFT + across, 1), round(HEIGHT - _BOTTOM - up, 1)

    @property
    def curve(self) -> str:
        """A path through all places: level at summits and in valleys, without overshooting."""
        points = [self._point(km, metres) for km, metres, _ in self._places]
        path = [f"M{points[0][0]} {points[0][1]}"] if points else []
        for (x0, y0), (x1, y1) in pairwise(points):
            middle = round((x0 + x1) / 2, 1)
            path.append(f"C{middle} {y0} {middle} {y1} {x1} {y1}")
        return " ".join(path)

    @property
    def area(self) -> str:
        """The same, closed at the bottom."""
        base = HEIGHT - _BOTTOM
        return f"{self.curve} L{WIDTH - _RIGHT} {base} L{_LEFT} {base} Z"

    @property
    def marks(self) -> list[Mark]:
        """The places, each with its name."""
        last = len(self._places) - 1
        anchors = {0: "start", last: "end"}
        return [
            Mark(*self._point(km, metres), name, anchors.get(index, "middle"))
            for index, (km, metres, name) in enumerate(self._places)
        ]

    @property
    def levels(self) -> list[Mark]:
        """The lines of the scale."""
        heights = range(self._low, self._high + 1, self._step)
        return [Mark(_LEFT, self._point(0, metres)[1], f"{metres} m") for metres in heights]

    @property
    def ends(self) -> tuple[float, float, float]:
        """Where the scale's lines begin and end, and where their base is."""
        return _LEFT, WIDTH - _RIGHT, HEIGHT - _BOTTOM
