"""What an engine downloads, from servers of this machine."""

import asyncio
import io
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from swarmlab.engine.errors import EngineError
from swarmlab.engine.network import downloads
from swarmlab.engine.network.downloads import Downloads
from swarmlab.lab import certificates


async def _answer(request: web.Request) -> web.StreamResponse:
    if request.path == "/moved":
        return web.Response(status=302, headers={"Location": "/deep/file.txt?x=1"})
    if request.path == "/for-ever":
        return web.Response(status=301, headers={"Location": "/for-ever"})
    if request.path == "/":
        return web.Response(body=b"page")
    if request.path == "/disposed/":
        dated = {"Last-Modified": "Thu, 01 Jan 1970 00:01:00 GMT"}
        return web.Response(body=b"d", headers={"Content-Disposition": 'attachment; filename="a/named.bin"', **dated})
    if request.path.startswith("/deep/"):
        return web.Response(body=f"{request.path_qs} {request.headers['Host'].partition(':')[0]}".encode())
    return web.Response(status=404, text=" nothing here \n")


@asynccontextmanager
async def _server(secure: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    app = web.Application()
    app.router.add_get("/{path:.*}", _answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=secure)
    await site.start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


async def _fetch(url: str, known: Sequence[str] = ()) -> tuple[tuple[str, int], bytes, list[tuple[int, int]]]:
    """What `example.org` and whoever is `known` has; all of them are at 127.0.0.1."""

    @asynccontextmanager
    async def connect(address: str, port: int) -> AsyncIterator[tuple[str, int]]:
        yield ("127.0.0.1", port) if address == "192.0.2.1" else (address, port)

    async def lookup(name: str) -> list[str]:
        return ["192.0.2.1"] if name in {"example.org", *known} else []

    told = []

    async def progress(current: int, total: int) -> None:
        told.append((current, total))

    file = io.BytesIO()
    name = await Downloads(connect, lookup).fetch(url, file, progress)
    return name, file.read(), told


@pytest.mark.parametrize(
    ("path", "name", "content"),
    [
        ("deep/a%20b.txt", "a b.txt", b"/deep/a%20b.txt example.org"),
        ("moved", "file.txt", b"/deep/file.txt?x=1 example.org"),
        ("", "", b"page"),
        ("disposed/", "named.bin", b"d"),
    ],
)
def test_a_file_has_the_name_of_its_url_or_of_the_answer(path: str, name: str, content: bytes) -> None:
    async def test() -> None:
        async with _server() as port:
            modified = 60_000_000_000 if path == "disposed/" else 0
            told = [(len(content),) * 2]
            assert await _fetch(f"http://example.org:{port}/{path}") == ((name, modified), content, told)

    asyncio.run(test())


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        (
            "http://example.org:PORT/no",
            "failed to GET http://example.org:PORT/no with status 404 Not Found: nothing here",
        ),
        ("http://nosuch.invalid/x", 'Get "http://nosuch.invalid/x": dial tcp: lookup nosuch.invalid: no such host'),
        ("http://127.0.0.1:1/x", 'Get "http://127.0.0.1:1/x": dial tcp 127.0.0.1:1: connect: connection refused'),
        ("http://127.0.0.1:99999/x", 'Get "http://127.0.0.1:99999/x": dial tcp: address 99999: invalid port'),
        ("http:///x", 'Get "http:///x": http: no Host in request URL'),
        ("http://example.org:PORT/for-ever", 'Get "http://example.org:PORT/for-ever": stopped after 10 redirects'),
        (
            "https://example.org:PORT/x",
            'Get "https://example.org:PORT/x": http: server gave HTTP response to HTTPS client',
        ),
    ],
)
def test_what_cannot_be_fetched_is_told_in_gos_words(url: str, reason: str) -> None:
    async def test() -> None:
        async with _server() as port:
            with pytest.raises(EngineError) as error:
                await _fetch(url.replace("PORT", str(port)))
            assert str(error.value) == reason.replace("PORT", str(port))

    asyncio.run(test())


def test_certificates_are_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificates.prepare(tmp_path, "test", ["example.org"])
    secure = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    secure.load_cert_chain(tmp_path / "server-cert.pem", tmp_path / "server-key.pem")

    async def test() -> None:
        async with _server(secure) as port:
            url = f"https://example.org:{port}/deep/x"
            with pytest.raises(EngineError, match=r"x509: certificate signed by unknown authority$"):
                await _fetch(url)
            monkeypatch.setattr(downloads, "_trusted", lambda: ssl.create_default_context(cafile=tmp_path / "ca.pem"))
            assert await _fetch(url) == (("x", 0), b"/deep/x example.org", [(19, 19)])
            with pytest.raises(EngineError, match=r"wanted to match other\.org$"):
                await _fetch(f"https://other.org:{port}/deep/x", ["other.org"])

    asyncio.run(test())


def test_a_file_that_is_too_large_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads, "LARGEST", 3)

    async def test() -> None:
        async with _server() as port:
            with pytest.raises(EngineError, match=r"write x: no space left on device$"):
                await _fetch(f"http://example.org:{port}/deep/x")

    asyncio.run(test())
