"""What Docker says on a machine without a network."""

import re
from ipaddress import ip_address

_PORTS = {"http": 80, "https": 443}
_URL = re.compile(r"(?:(\w+)://)?([^/]*)")


def is_url(text: str) -> bool:
    """Whether it is the address of something to download."""
    return text.startswith(("http://", "https://"))


def unreachable(source: str) -> str:
    """Go's words for a URL that leads nowhere."""
    url = source if "://" in source else f"http://{source}" if source else "http:"
    match = _URL.match(url)
    assert match is not None
    if source and match[1] not in {"http", "https"}:
        return f'Get "{url}": unsupported protocol scheme "{match[1]}"'
    if not source or not match[2]:
        # Go writes an address without anything behind its scheme like this.
        return f'Get "{url.removesuffix("//")}": http: no Host in request URL'
    host, _, port = match[2].partition(":")
    try:
        reason = "connection refused" if ip_address(host).is_loopback else "network is unreachable"
    except ValueError:
        return f'Get "{url}": dial tcp: lookup {host}: no such host'
    return f'Get "{url}": dial tcp {host}:{port or _PORTS[match[1]]}: connect: {reason}'
