"""What an engine itself downloads: the files that a Dockerfile adds by their URLs (MB: remotecontext/remote.go)."""

import errno
import os
import ssl
from collections.abc import Awaitable, Callable
from email.message import Message
from email.utils import parsedate_to_datetime
from ipaddress import ip_address
from typing import IO, Any, NamedTuple
from urllib.parse import SplitResult, unquote, urljoin, urlsplit

import aiohttp
from yarl import URL

from swarmlab.engine.errors import internal
from swarmlab.engine.network.outgoing import Connect

#: The largest file, in bytes.
LARGEST = 256 << 20
_CHUNK = 1 << 20
_REDIRECTS = 10
#: Seconds of real time without a byte.
_PATIENCE = 60
_PORTS = {"http": 80, "https": 443}
_UNKNOWN_SIGNER = frozenset({18, 19, 20, 21})
_EXPIRED, _OTHER_NAME = 10, 62

#: The addresses of a name.
Lookup = Callable[[str], Awaitable[list[str]]]
#: Told how many bytes have come, and how many there will be: 0 if that is not known.
Progress = Callable[[int, int], Awaitable[None]]


class Downloads:
    """Those of one engine. Certificates are checked with what this machine trusts."""

    def __init__(self, connect: Connect, lookup: Lookup) -> None:
        self._connect = connect
        self._lookup = lookup

    async def fetch(self, url: str, target: IO[bytes], progress: Progress) -> tuple[str, int]:
        """Write a file, which is at its beginning then. Raises EngineError.

        Returns its name, empty if it has none, and when it was modified (Unix nanoseconds), 0 if that is not said.
        """
        for _ in range(_REDIRECTS):
            there = urlsplit(url)
            host, port, address = await self._found(url, there)
            try:
                async with self._connect(address, port) as real:
                    onwards = await self._get(url, there, host, real, target, progress)
            except aiohttp.ClientConnectorCertificateError as error:
                raise internal(f'Get "{url}": {_distrust(error.certificate_error, host)}') from None
            except aiohttp.ClientSSLError:
                raise internal(f'Get "{url}": http: server gave HTTP response to HTTPS client') from None
            except OSError as error:
                raise internal(f'Get "{url}": dial tcp {_joined(address, port)}: connect: {_reason(error)}') from None
            except aiohttp.ClientError:
                raise internal(f'Get "{url}": EOF') from None
            if not onwards.url:
                target.seek(0)
                return onwards.name, onwards.modified
            url = onwards.url
        raise internal(f'Get "{url}": stopped after {_REDIRECTS} redirects')

    async def _found(self, url: str, there: SplitResult) -> tuple[str, int, str]:
        """The host that is meant, its port, and its address."""
        host = there.hostname or ""
        if there.scheme not in _PORTS:
            raise internal(f'Get "{url}": unsupported protocol scheme "{there.scheme}"')
        if not host:
            raise internal(f'Get "{url}": http: no Host in request URL')
        try:
            port = there.port or _PORTS[there.scheme]
        except ValueError:
            raise internal(f'Get "{url}": dial tcp: address {there.netloc.rpartition(":")[2]}: invalid port') from None
        try:
            return host, port, str(ip_address(host))
        except ValueError:
            pass
        addresses = ["127.0.0.1"] if host == "localhost" else await self._lookup(host)
        if not addresses:
            raise internal(f'Get "{url}": dial tcp: lookup {host}: no such host')
        return host, port, addresses[0]

    async def _get(
        self, url: str, there: SplitResult, host: str, real: tuple[str, int], target: IO[bytes], progress: Progress
    ) -> "_Got":
        path = f"{there.path or '/'}?{there.query}" if there.query else there.path or "/"
        where = URL(f"{there.scheme}://{_joined(*real)}{path}", encoded=True)
        headers = {"Host": there.netloc.rpartition("@")[2], "User-Agent": "Go-http-client/1.1"}
        limit = aiohttp.ClientTimeout(total=None, sock_connect=_PATIENCE, sock_read=_PATIENCE)
        secure: dict[str, Any] = {"ssl": _trusted(), "server_hostname": host} if there.scheme == "https" else {}
        async with (
            aiohttp.ClientSession(timeout=limit) as session,
            session.get(where, headers=headers, allow_redirects=False, **secure) as response,
        ):
            onwards = response.headers.get("Location", "")
            if response.status in {301, 302, 303, 307, 308} and onwards:
                return _Got(url=urljoin(url, onwards))
            if response.status >= 400:
                said = (await response.content.read(_CHUNK)).decode("utf-8", "replace").strip()
                status = f"{response.status} {response.reason or ''}".strip()
                raise internal(f"failed to GET {url} with status {status}: {said}")
            total = response.content_length if "Content-Encoding" not in response.headers else None
            written = 0
            async for chunk in response.content.iter_chunked(_CHUNK):
                written += len(chunk)
                if written > LARGEST:
                    raise internal(f"write {_name(there, response) or '__unnamed__'}: no space left on device")
                target.write(chunk)
                await progress(written, total or 0)
            return _Got(_name(there, response), _modified(response))


class _Got(NamedTuple):
    """What came: a file of this name and time, or where else it is."""

    name: str = ""
    modified: int = 0
    url: str = ""


def _name(there: SplitResult, response: aiohttp.ClientResponse) -> str:
    """What a file is called, by its URL or else by what the server says (MB: getFilenameForDownload)."""
    path = unquote(there.path)
    if not path or path.endswith("/"):
        header = Message()
        header["Content-Disposition"] = response.headers.get("Content-Disposition", "")
        path = header.get_filename("") or ""
    name = path.rpartition("/")[2]
    return "" if name in {".", ".."} else name


def _modified(response: aiohttp.ClientResponse) -> int:
    try:
        return int(parsedate_to_datetime(response.headers.get("Last-Modified", "")).timestamp()) * 1_000_000_000
    except (TypeError, ValueError, OverflowError):
        return 0


def _trusted() -> ssl.SSLContext:
    """Whom this machine trusts."""
    return ssl.create_default_context()


def _joined(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _reason(error: OSError) -> str:
    """The kernel's reason in Go's words."""
    number = error.errno or (errno.ETIMEDOUT if isinstance(error, TimeoutError) else 0)
    return os.strerror(number).lower() if number else str(error)


def _distrust(error: Exception, host: str) -> str:
    """What is wrong with a certificate, in Go's words (crypto/x509)."""
    code = error.verify_code if isinstance(error, ssl.SSLCertVerificationError) else 0
    if code in _UNKNOWN_SIGNER:
        return "x509: certificate signed by unknown authority"
    if code == _EXPIRED:
        return "x509: certificate has expired or is not yet valid"
    if code == _OTHER_NAME:
        return f"x509: certificate is not valid for any names, but wanted to match {host}"
    return f"x509: {error}"
