"""The TCP port: certificates on both sides, and everything that works over a Unix socket."""

import asyncio
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from swarmlab.api import tls
from swarmlab.lab.certificates import prepare, server_context

from .conftest import Client
from .live import Live, frames

PING = b"GET /_ping HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"


class Secure:
    """A server that listens for TLS, and those who come."""

    def __init__(self, client: Client, folder: Path) -> None:
        self.client = client
        self.folder = folder / "tls"
        prepare(self.folder, "test", ["127.0.0.1", "localhost"])
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        client.run(self._start())

    async def _start(self) -> None:
        await self.client.connect()
        await self.client.server.listen("127.0.0.1", self.port, server_context(self.folder))

    def context(self, certificate: str = "cert.pem", key: str = "key.pem") -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self.folder / "ca.pem")
        if certificate:
            context.load_cert_chain(self.folder / certificate, self.folder / key)
        return context

    def ask(self, sent: bytes, context: ssl.SSLContext | None) -> bytes:
        """Everything that is answered."""

        async def work() -> bytes:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port, ssl=context)
            try:
                writer.write(sent)
                return await asyncio.wait_for(reader.read(), 20)
            finally:
                writer.close()

        return self.client.run(work())


@pytest.fixture
def secure(client: Client, tmp_path: Path) -> Secure:
    return Secure(client, tmp_path)


def test_who_shows_the_lab_s_certificate_is_served(secure: Secure) -> None:
    assert secure.ask(PING, secure.context()).startswith(b"HTTP/1.1 200 OK\r\n")


def test_tls_1_2_will_do(secure: Secure) -> None:
    context = secure.context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    assert secure.ask(PING, context).startswith(b"HTTP/1.1 200 OK\r\n")


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize(
    ("certificate", "key"), [("", ""), ("server-cert.pem", "server-key.pem"), ("foreign.pem", "foreign-key.pem")]
)
def test_others_are_not(secure: Secure, version: ssl.TLSVersion, certificate: str, key: str, tmp_path: Path) -> None:
    prepare(tmp_path / "foreign", "test", ["127.0.0.1"])
    (secure.folder / "foreign.pem").write_bytes((tmp_path / "foreign" / "cert.pem").read_bytes())
    (secure.folder / "foreign-key.pem").write_bytes((tmp_path / "foreign" / "key.pem").read_bytes())
    context = secure.context(certificate, key)
    context.minimum_version = context.maximum_version = version
    with pytest.raises((ssl.SSLError, ConnectionResetError)):
        secure.ask(PING, context)
    assert secure.client.journal.requests == []


@pytest.mark.parametrize("sent", [PING, b"POST /swarm/init HTTP/1.1\r\n\r\n", b"OPTIONS * HTTP/1.1\r\n\r\n"])
def test_plain_http_is_told_so_in_go_s_words(secure: Secure, sent: bytes) -> None:
    answer = b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n"
    assert secure.ask(sent, None) == answer


def test_nonsense_is_dropped(secure: Secure) -> None:
    assert not secure.ask(b"what is this?\r\n\r\n", None).startswith(b"HTTP")


def test_whoever_says_nothing_is_dropped_in_time(secure: Secure, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tls, "_PATIENCE", 0.01)
    assert secure.ask(b"", None) == b""


def test_a_browser_with_the_certificate_is_refused_nevertheless(secure: Secure) -> None:
    for headers in (b"Host: 127.0.0.1\r\nOrigin: https://127.0.0.1", b"Host: page.example", b"Host: 0.0.0.0"):
        asked = b"GET /info HTTP/1.1\r\nConnection: close\r\n" + headers + b"\r\n\r\n"
        assert secure.ask(asked, secure.context()).startswith(b"HTTP/1.1 403 ")


def test_large_bodies_and_answers_pass(secure: Secure, client: Client) -> None:
    name = "x" * 300_000
    asked = f"GET /containers/{name}/json HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
    answer = secure.ask(asked, secure.context())
    assert answer.startswith(b"HTTP/1.1 404 ")
    assert name.encode() in answer


def test_a_client_that_has_said_all_still_hears_the_answer(client: Client, tmp_path: Path) -> None:
    """As the docker command does at the end of the input of `docker exec -i`: asyncio itself cannot."""
    live = Live(client, tmp_path / "state")
    secure = Secure(client, tmp_path)
    live.start()
    made = client("POST", "/containers/box/exec", {"Cmd": ["cat"], "AttachStdin": True, "AttachStdout": True})
    asked = (
        f"POST /exec/{made.json['Id']}/start HTTP/1.1\r\nHost: docker\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n"
        "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
    ).encode()

    def talk() -> bytes:
        with socket.create_connection(("127.0.0.1", secure.port), timeout=20) as raw:
            wire = Wire(raw, secure.context())
            wire.send(asked)
            head = b""
            while b"\r\n\r\n" not in head:
                head += wire.receive()
            wire.send(b"hello\n" * 5_000)
            wire.say_all()
            body = b""
            while piece := wire.receive():
                body += piece
            return body

    async def work() -> bytes:
        return await asyncio.to_thread(talk)

    assert frames(client.run(work())) == [(1, b"hello\n" * 5_000)]
    live.close()


class Wire:
    """TLS over a blocking socket, that can say that nothing more comes (close_notify) and read on, as Go's can."""

    def __init__(self, raw: socket.socket, context: ssl.SSLContext) -> None:
        self.raw = raw
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_hostname="127.0.0.1")
        self._until_done(self.tls.do_handshake)

    def send(self, data: bytes) -> None:
        self.tls.write(data)
        self._flush()

    def receive(self) -> bytes:
        try:
            return self._until_done(lambda: self.tls.read(4096))
        except ssl.SSLZeroReturnError:
            return b""

    def say_all(self) -> None:
        with suppress(ssl.SSLError):
            self.tls.unwrap()
        self._flush()

    def _flush(self) -> None:
        if self.outgoing.pending:
            self.raw.sendall(self.outgoing.read())

    def _until_done(self, step: Callable[[], Any]) -> Any:
        while True:
            try:
                done = step()
            except ssl.SSLWantReadError:
                self._flush()
                data = self.raw.recv(65536)
                self.incoming.write(data) if data else self.incoming.write_eof()
            else:
                self._flush()
                return done
