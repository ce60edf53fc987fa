"""Docker's registry: the distribution API, as far as engines and `curl` use it (distribution: registry/handlers)."""

import asyncio
import hashlib
import json
import re
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from aiohttp import web

from swarmlab.clock import SECOND
from swarmlab.runtime.virtual.context import Context
from swarmlab.runtime.virtual.programs.registrystore import DIGEST, NAME, TAG, RegistryStore
from swarmlab.runtime.virtual.programs.whoami import serve

_DATA = "/var/lib/registry"
_UUID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_CHUNK = 1 << 20
_LARGEST_MANIFEST = 4 << 20
_MOST = 1000
_OCI = "application/vnd.oci.image.manifest.v1+json"
_INDICES = frozenset(
    {"application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json"}
)
#: Code of an error: status and message.
_ERRORS = {
    "BLOB_UNKNOWN": (404, "blob unknown to registry"),
    "BLOB_UPLOAD_INVALID": (404, "blob upload invalid"),
    "BLOB_UPLOAD_UNKNOWN": (404, "blob upload unknown to registry"),
    "DIGEST_INVALID": (400, "provided digest did not match uploaded content"),
    "MANIFEST_BLOB_UNKNOWN": (400, "blob unknown to registry"),
    "MANIFEST_INVALID": (400, "manifest invalid"),
    "MANIFEST_UNKNOWN": (404, "manifest unknown"),
    "NAME_UNKNOWN": (404, "repository name not known to registry"),
    "UNKNOWN": (500, "unknown error"),
    "UNSUPPORTED": (405, "The operation is unsupported."),
}


class _RefusedError(Exception):
    """Raised for a request that is answered with an error of the registry's, once for each of the details."""

    def __init__(self, code: str, *details: Any) -> None:
        super().__init__(code)
        self.status, message = _ERRORS[code]
        error = {"code": code, "message": message}
        self.body = {"errors": [{**error, "detail": detail} for detail in details] or [error]}


class _Ask(NamedTuple):
    """A request, and the parts of its path."""

    request: web.BaseRequest
    parts: Mapping[str, str]

    @property
    def name(self) -> str:
        """The repository."""
        return self.parts["name"]


_Handler = Callable[["_Registry", _Ask], Awaitable[web.StreamResponse]]


async def registry(context: Context) -> int:
    """`registry serve CONFIGURATION`, also without `serve`. Serves plain HTTP; blobs are in /var/lib/registry."""
    words = [word for word in context.argv[1:] if word != "serve"]
    version = context.env.get("REGISTRY_VERSION", "2.8.3")
    if words[:1] in (["--version"], ["-v"]):
        await context.out(f"/bin/registry github.com/distribution/distribution v{version}\n")
        return 0
    if not words:
        await context.err("configuration error: configuration path unspecified\n")
        return 1
    if context.env.get("REGISTRY_HTTP_TLS_CERTIFICATE"):
        await context.err("swarmlab: this registry speaks plain HTTP only; leave REGISTRY_HTTP_TLS_CERTIFICATE out\n")
        return 1
    folder = await asyncio.to_thread(context.machine.root.make_real, _DATA)
    store = RegistryStore(folder, lambda size: context.machine.root.admit(_DATA, size))
    address = context.env.get("REGISTRY_HTTP_ADDR") or ":5000"
    port = address.rpartition(":")[2]
    log = _Log(context, version)
    await log.line("info", f"listening on [::]:{port}")
    served = _Registry(store, log, deletes=context.env.get("REGISTRY_STORAGE_DELETE_ENABLED", "").lower() == "true")
    return await serve(context, int(port), served.answer)


class _Log:
    """The registry's own lines, and one for each request."""

    def __init__(self, context: Context, version: str) -> None:
        self._context = context
        self._version = version

    async def line(self, level: str, message: str) -> None:
        """What the registry has to say, on standard error."""
        now = self._now().strftime("%Y-%m-%dT%H:%M:%S.%f") + "000Z"
        await self._context.err(f'time="{now}" level={level} msg="{message}" version=v{self._version}\n')

    async def access(self, request: web.BaseRequest, response: web.StreamResponse) -> None:
        """A request that was answered, on standard output."""
        transport = request.transport
        peer = transport.get_extra_info("peername")[:2] if transport is not None else ("", 0)
        host = self._context.machine.sandbox.origins.get(peer, peer[0])
        when = self._now().strftime("%d/%b/%Y:%H:%M:%S +0000")
        agent = request.headers.get("User-Agent", "")
        what = f'"{request.method} {request.path_qs} HTTP/1.1" {response.status} {response.content_length or 0}'
        await self._context.out(f'{host} - - [{when}] {what} "" "{agent}"\n')

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._context.machine.clock.now() / SECOND, UTC)


class _Registry:
    """Answers requests."""

    def __init__(self, store: RegistryStore, log: _Log, *, deletes: bool) -> None:
        self._store = store
        self._log = log
        self._deletes = deletes

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request, and write it into the log."""
        try:
            response = await self._routed(request)
        except _RefusedError as error:
            response = _json(error.body, error.status)
        except OSError as error:
            await self._log.line("error", str(error))
            response = _json(_RefusedError("UNKNOWN", str(error)).body, 500)
        if request.path != "/":
            response.headers["Docker-Distribution-Api-Version"] = "registry/2.0"
            response.headers["X-Content-Type-Options"] = "nosniff"
        await self._log.access(request, response)
        return response

    async def _routed(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.path == "/v2":
            moved = '<a href="/v2/">Moved Permanently</a>.\n\n'
            return web.Response(status=301, text=moved, content_type="text/html", headers={"Location": "/v2/"})
        if request.path == "/v2/":
            return _json({})
        for pattern, methods in _ROUTES:
            match = pattern.fullmatch(request.path)
            if match is not None:
                handler = methods.get("GET" if request.method == "HEAD" else request.method)
                if handler is None:
                    allowed = sorted({*methods, *(("HEAD",) if len(methods) > 1 else ())})
                    return web.Response(status=405, text="Method not allowed\n", headers={"Allow": ", ".join(allowed)})
                return await handler(self, _Ask(request, match.groupdict()))
        if request.path == "/":
            return web.Response(headers={"Cache-Control": "no-cache"})
        return web.Response(status=404, text="404 page not found\n")

    # --- looking ---------------------------------------------------------------------------------------------------

    async def catalogue(self, ask: _Ask) -> web.Response:
        """`GET /v2/_catalog`."""
        found, headers = _page(ask.request, self._store.repositories())
        return _json({"repositories": found}, headers=headers)

    async def tags(self, ask: _Ask) -> web.Response:
        """`GET /v2/NAME/tags/list`."""
        tags = self._store.tags(ask.name)
        if tags is None:
            raise _RefusedError("NAME_UNKNOWN", {"name": ask.name})
        found, headers = _page(ask.request, tags)
        return _json({"name": ask.name, "tags": found or None}, headers=headers)

    async def manifest(self, ask: _Ask) -> web.Response:
        """`GET /v2/NAME/manifests/REFERENCE`."""
        reference = ask.parts["reference"]
        found = self._store.manifest(ask.name, reference)
        if found is None:
            by_digest = {"Name": ask.name, "Revision": reference}
            raise _RefusedError("MANIFEST_UNKNOWN", by_digest if DIGEST.fullmatch(reference) else {"Tag": reference})
        return web.Response(
            body=found.body,
            headers={
                "Content-Type": found.media_type or _OCI,
                "Docker-Content-Digest": found.digest,
                "Etag": f'"{found.digest}"',
            },
        )

    async def blob(self, ask: _Ask) -> web.StreamResponse:
        """`GET /v2/NAME/blobs/DIGEST`."""
        digest = ask.parts["digest"]
        if not DIGEST.fullmatch(digest):
            raise _RefusedError("DIGEST_INVALID", {})
        path = self._store.blob(ask.name, digest)
        if path is None:
            raise _RefusedError("BLOB_UNKNOWN", digest)
        headers = {
            "Content-Type": "application/octet-stream",
            "Cache-Control": "max-age=31536000",
            "Docker-Content-Digest": digest,
            "Etag": f'"{digest}"',
        }
        if ask.request.method == "HEAD":
            size = str(path.stat().st_size)
            return web.Response(headers={**headers, "Accept-Ranges": "bytes", "Content-Length": size})
        return web.FileResponse(path, headers=headers)

    # --- changing --------------------------------------------------------------------------------------------------

    async def put_manifest(self, ask: _Ask) -> web.Response:
        """`PUT /v2/NAME/manifests/REFERENCE`."""
        reference = ask.parts["reference"]
        body = b""
        async for chunk in ask.request.content.iter_chunked(_CHUNK):
            body += chunk
            if len(body) > _LARGEST_MANIFEST:
                raise _RefusedError("MANIFEST_INVALID", {})
        if DIGEST.fullmatch(reference) and reference != f"sha256:{hashlib.sha256(body).hexdigest()}":
            raise _RefusedError("DIGEST_INVALID")
        self._check(ask.name, body, ask.request.content_type)
        digest = self._store.put_manifest(ask.name, reference, body)
        location = _url(ask.request, f"/v2/{ask.name}/manifests/{digest}")
        return web.Response(status=201, headers={"Location": location, "Docker-Content-Digest": digest})

    def _check(self, name: str, body: bytes, media_type: str) -> None:
        """What a manifest names has to be there."""
        try:
            read = json.loads(body)
            own = read.get("mediaType", media_type)
            if own in _INDICES:
                missing = [m["digest"] for m in read["manifests"] if self._store.manifest(name, m["digest"]) is None]
            else:
                wanted = [read["config"]["digest"], *(layer["digest"] for layer in read["layers"])]
                missing = [digest for digest in wanted if self._store.blob(name, digest) is None]
        except (ValueError, KeyError, TypeError, AttributeError):
            raise _RefusedError("MANIFEST_INVALID", {}) from None
        if missing:
            raise _RefusedError("MANIFEST_BLOB_UNKNOWN", *missing)

    async def delete_manifest(self, ask: _Ask) -> web.Response:
        """`DELETE /v2/NAME/manifests/DIGEST`."""
        reference = ask.parts["reference"]
        if not self._deletes or not DIGEST.fullmatch(reference):
            raise _RefusedError("UNSUPPORTED")
        if self._store.manifest(ask.name, reference) is None:
            raise _RefusedError("MANIFEST_UNKNOWN")
        self._store.delete_manifest(ask.name, reference)
        return web.Response(status=202)

    async def delete_blob(self, ask: _Ask) -> web.Response:
        """`DELETE /v2/NAME/blobs/DIGEST`."""
        digest = ask.parts["digest"]
        if not self._deletes:
            raise _RefusedError("UNSUPPORTED")
        if self._store.blob(ask.name, digest) is None:
            raise _RefusedError("BLOB_UNKNOWN", digest)
        self._store.delete_blob(ask.name, digest)
        return web.Response(status=202, headers={"Docker-Content-Digest": digest})

    # --- uploads ---------------------------------------------------------------------------------------------------

    async def begin(self, ask: _Ask) -> web.Response:
        """`POST /v2/NAME/blobs/uploads/`: a blob that another repository has, or one that is sent then."""
        query = ask.request.query
        digest, source = query.get("mount", ""), query.get("from", "")
        if digest and re.fullmatch(NAME, source) and self._store.mount(ask.name, digest, source):
            return self._kept(ask, digest)
        return self._upload(ask, self._store.begin(ask.name))

    async def receive(self, ask: _Ask) -> web.Response:
        """`PATCH /v2/NAME/blobs/uploads/UUID`."""
        number = ask.parts["number"]
        size = self._received(ask, number)
        expected = ask.request.headers.get("Content-Range", "").partition("-")[0]
        if expected and expected != str(size):
            return web.Response(status=416)
        await self._take(ask, number)
        return self._upload(ask, number)

    async def progress(self, ask: _Ask) -> web.Response:
        """`GET /v2/NAME/blobs/uploads/UUID`."""
        return self._upload(ask, ask.parts["number"], 204)

    async def finish(self, ask: _Ask) -> web.Response:
        """`PUT /v2/NAME/blobs/uploads/UUID?digest=DIGEST`."""
        number = ask.parts["number"]
        self._received(ask, number)
        await self._take(ask, number)
        digest = ask.request.query.get("digest", "")
        if not DIGEST.fullmatch(digest):
            raise _RefusedError("DIGEST_INVALID", "digest parsing failed" if digest else "digest missing")
        if not await asyncio.to_thread(self._store.finish, ask.name, number, digest):
            raise _RefusedError("DIGEST_INVALID", {"Digest": digest, "Reason": {}})
        return self._kept(ask, digest)

    async def cancel(self, ask: _Ask) -> web.Response:
        """`DELETE /v2/NAME/blobs/uploads/UUID`."""
        self._received(ask, ask.parts["number"])
        self._store.cancel(ask.name, ask.parts["number"])
        return web.Response(status=204, headers={"Docker-Upload-Uuid": ask.parts["number"]})

    async def _take(self, ask: _Ask, number: str) -> None:
        async for chunk in ask.request.content.iter_chunked(_CHUNK):
            self._store.receive(ask.name, number, chunk)

    def _received(self, ask: _Ask, number: str) -> int:
        size = self._store.received(ask.name, number)
        if size is None:
            raise _RefusedError("BLOB_UPLOAD_UNKNOWN", {})
        return size

    def _upload(self, ask: _Ask, number: str, status: int = 202) -> web.Response:
        size = self._received(ask, number)
        return web.Response(
            status=status,
            headers={
                "Location": _url(ask.request, f"/v2/{ask.name}/blobs/uploads/{number}"),
                "Range": f"0-{max(size - 1, 0)}",
                "Docker-Upload-Uuid": number,
            },
        )

    def _kept(self, ask: _Ask, digest: str) -> web.Response:
        location = _url(ask.request, f"/v2/{ask.name}/blobs/{digest}")
        return web.Response(status=201, headers={"Location": location, "Docker-Content-Digest": digest})


def _json(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    # Errors and lists end in a line feed, as Go's encoder writes them.
    text = json.dumps(body, separators=(",", ":")) + ("\n" if body else "")
    return web.Response(text=text, status=status, content_type="application/json", headers=headers)


def _url(request: web.BaseRequest, path: str) -> str:
    return f"http://{request.host}{path}"


def _page(request: web.BaseRequest, names: list[str]) -> tuple[list[str], Mapping[str, str]]:
    """The names that are asked for by `n` and `last`, and the header that leads to the next ones."""
    last, text = request.query.get("last", ""), request.query.get("n", "")
    most = min(int(text), _MOST) if text.isdecimal() else _MOST
    rest = [name for name in names if name > last]
    found = rest[:most]
    if len(rest) <= most or not found:
        return found, {}
    return found, {"Link": f'<{request.path}?last={found[-1]}&n={most}>; rel="next"'}


_BLOB = r"/blobs/(?P<digest>[A-Za-z0-9_+.-]+:[A-Fa-f0-9]+)"
_ROUTES: tuple[tuple[re.Pattern[str], Mapping[str, _Handler]], ...] = tuple(
    (re.compile(pattern, re.ASCII), methods)
    for pattern, methods in (
        ("/v2/_catalog", {"GET": _Registry.catalogue}),
        (rf"/v2/(?P<name>{NAME})/tags/list", {"GET": _Registry.tags}),
        (
            rf"/v2/(?P<name>{NAME})/manifests/(?P<reference>{TAG}|{DIGEST.pattern})",
            {"GET": _Registry.manifest, "PUT": _Registry.put_manifest, "DELETE": _Registry.delete_manifest},
        ),
        (rf"/v2/(?P<name>{NAME}){_BLOB}", {"GET": _Registry.blob, "DELETE": _Registry.delete_blob}),
        (rf"/v2/(?P<name>{NAME})/blobs/uploads/", {"POST": _Registry.begin}),
        (
            rf"/v2/(?P<name>{NAME})/blobs/uploads/(?P<number>{_UUID})",
            {
                "GET": _Registry.progress,
                "PATCH": _Registry.receive,
                "PUT": _Registry.finish,
                "DELETE": _Registry.cancel,
            },
        ),
    )
)
