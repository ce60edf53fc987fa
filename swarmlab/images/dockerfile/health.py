"""The arguments of a HEALTHCHECK (BK: frontend/dockerfile/instructions/parse.go)."""

import re
from collections.abc import Mapping, Sequence

from swarmlab.images.dockerfile.errors import DockerfileError
from swarmlab.objects.container import HealthConfig

_UNITS = {"ns": 1, "us": 10**3, "µs": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}
_PIECE = re.compile(r"(\d+(?:\.\d*)?|\.\d+)([^\d.]*)")
_LEAST = 10**6


def health_config(args: Sequence[str], flags: Mapping[str, str], *, is_json: bool) -> HealthConfig:
    """What a container is checked with. Raises DockerfileError."""
    kind, command = args[0].upper(), tuple(args[1:])
    if kind == "NONE":
        if command:
            raise DockerfileError("HEALTHCHECK NONE takes no arguments")
        return HealthConfig(test=("NONE",))
    if kind != "CMD":
        raise DockerfileError(f'Unknown type "{kind}" in HEALTHCHECK (try CMD)')
    if not command:
        raise DockerfileError("Missing command after HEALTHCHECK CMD")
    return HealthConfig(
        test=(kind if is_json else "CMD-SHELL", *command),
        interval=_interval(flags, "interval"),
        timeout=_interval(flags, "timeout"),
        start_period=_interval(flags, "start-period"),
        start_interval=_interval(flags, "start-interval"),
        retries=_retries(flags.get("retries", "")),
    )


def _interval(flags: Mapping[str, str], name: str) -> int:
    """Nanoseconds, 0 for nothing."""
    text = flags.get(name, "")
    if not text:
        return 0
    found = _duration(text)
    if found < _LEAST:
        raise DockerfileError(f'Interval "{name}" cannot be less than 1ms')
    return found


def _duration(text: str) -> int:
    """A duration as Go reads it."""
    sign, digits = (-1, text[1:]) if text.startswith("-") else (1, text.removeprefix("+"))
    total, at = 0.0, 0
    if digits == "0":
        return 0
    while (match := _PIECE.match(digits, at)) is not None:
        number, unit = match[1], match[2]
        if not unit:
            raise DockerfileError(f'time: missing unit in duration "{text}"')
        if unit not in _UNITS:
            raise DockerfileError(f'time: unknown unit "{unit}" in duration "{text}"')
        total += float(number) * _UNITS[unit]
        at = match.end()
    if at != len(digits) or not digits or total >= 1 << 63:
        raise DockerfileError(f'time: invalid duration "{text}"')
    return sign * round(total)


def _retries(text: str) -> int:
    if not text:
        return 0
    if not re.fullmatch(r"[+-]?\d+", text, re.ASCII):
        raise DockerfileError(f'strconv.ParseInt: parsing "{text}": invalid syntax')
    if not -(1 << 31) <= int(text[:20]) < 1 << 31:
        raise DockerfileError(f'strconv.ParseInt: parsing "{text}": value out of range')
    if int(text) < 1:
        raise DockerfileError(f"--retries must be at least 1 (not {int(text)})")
    return int(text)
