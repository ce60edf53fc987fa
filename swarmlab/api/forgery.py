"""Which requests a page in a browser may be behind: no client of the Engine API makes such ones.

A page cannot reach a Unix socket, nor pass the check of certificates, by itself. But a proxy that somebody has put
before a socket passes on what it gets, and a browser may hold a certificate. What a page can do is send a request to
this machine under one of its addresses (the browser then adds headers that no page can suppress), or let a name of its
own lead here.
"""

import re
from collections.abc import Collection, Mapping
from ipaddress import IPv6Address, ip_address

#: Added by browsers alone: to what pages send, to all that goes to another site, to all that shows where it comes from.
_TELLTALES = ("Origin", "Referer")
_TELLTALE_PREFIXES = ("sec-fetch-", "sec-ch-")
#: What `fetch` of Node.js, and with it Docker's own SDK for it, sends too; browsers never send it without its kin.
_HARMLESS = ("sec-fetch-mode", "cors")
#: Ends of names that are nobody's site.
_NO_SITES = (".localhost", ".sock")
_VERSION = re.compile(r"v?[0-9]+\.[0-9]+")


def is_forged(headers: Mapping[str, str], authority: str, own: Collection[str]) -> bool:
    """Whether a browser may have made the request on behalf of a page.

    `authority` is the host of a request line that is a whole URL, else empty; `own` are the addresses at which the
    server listens.
    """
    if any(name in headers for name in _TELLTALES):
        return True
    lowered = ((name.lower(), value) for name, value in headers.items())
    if any(name.startswith(_TELLTALE_PREFIXES) and (name, value) != _HARMLESS for name, value in lowered):
        return True
    hosts = [value for name, value in headers.items() if name.lower() == "host"]
    return not all(is_trusted(host, own) for host in (*hosts, authority))


def is_trusted(host: str, own: Collection[str]) -> bool:
    """Whether a `Host` is one that clients send: empty, a single word, a socket, `….localhost`, or our address.

    A socket may be its path, which the docker command of old sends, or a name: `unix.sock` (go-dockerclient), and
    `docker.sock`, the last part of the path (Docker.DotNet). Versions stand for hosts in Zabbix's agent (`1.28`) and in
    `curl http:/v1.41/info`. None of these is a site: no name looks like a path, browsers take what ends in a number
    for an address and send all of it (`1.0.0.28`), and `sock` is no top-level domain.
    Every other name may belong to somebody whose page asks, and addresses like 0.0.0.0 lead here too.
    """
    name = _without_port(host).lower().removesuffix(".")
    if name.startswith("["):
        return _is_own(name.removeprefix("[").removesuffix("]"), own)
    if _is_address(name):
        return _is_own(name, own)
    is_path = "%2f" in name or "/" in name
    return "." not in name or is_path or _VERSION.fullmatch(name) is not None or name.endswith(_NO_SITES)


def _without_port(host: str) -> str:
    head, colon, port = host.rpartition(":")
    return head if colon and (not port or (port.isascii() and port.isdigit())) else host


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _is_own(text: str, own: Collection[str]) -> bool:
    try:
        address = ip_address(text)
    except ValueError:
        return False
    if isinstance(address, IPv6Address):
        return str(address) == "::1" or str(address) in own
    return address.is_loopback or str(address) in own
