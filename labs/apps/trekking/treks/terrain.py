"""What may stand in a landscape. Every function draws one layer; `y` grows downwards."""

import math
from collections.abc import Callable

from treks.canvas import HEIGHT, WIDTH, Canvas, Point, mix, rough


def sky(canvas: Canvas) -> None:
    """The sky, and the sun or the moon."""
    light, random = canvas.light, canvas.random
    top, middle, bottom = light.sky
    canvas.add(f'<rect width="{WIDTH}" height="{HEIGHT}" fill="{canvas.gradient(top, bottom, middle=middle)}"/>')
    if light.stars:
        for _ in range(110):
            at = random.uniform(0, WIDTH), random.triangular(0, 380, 0)
            canvas.circle(at, random.uniform(0.6, 1.9), "#ffffff", opacity=round(random.uniform(0.25, 0.95), 2))
    canvas.circle(light.sun, 330, canvas.glow(light.disc, 0.55))
    canvas.circle(light.sun, 44, light.disc)


def clouds(canvas: Canvas, y: float, count: int = 4, opacity: float = 0.55) -> None:
    """Long clouds around the height `y`."""
    random, colour = canvas.random, mix(canvas.light.sky[2], "#ffffff", 0.5)
    for _ in range(count):
        x, height = random.uniform(0, WIDTH), y + random.uniform(-50, 50)
        for _ in range(5):
            at = x + random.uniform(-130, 130), height + random.uniform(-9, 9)
            canvas.ellipse(at, (random.uniform(60, 170), random.uniform(6, 17)), colour, opacity=opacity / 2)


def aurora(canvas: Canvas) -> None:
    """Northern lights."""
    random = canvas.random
    blur = canvas.define(
        '<filter id="{}" x="-20%" y="-20%" width="140%" height="140%"><feGaussianBlur stdDeviation="14"/></filter>'
    )
    for colour, base in (("#62f0b4", 300), ("#49c6e8", 240), ("#b07bf0", 190)):
        phase, wave = random.uniform(0, 6), random.uniform(150, 230)
        lower = [
            (x, base + 55 * math.sin(x / wave + phase) + 22 * math.sin(x / 61 + phase)) for x in range(-60, 1700, 40)
        ]
        upper = [(x + 30, y - random.uniform(120, 230)) for x, y in reversed(lower)]
        fill = canvas.gradient(mix(colour, "#0a1030", 0.75), colour)
        canvas.polygon([*lower, *upper], fill, opacity=0.42, extra=f' filter="url(#{blur})"')


def peaks(
    canvas: Canvas, base: float, height: float, count: int, haze: float, snow: float = 0.0, wildness: float = 0.13
) -> None:
    """A chain of summits of up to `height` above `base`.

    `haze` is how far away it is (1: nearly gone), `snow` the share of each that is under snow.
    """
    light, random = canvas.light, canvas.random
    stone = mix(light.near, light.haze, haze)
    gap = WIDTH / count
    summits = [
        (gap * (index + 0.5) + random.uniform(-0.3, 0.3) * gap, base - height * random.uniform(0.55, 1))
        for index in range(-1, count + 1)
    ]
    # The lower ones stand in front.
    for apex in sorted(summits, key=lambda point: point[1]):
        _peak(canvas, apex, base, stone, haze, snow, wildness)
    foot = mix(stone, light.haze, 0.55)
    canvas.add(
        f'<rect y="{base - height * 0.35:.0f}" width="{WIDTH}" height="{HEIGHT - base + height * 0.35:.0f}" '
        f'fill="{canvas.gradient_up(foot)}"/>'
    )


def _peak(canvas: Canvas, apex: Point, base: float, stone: str, haze: float, snow: float, wildness: float) -> None:
    light, random = canvas.light, canvas.random
    x, y = apex
    tall = base - y
    spread = tall * random.uniform(1.15, 1.6)
    left = [*rough(random, (x - spread, base), apex, wildness, 5), apex]
    right = [*rough(random, apex, (x + spread, base), wildness, 5), (x + spread, base)]
    ridge = [*rough(random, apex, (x + random.uniform(-0.25, 0.25) * spread, base), wildness * 0.8, 5), (x, base)]
    sides = ([*left, *ridge], [*reversed(ridge), *right])
    bright, dark = mix(stone, light.lit, 0.42 * (1 - haze * 0.5)), mix(stone, light.shade, 0.38 * (1 - haze * 0.6))
    tones = (bright, dark) if light.sun[0] < x else (dark, bright)
    for side, tone in zip(sides, tones, strict=True):
        canvas.polygon(side, tone)
        clip = canvas.clip(side)
        for _ in range(4):
            _rib(canvas, apex, base, spread, mix(tone, light.shade, 0.22), clip)
        if snow:
            line = y + tall * snow
            edge = [(x + spread * (i / 9 - 1), line + tall * random.uniform(-0.16, 0.12)) for i in range(19)]
            cover = mix(light.snow, light.haze, haze * 0.55)
            cap = cover if tone == bright else mix(cover, light.sky[0], 0.4)
            canvas.polygon([(x - spread, y - 20), (x + spread, y - 20), *reversed(edge)], cap, clip=clip)


def _rib(canvas: Canvas, apex: Point, base: float, spread: float, tone: str, clip: str) -> None:
    random = canvas.random
    x, y = apex
    start = x + random.uniform(-0.5, 0.5) * spread, y + (base - y) * random.uniform(0.12, 0.5)
    end = start[0] + random.uniform(-0.3, 0.3) * spread, base
    width = random.uniform(0.08, 0.2) * spread
    shape = [*rough(random, start, end, 0.1, 3), end, (end[0] + width, base)]
    canvas.polygon([*shape, *rough(random, (end[0] + width, base), start, 0.1, 3)], tone, opacity=0.6, clip=clip)


def hills(
    canvas: Canvas, y: float, swing: float, haze: float, trees: int = 0, size: float = 30, colour: str = ""
) -> None:
    """Rolling ground whose skyline swings around `y`; `trees` stand on it. `colour` is `leaf` for woods and meadows."""
    light, random = canvas.light, canvas.random
    ground = mix(light.leaf if colour == "leaf" else light.near, light.haze, haze)
    waves = [(random.uniform(0, 6), random.uniform(0.6, 1) * swing / n, n / 260) for n in (1, 2, 3.7, 9)]
    line = [
        (x, y + sum(reach * math.sin(x * pace + phase) for phase, reach, pace in waves)) for x in range(-20, 1641, 20)
    ]
    for _ in range(trees):
        x, height = random.choice(line)
        _tree(canvas, (x + random.uniform(-10, 10), height + 4), size * random.uniform(0.55, 1.15), haze)
    fill = canvas.gradient(ground, mix(ground, light.shade, 0.3) if haze < 0.3 else mix(ground, light.haze, 0.5))
    canvas.polygon([*line, (WIDTH + 20, HEIGHT), (-20, HEIGHT)], fill)


def forest(canvas: Canvas, y: float, rows: int = 4, size: float = 60, haze: float = 0.1) -> None:
    """Rows of trees, each in front of the last and larger."""
    for row in range(rows):
        share = row / max(rows - 1, 1)
        away = haze * (1 - share)
        hills(canvas, y + row * size * 0.75, 16, away, int(70 - 12 * row), size * (0.7 + 0.6 * share), "leaf")


def _tree(canvas: Canvas, foot: Point, size: float, haze: float) -> None:
    light, random = canvas.light, canvas.random
    x, y = foot
    tone = mix(mix(light.leaf, light.haze, haze), random.choice((light.shade, light.lit)), random.uniform(0, 0.28))
    if light.leaf == "#b9652a":
        tone = mix(random.choice(("#c8742a", "#d99a35", "#a9512a", "#7d7b3a")), light.haze, haze)
        canvas.line([(x, y), (x, y - size * 0.5)], mix(light.near, light.haze, haze), size * 0.07)
        for dx, dy, share in ((0, 0.75, 0.32), (-0.18, 0.55, 0.24), (0.18, 0.55, 0.24)):
            canvas.circle((x + dx * size, y - dy * size), size * share, tone)
        return
    shape = [(x, y - size)]
    for step, width in ((0.68, 0.13), (0.68, 0.07), (0.38, 0.2), (0.38, 0.11), (0.0, 0.27)):
        shape.append((x + width * size, y - step * size))
    shape += [(2 * x - px, py) for px, py in reversed(shape[1:])]
    canvas.polygon(shape, tone)


def lake(canvas: Canvas, y: float, shore: float = 0.0) -> None:
    """Still water from `y` down, which mirrors what has been drawn so far; land comes up to it over `shore`."""
    light, random = canvas.light, canvas.random
    image = canvas.group()
    water = [(0, y), (WIDTH, y), (WIDTH, HEIGHT), (0, HEIGHT)]
    clip = canvas.clip(water)
    canvas.polygon(water, mix(light.water, light.sky[1], 0.35))
    canvas.add(
        f'<g clip-path="url(#{clip})"><use href="#{image}" '
        f'transform="translate(0 {2 * y:.0f}) scale(1 -1)" opacity=".62"/></g>'
    )
    canvas.polygon(water, canvas.gradient(light.water, mix(light.water, light.shade, 0.5)), opacity=0.38)
    for _ in range(46):
        share = random.random() ** 1.6
        height = y + 6 + share * (HEIGHT - y)
        x, length = random.uniform(-50, WIDTH), (40 + 220 * share) * random.uniform(0.4, 1)
        canvas.line([(x, height), (x + length, height)], light.snow, 1 + 1.6 * share, opacity=0.22)
    if shore:
        line = [(x, y + random.uniform(-3, 3)) for x in range(0, 1601, 40)]
        canvas.line(line, mix(light.shade, light.near, 0.5), shore, opacity=0.55)


def sea(canvas: Canvas, y: float) -> None:
    """The open sea up to a horizon at `y`, with the sun's glitter."""
    light, random = canvas.light, canvas.random
    canvas.polygon(
        [(0, y), (WIDTH, y), (WIDTH, HEIGHT), (0, HEIGHT)],
        canvas.gradient(mix(light.water, light.sky[2], 0.55), mix(light.water, light.shade, 0.35)),
    )
    for _ in range(150):
        share = random.random() ** 1.4
        height = y + 3 + share * (HEIGHT - y)
        near_sun = random.random() < 0.6
        x = random.gauss(light.sun[0], 40 + 190 * share) if near_sun else random.uniform(0, WIDTH)
        length = (10 + 70 * share) * random.uniform(0.4, 1)
        tone, opacity = (light.disc, 0.55) if near_sun else (light.snow, 0.2)
        canvas.line([(x - length, height), (x + length, height)], tone, 1 + 2 * share, opacity=opacity)


def cliffs(canvas: Canvas, y: float, foot: float, reach: float, haze: float, left: bool = True) -> None:
    """A coast that comes in from one side, at the height `y`, and drops to the water at `foot` after `reach`."""
    light, random = canvas.light, canvas.random
    flip = (lambda points: points) if left else (lambda points: [(WIDTH - x, height) for x, height in points])
    stone, grass = mix(light.near, light.haze, haze), mix(light.leaf, light.haze, haze)
    top = [*rough(random, (-40, y - 30), (reach, y + 14), 0.03, 5), (reach, y + 14)]
    drop = [*rough(random, (reach, y + 14), (reach + 70, foot), 0.08, 5), (reach + 70, foot)]
    body = flip([*top, *drop, (reach + 90, foot), (-40, foot + 30)])
    canvas.polygon(body, canvas.gradient(mix(stone, light.lit, 0.35), mix(stone, light.shade, 0.35)))
    clip = canvas.clip(body)
    for _ in range(16):
        x = random.uniform(-40, reach + 40)
        crack = flip(
            [(x, y), *rough(random, (x, y), (x + random.uniform(-20, 40), foot + 20), 0.08, 4), (x + 60, foot + 30)]
        )
        canvas.polygon(crack, mix(stone, light.shade, 0.4), opacity=0.32, clip=clip)
    turf = flip([*top, *((x, height + random.uniform(16, 34)) for x, height in reversed(top))])
    canvas.polygon(turf, mix(grass, light.lit, 0.12))
    foam = flip([(x, foot + random.uniform(-2, 5)) for x in range(-20, int(reach) + 100, 24)])
    canvas.line(foam, light.snow, 5, opacity=0.6)


def mesas(canvas: Canvas, base: float, height: float, count: int, haze: float) -> None:
    """Table mountains with their layers of stone."""
    light, random = canvas.light, canvas.random
    gap = WIDTH / count
    stone = mix(light.near, light.haze, haze)
    for index in range(count + 1):
        x, half = gap * index + random.uniform(-0.3, 0.3) * gap, gap * random.uniform(0.16, 0.34)
        top = base - height * random.uniform(0.6, 1)
        waist = top + (base - top) * random.uniform(0.5, 0.65)
        left = [*rough(random, (x - half * 2, base + 6), (x - half * 1.15, waist), 0.05, 3)]
        wall = [*rough(random, (x - half * 1.15, waist), (x - half, top), 0.09, 4)]
        crown = [*rough(random, (x - half, top), (x + half, top + random.uniform(-6, 6)), 0.025, 4)]
        fall = [*rough(random, (x + half, top), (x + half * 1.15, waist), 0.09, 4)]
        right = [*rough(random, (x + half * 1.15, waist), (x + half * 2, base + 6), 0.05, 3), (x + half * 2, base + 6)]
        body = [*left, *wall, *crown, *fall, *right]
        from_left = light.sun[0] < x
        lit, dark = mix(stone, light.lit, 0.45), mix(stone, light.shade, 0.45)
        canvas.polygon(body, canvas.gradient(*((lit, dark) if from_left else (dark, lit)), flat=True))
        clip = canvas.clip(body)
        for _ in range(6):
            at, thick = random.uniform(top + 6, waist), random.uniform(3, 11)
            band = [(px, at + random.uniform(-3, 3)) for px in range(int(x - half * 2), int(x + half * 2) + 30, 30)]
            lower = [(px, py + thick) for px, py in reversed(band)]
            canvas.polygon([*band, *lower], random.choice((lit, dark)), opacity=0.5, clip=clip)
        for _ in range(7):
            px = random.uniform(x - half * 1.1, x + half * 1.1)
            canvas.line(rough(random, (px, top), (px + random.uniform(-9, 9), waist), 0.06, 3), dark, 2.5, opacity=0.35)
    canvas.add(
        f'<rect y="{base - height * 0.3:.0f}" width="{WIDTH}" height="{HEIGHT - base + height * 0.3:.0f}" '
        f'fill="{canvas.gradient_up(mix(stone, light.haze, 0.7))}"/>'
    )


def dunes(canvas: Canvas, y: float, rows: int = 3) -> None:
    """Sand, in long waves with a lit and a dark side."""
    light, random = canvas.light, canvas.random
    for row in range(rows):
        sand = mix(mix(light.haze, light.lit, 0.4), light.near, 0.12 + 0.16 * row)
        level, phase = y + row * (HEIGHT - y) / rows, random.uniform(0, 6)
        line = [
            (x, level + 26 * math.sin(x / 210 + phase) + 12 * math.sin(x / 95 + 2 * phase))
            for x in range(-20, 1641, 20)
        ]
        canvas.polygon([*line, (WIDTH + 20, HEIGHT), (-20, HEIGHT)], canvas.gradient(mix(sand, light.lit, 0.4), sand))
        for x, height in line[:: random.choice((13, 17, 19))]:
            shadow = [
                (x, height),
                *rough(random, (x, height), (x - 210, height + 150), 0.04, 4),
                (x + 190, height + 150),
            ]
            canvas.polygon(shadow, light.shade, opacity=0.08)


def path(canvas: Canvas, x: float, y: float, to: float) -> None:
    """A path from the lower edge at `x` to `to` at the height `y`, narrower and narrower."""
    light, random = canvas.light, canvas.random
    steps = 44
    left, right = [], []
    for step in range(steps + 1):
        share = step / steps
        near = (1 - share) ** 1.7
        swing = 120 * near * math.sin(share * 9 + random.uniform(-0.02, 0.02)) * (1 - near * 0.3)
        at, height, half = x + (to - x) * share + swing, y + (HEIGHT + 10 - y) * near, 3 + 38 * near
        left.append((at - half, height))
        right.append((at + half, height))
    canvas.polygon([*left, *reversed(right)], mix(light.lit, light.haze, 0.35), opacity=0.85)


def hut(canvas: Canvas, x: float, y: float, size: float = 60) -> None:
    """A hut with light in its window."""
    light = canvas.light
    wall, roof = mix("#6b4630", light.near, 0.3), mix("#3a2a2a", light.near, 0.5)
    w, h = size, size * 0.55
    canvas.polygon([(x - w / 2, y), (x - w / 2, y - h), (x + w / 2, y - h), (x + w / 2, y)], wall)
    canvas.polygon([(x - w * 0.62, y - h), (x - w * 0.12, y - h * 1.85), (x + w * 0.62, y - h * 0.96)], roof)
    canvas.polygon(
        [
            (x + w * 0.2, y - h * 1.3),
            (x + w * 0.2, y - h * 1.95),
            (x + w * 0.32, y - h * 1.95),
            (x + w * 0.32, y - h * 1.2),
        ],
        roof,
    )
    window = [
        (x - w * 0.3, y - h * 0.7),
        (x - w * 0.02, y - h * 0.7),
        (x - w * 0.02, y - h * 0.32),
        (x - w * 0.3, y - h * 0.32),
    ]
    canvas.polygon(window, "#ffd77a")
    canvas.circle((x - w * 0.16, y - h * 0.5), size * 1.1, canvas.glow("#ffd77a", 0.45))
    canvas.polygon(
        [(x + w * 0.14, y), (x + w * 0.14, y - h * 0.66), (x + w * 0.36, y - h * 0.66), (x + w * 0.36, y)], roof
    )


def lighthouse(canvas: Canvas, x: float, y: float, size: float = 110) -> None:
    """A lighthouse."""
    canvas.polygon(
        [(x - size * 0.1, y), (x - size * 0.07, y - size), (x + size * 0.07, y - size), (x + size * 0.1, y)], "#f6efe4"
    )
    for step in (0.2, 0.55):
        low, high = 0.1 - 0.03 * step, 0.1 - 0.03 * (step + 0.17)
        corners = ((-low, step), (-high, step + 0.17), (high, step + 0.17), (low, step))
        canvas.polygon([(x + dx * size, y - dy * size) for dx, dy in corners], "#b8463c")
    canvas.circle((x, y - size * 1.05), size * 0.9, canvas.glow("#fff0b8", 0.5))
    canvas.polygon(
        [
            (x - size * 0.06, y - size),
            (x - size * 0.06, y - size * 1.12),
            (x + size * 0.06, y - size * 1.12),
            (x + size * 0.06, y - size),
        ],
        "#ffe9a8",
    )
    canvas.polygon(
        [(x - size * 0.09, y - size * 1.12), (x, y - size * 1.24), (x + size * 0.09, y - size * 1.12)], "#4a2f33"
    )


def walkers(canvas: Canvas, x: float, y: float, count: int = 2, size: float = 34) -> None:
    """People with rucksacks, seen against the light."""
    tone = mix(canvas.light.shade, canvas.light.near, 0.3)
    for index in range(count):
        at, s = x + index * size * 0.95, size * (1 - 0.08 * (index % 2))
        canvas.circle((at, y - s * 0.9), s * 0.11, tone)
        canvas.line([(at, y - s * 0.74), (at - s * 0.03, y - s * 0.4)], tone, s * 0.2)
        canvas.ellipse(
            (at - s * 0.16, y - s * 0.6), (s * 0.12, s * 0.2), mix("#c2452d", tone, 0.25 if index % 2 else 0.6)
        )
        canvas.line([(at - s * 0.03, y - s * 0.38), (at + s * 0.14, y - s * 0.2), (at + s * 0.12, y)], tone, s * 0.1)
        canvas.line([(at - s * 0.03, y - s * 0.38), (at - s * 0.12, y - s * 0.2), (at - s * 0.22, y)], tone, s * 0.1)
        canvas.line([(at + s * 0.04, y - s * 0.62), (at + s * 0.26, y - s * 0.44), (at + s * 0.34, y)], tone, s * 0.05)


def birds(canvas: Canvas, x: float, y: float, count: int = 5) -> None:
    """Birds, far away."""
    random, tone = canvas.random, mix(canvas.light.shade, canvas.light.near, 0.4)
    for _ in range(count):
        px, py, s = x + random.uniform(-130, 130), y + random.uniform(-45, 45), random.uniform(8, 15)
        bend, tip = py - s * 0.7, py - s * 0.35
        wings = (
            f"M{px - s:.0f} {tip:.0f}Q{px - s * 0.4:.0f} {bend:.0f} {px:.0f} {py:.0f}"
            f"Q{px + s * 0.4:.0f} {bend:.0f} {px + s:.0f} {tip:.0f}"
        )
        canvas.add(f'<path d="{wings}" fill="none" stroke="{tone}" stroke-width="2" stroke-linecap="round"/>')


def mist(canvas: Canvas, y: float, depth: float = 90, opacity: float = 0.6) -> None:
    """A band of mist around `y`."""
    colour = mix(canvas.light.haze, "#ffffff", 0.25)
    fade = canvas.define(
        f'<linearGradient id="{{}}" x1="0" y1="0" x2="0" y2="1">'
        f'<stop offset="0" stop-color="{colour}" stop-opacity="0"/>'
        f'<stop offset=".5" stop-color="{colour}" stop-opacity="{opacity:g}"/>'
        f'<stop offset="1" stop-color="{colour}" stop-opacity="0"/></linearGradient>'
    )
    canvas.add(f'<rect y="{y - depth:.0f}" width="{WIDTH}" height="{2 * depth:.0f}" fill="url(#{fade})"/>')


#: What a scene may name.
KINDS: dict[str, Callable[..., None]] = {
    function.__name__: function
    for function in (
        aurora, birds, cliffs, clouds, dunes, forest, hills, hut, lake, lighthouse, mesas, mist, path, peaks, sea,
        walkers,
    )
}  # fmt: skip
