"""Durations in the words of `docker ps` (docker/go-units)."""

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
