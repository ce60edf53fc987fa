"""What Docker says on a machine without a network."""

import re

_URL = re.compile(r"(?:(\w+)://)?([^/]*)")


def is_url(text: str) -> bool:
    """Whether it is the address of something to download."""
    return text.startswith(("http://", "https://"))


def unreachable(source: str) -> str:
    """Go's words for a URL that leads nowhere."""
    url = source if "://" in source else f"http://{source}" if source else "http:"
    match = _URL.match(url)
    assert match is not None
    if not source:
        return f'Get "{url}": http: no Host in request URL'
    if match[1] not in {"http", "https"}:
        return f'Get "{url}": unsupported protocol scheme "{match[1]}"'
    return f'Get "{url}": dial tcp: lookup {match[2].partition(":")[0]}: no such host'
