"""What `curl` and `wget` of containers share: their options, and HTTP to whatever the container can reach."""

import functools
import getopt
import ssl
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple
from urllib.parse import SplitResult, urljoin, urlsplit, urlunsplit

import aiohttp

from swarmlab.runtime.virtual.context import Context
from swarmlab.runtime.virtual.machine import UnknownHostError

_MAX_REDIRECTS = 20


class Reply(NamedTuple):
    """An answer as it came; `url` is where from, after redirects."""

    url: str
    status: int
    reason: str
    headers: Mapping[str, str]
    body: bytes

    def head(self) -> str:
        """The status line and the headers as they are on the wire."""
        lines = [f"HTTP/1.1 {self.status} {self.reason}", *(f"{name}: {value}" for name, value in self.headers.items())]
        return "\r\n".join(lines) + "\r\n\r\n"


class Options:
    """A command line: options by their short names where they have one, and the rest."""

    def __init__(self, argv: Sequence[str], short: str, long: Sequence[str], names: Mapping[str, str]) -> None:
        """`names` are the short names of long options. Raises getopt.GetoptError."""
        options, self.words = getopt.gnu_getopt(argv[1:], short, long)
        plain = [(option.lstrip("-"), value) for option, value in options]
        self._pairs = [(names.get(name, name), value) for name, value in plain]
        self._values = dict(self._pairs)

    def __contains__(self, name: str) -> bool:
        """Whether an option was given."""
        return name in self._values

    def last(self, name: str, default: str = "") -> str:
        """The value that an option was given last."""
        return self._values.get(name, default)

    def every(self, name: str) -> list[str]:
        """All values that it was given."""
        return [value for given, value in self._pairs if given == name]

    def headers(self, name: str) -> list[tuple[str, str]]:
        """The headers (`NAME: VALUE`) that it was given."""
        parts = (line.partition(":") for line in self.every(name) if ":" in line)
        return [(header.strip(), value.strip()) for header, _, value in parts]


def split(url: str) -> SplitResult:
    """The parts of a URL, which is one of HTTP unless it says otherwise."""
    return urlsplit(url if "://" in url else f"http://{url}")


def port_of(parts: SplitResult) -> int:
    """The port of a URL."""
    return parts.port or (443 if parts.scheme == "https" else 80)


async def deliver(context: Context, data: bytes, target: str) -> None:
    """Write to a file of the container, or (for nothing and `-`) to standard output."""
    if target in ("", "-"):
        await context.out(data)
    elif context.path(target) != "/dev/null":
        context.machine.root.write(context.path(target), data)


async def fetch(
    context: Context,
    method: str,
    url: str,
    headers: Mapping[str, str],
    body: bytes | None,
    *,
    redirects: bool,
    verify: bool,
) -> Reply:
    """One exchange, and with `redirects` those that it leads to; with `verify` no server without a known certificate.

    Raises UnknownHostError, OSError when nobody listens, aiohttp.ClientError when the answer is no HTTP.
    """
    for _ in range(_MAX_REDIRECTS):
        parts = urlsplit(url)
        known = await context.machine.resolve(parts.hostname or "")
        if not known:
            raise UnknownHostError(parts.netloc)
        answer = await _exchange(context, known, port_of(parts), method, url, headers, body, verify=verify)
        if not redirects or answer.status not in (301, 302, 303, 307, 308) or "Location" not in answer.headers:
            break
        url = urljoin(url, answer.headers["Location"])
        if answer.status in (301, 302, 303) and method != "HEAD":
            method, body = "GET", None
    return answer


async def over_socket(socket: Path, method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Reply:
    """One exchange over a Unix socket, plain whatever the URL says. Raises OSError, aiohttp.ClientError."""
    parts = urlsplit(url)
    async with (
        aiohttp.ClientSession(
            connector=aiohttp.UnixConnector(str(socket)),
            auto_decompress=False,
            skip_auto_headers=_AUTOMATIC,
            timeout=_NO_LIMIT,
        ) as session,
        session.request(
            method,
            urlunsplit(parts._replace(scheme="http", path=parts.path or "/", fragment="")),
            headers=headers,
            data=body,
            allow_redirects=False,
        ) as reply,
    ):
        return Reply(url, reply.status, reply.reason or "", reply.headers, await reply.read())


async def _exchange(
    context: Context,
    addresses: Sequence[str],
    port: int,
    method: str,
    url: str,
    headers: Mapping[str, str],
    body: bytes | None,
    *,
    verify: bool,
) -> Reply:
    """One exchange with the first address that takes the connection. Raises as `fetch` does."""
    parts = urlsplit(url)
    for address in addresses:
        try:
            async with (
                context.machine.connection(address, port) as (host, real),
                aiohttp.ClientSession(
                    auto_decompress=False, skip_auto_headers=_AUTOMATIC, timeout=_NO_LIMIT
                ) as session,
                session.request(
                    method,
                    f"{parts.scheme}://{host}:{real}{parts.path or '/'}" + (f"?{parts.query}" if parts.query else ""),
                    headers={"Host": parts.netloc, **headers},
                    data=body,
                    allow_redirects=False,
                    ssl=_tls() if verify and parts.scheme == "https" else False,
                    server_hostname=parts.hostname,
                ) as reply,
            ):
                return Reply(url, reply.status, reply.reason or "", reply.headers, await reply.read())
        except OSError:
            if address == addresses[-1]:
                raise
    raise UnknownHostError(parts.netloc)


@functools.cache
def _tls() -> ssl.SSLContext:
    """Trusts whom this machine trusts."""
    return ssl.create_default_context()


#: How long things may take the container's programs decide.
_NO_LIMIT = aiohttp.ClientTimeout()
_AUTOMATIC: Sequence[str] = ("User-Agent", "Accept", "Accept-Encoding", "Content-Type")
