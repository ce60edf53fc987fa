"""Durations in the words of `docker ps` (docker/go-units), and those that people write."""

import re
from datetime import UTC, datetime

from swarmlab.api.errors import bad_request

_SECOND = 1_000_000_000


def human_duration(nanoseconds: int) -> str:
    """`5 seconds`, `About a minute`, `3 weeks`."""
    seconds = nanoseconds // _SECOND
    minutes = seconds // 60
    hours = int(nanoseconds / _SECOND / 3600 + 0.5)
    if seconds < 1:
        return "Less than a second"
    if seconds == 1:
        return "1 second"
    if seconds < 60:
        return f"{seconds} seconds"
    if minutes == 1:
        return "About a minute"
    if minutes < 60:
        return f"{minutes} minutes"
    if hours == 1:
        return "About an hour"
    if hours < 48:
        return f"{hours} hours"
    if hours < 24 * 7 * 2:
        return f"{hours // 24} days"
    if hours < 24 * 30 * 2:
        return f"{hours // 24 // 7} weeks"
    if hours < 24 * 365 * 2:
        return f"{hours // 24 // 30} months"
    return f"{seconds // 3600 // 24 // 365} years"


_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1, "m": 60, "h": 3600}
_PIECE = re.compile(r"(\d+(?:\.\d*)?)(ns|us|µs|ms|s|m|h)")


def parse_until(values: tuple[str, ...], now: int) -> int:
    """The instant of an `until` filter, in Unix nanoseconds, 0 without one: seconds, RFC 3339, or how long ago (`24h`).

    Raises ApiError (400).
    """
    if not values:
        return 0
    if len(values) > 1:
        raise bad_request("more than one until filter specified")
    text = values[0]
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return int(float(text) * _SECOND)
    pieces = _PIECE.findall(text)
    if pieces and "".join(number + unit for number, unit in pieces) == text:
        return now - int(sum(float(number) * _UNITS[unit] for number, unit in pieces) * _SECOND)
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        if "-" not in text:
            raise bad_request(f'failed to parse value as time or duration: "{text}"') from None
        raise bad_request(f'parsing time "{text}" as "2006-01-02": cannot parse "{text}" as "2006"') from None
    return int((found if found.tzinfo is not None else found.replace(tzinfo=UTC)).timestamp() * _SECOND)
