"""A registry as an engine talks to it (MB: distribution; the distribution API, version 2)."""

import errno
import hashlib
import json
import os
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from ipaddress import ip_address
from typing import IO, Any, BinaryIO, NamedTuple
from urllib.parse import urlsplit

import aiohttp

from swarmlab.engine.errors import EngineError, internal, not_found
from swarmlab.engine.network.outgoing import Connect
from swarmlab.images import Reference

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
CONFIGURATION = "application/vnd.docker.container.image.v1+json"
LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
_OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
#: What an engine can read.
_ACCEPTED = (MANIFEST, _OCI_MANIFEST)
_INDICES = ("application/vnd.docker.distribution.manifest.list.v2+json", "application/vnd.oci.image.index.v1+json")
HUB = "registry-1.docker.io"
HUBS = frozenset({"", "docker.io", "index.docker.io", HUB})
_CHUNK = 1 << 20
_LARGEST_MANIFEST = 4 << 20


class Described(NamedTuple):
    """A manifest in a registry, as it came."""

    digest: str
    media_type: str
    body: bytes

    @property
    def parsed(self) -> Mapping[str, Any]:
        """What it says. Raises EngineError."""
        try:
            found: Mapping[str, Any] = json.loads(self.body)
            if found["config"]["digest"] and all(layer["digest"] for layer in found["layers"]):
                return found
        except (ValueError, KeyError, TypeError):
            pass
        raise internal("missing signature key")


def host_of(reference: Reference) -> str:
    """The registry (with its port, if it has one) of an image; empty for the one that everybody means."""
    host = reference.qualified.partition("/")[0]
    return "" if host in HUBS else host


def unreachable(host: str) -> str:
    """What Go says of a registry, by host and perhaps port, where nobody is."""
    host = HUB if host in HUBS else host
    name, _, port = host.partition(":")
    if (address := _address(name)) is not None:
        scheme, usual = ("http", 80) if _is_insecure(address) else ("https", 443)
        return f'Get "{scheme}://{host}/v2/": dial tcp {address}:{port or usual}: connect: connection refused'
    return f'Get "https://{host}/v2/": dial tcp: lookup {name}: no such host'


class Registry:
    """One repository of a registry that is there. Everything raises EngineError."""

    def __init__(self, session: aiohttp.ClientSession, base: str, host: str, reference: Reference) -> None:
        """`base` is where the registry is on this machine."""
        self._session = session
        self._base = base
        self._host = host
        self._reference = reference
        self._name = reference.qualified.partition("/")[2]

    async def check(self) -> None:
        """Whether it is a registry."""
        async with self._asked("GET", "/v2/") as response:
            if response.status != 200:
                raise self._unexpected(response, await response.read())

    async def manifest(self) -> Described:
        """The manifest that the reference names; 404 when there is none."""
        wanted = self._reference.digest or self._reference.tag
        headers = {"Accept": ", ".join((*_ACCEPTED, *_INDICES))}
        async with self._asked("GET", f"/v2/{self._name}/manifests/{wanted}", headers=headers) as response:
            body = await response.content.read(_LARGEST_MANIFEST)
            if response.status == 404:
                raise not_found("manifest unknown: manifest unknown")
            if response.status != 200:
                raise self._unexpected(response, body)
            media_type = response.content_type
        digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
        if self._reference.digest and self._reference.digest != digest:
            raise internal(f"manifest verification failed for digest {self._reference.digest}")
        return Described(digest, media_type, body)

    async def download(self, digest: str, target: BinaryIO) -> None:
        """Write a blob to a file, which is at its beginning then."""
        found = hashlib.sha256()
        async with self._asked("GET", f"/v2/{self._name}/blobs/{digest}") as response:
            if response.status != 200:
                raise self._unexpected(response, await response.read())
            async for chunk in response.content.iter_chunked(_CHUNK):
                found.update(chunk)
                target.write(chunk)
        if digest != f"sha256:{found.hexdigest()}":
            raise internal(f"filesystem layer verification failed for digest {digest}")
        target.seek(0)

    async def has(self, digest: str) -> bool:
        """Whether the repository has a blob."""
        async with self._asked("HEAD", f"/v2/{self._name}/blobs/{digest}") as response:
            return response.status == 200

    async def upload(self, digest: str, source: IO[bytes]) -> None:
        """Send a blob."""
        async with self._asked("POST", f"/v2/{self._name}/blobs/uploads/") as response:
            if response.status != 202:
                raise self._unexpected(response, await response.read())
            there = urlsplit(response.headers.get("Location", ""))
        path = f"{there.path}?{there.query}&digest={digest}" if there.query else f"{there.path}?digest={digest}"
        headers = {"Content-Type": "application/octet-stream"}
        async with self._asked("PUT", path, data=source, headers=headers) as response:
            if response.status != 201:
                raise self._unexpected(response, await response.read())

    async def describe(self, tag: str, body: bytes) -> str:
        """Send a manifest, under a tag; its digest."""
        path = f"/v2/{self._name}/manifests/{tag}"
        async with self._asked("PUT", path, data=body, headers={"Content-Type": MANIFEST}) as response:
            if response.status != 201:
                raise self._unexpected(response, await response.read())
        return f"sha256:{hashlib.sha256(body).hexdigest()}"

    @asynccontextmanager
    async def _asked(self, method: str, path: str, **options: Any) -> AsyncIterator[aiohttp.ClientResponse]:
        headers = {"Host": self._host, **options.pop("headers", {})}
        with _told(f'{method.capitalize()} "http://{self._host}{path}"'):
            async with self._session.request(method, f"{self._base}{path}", headers=headers, **options) as response:
                yield response

    def _unexpected(self, response: aiohttp.ClientResponse, body: bytes) -> EngineError:
        try:
            first = json.loads(body)["errors"][0]
            return internal(f"{first['code'].lower().replace('_', ' ')}: {first['message']}")
        except (ValueError, KeyError, TypeError, IndexError):
            return internal(f"received unexpected HTTP status: {response.status} {response.reason}")


@asynccontextmanager
async def registry(reference: Reference, connect: Connect | None) -> AsyncIterator[Registry]:
    """The registry of an image, as long as the block lasts. Raises EngineError with Go's words when there is none.

    Docker trusts plain HTTP on loopback addresses only.
    """
    host = host_of(reference)
    name, _, port = host.partition(":")
    address = _address(name)
    if connect is None or address is None:
        raise internal(unreachable(host))
    insecure = _is_insecure(address)
    number = int(port or (80 if insecure else 443))
    scheme = "http" if insecure else "https"
    with _told(f'Get "{scheme}://{host}/v2/"', f"dial tcp {address}:{number}: connect: "):
        async with connect(address, number) as (real, real_port):
            if not insecure:
                raise internal(f'Get "https://{host}/v2/": http: server gave HTTP response to HTTPS client')
            connector = aiohttp.TCPConnector(limit=4)
            agent = {"User-Agent": "docker/20.10"}
            limit = aiohttp.ClientTimeout(total=None, sock_read=60)
            async with aiohttp.ClientSession(connector=connector, headers=agent, timeout=limit) as session:
                yield Registry(session, f"http://{real}:{real_port}", host, reference)


@contextmanager
def _told(what: str, before: str = "") -> Iterator[None]:
    """Say in Go's words what goes wrong with the network."""
    try:
        yield
    except aiohttp.ClientError:
        raise internal(f"{what}: EOF") from None
    except OSError as error:
        if isinstance(error, TimeoutError) or error.errno == errno.ETIMEDOUT:
            late = "net/http: request canceled while waiting for connection"
            raise internal(f"{what}: {late} (Client.Timeout exceeded while awaiting headers)") from None
        reason = {errno.ECONNREFUSED: "connection refused"}.get(error.errno or 0, os.strerror(error.errno or 0).lower())
        raise internal(f"{what}: {before}{reason}") from None


def _address(name: str) -> str | None:
    """The address that a host's name means to an engine; None when it means none."""
    if name == "localhost":
        return "127.0.0.1"
    try:
        return str(ip_address(name))
    except ValueError:
        return None


def _is_insecure(address: str) -> bool:
    return ip_address(address).is_loopback
