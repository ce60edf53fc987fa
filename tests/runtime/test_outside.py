import asyncio
import re
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from swarmlab.lab import certificates
from swarmlab.network import Echo, Fabric, Member, Place
from swarmlab.runtime.virtual.programs import fetch

from .support import lab, run

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\nhello\n"
ADDRESS = "93.184.216.34"


class World:
    """An outside where example.org is; its ports are of this machine."""

    def __init__(self, ports: dict[int, int], *, pings: bool = True) -> None:
        self._ports = ports
        self._pings = pings

    async def lookup(self, name: str) -> list[str]:
        return [ADDRESS] if name == "example.org" else []

    def real(self, address: str, port: int) -> tuple[str, int] | None:
        return ("127.0.0.1", self._ports.get(port, 1))

    async def echo(self, address: str, size: int, limit: float) -> Echo | None:
        if not self._pings:
            raise PermissionError(1, "Operation not permitted")
        return Echo(0.0256, 55)

    def servers(self) -> Sequence[str]:
        return ("192.0.2.53",)


@asynccontextmanager
async def serving(folder: Path) -> AsyncIterator[dict[int, int]]:
    """A server for HTTP and one for HTTPS, by the ports that they have outside."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(ANSWER)
        writer.close()

    certificates.prepare(folder, "test", ["example.org"])
    secure = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    secure.load_cert_chain(folder / "server-cert.pem", folder / "server-key.pem")
    plain = await asyncio.start_server(answer, "127.0.0.1", 0)
    tls = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=secure)
    async with plain, tls:
        yield {
            80: plain.sockets[0].getsockname()[1],
            443: tls.sockets[0].getsockname()[1],
            8443: plain.sockets[0].getsockname()[1],
        }


async def told(tmp_path: Path, image: str, *commands: tuple[str, ...], pings: bool = True) -> list[tuple[int, str]]:
    """What commands in a container on the default bridge come to, with the outside there."""
    async with serving(tmp_path / "tls") as ports:
        fabric = Fabric(outside=World(ports, pings=pings))
        async with lab(tmp_path, fabric=fabric) as here:
            box = await here.start(image, "sleep", "1000")
            at = Place("n", "net", ("172.17.0.2/16",), "172.17.0.1", names=("box",))
            fabric.join(Member(box.config.id, "node-1", "box", (at,)))
            return [(code, text.decode()) for code, text in [await run(box, *command) for command in commands]]


def test_ping_wget_and_nslookup_go_outside(tmp_path: Path) -> None:
    ping, ping_of_nobody, wget, secure, names = asyncio.run(
        told(
            tmp_path,
            "alpine",
            ("ping", "-c", "1", "example.org"),
            ("ping", "-c", "1", "no.example.org"),
            ("wget", "-qO-", "http://example.org/"),
            ("wget", "-qO-", "https://example.org/"),
            ("nslookup", "-type=a", "example.org"),
        )
    )
    assert ping == (
        0,
        f"PING example.org ({ADDRESS}): 56 data bytes\n64 bytes from {ADDRESS}: seq=0 ttl=55 time=25.600 ms\n\n"
        "--- example.org ping statistics ---\n1 packets transmitted, 1 packets received, 0% packet loss\n"
        "round-trip min/avg/max = 25.600/25.600/25.600 ms\n",
    )
    assert ping_of_nobody == (1, "ping: bad address 'no.example.org'\n")
    assert wget == secure == (0, "hello\n")
    assert names[0] == 0
    assert f"Name:\texample.org\nAddress: {ADDRESS}\n" in names[1]


def test_a_system_that_lets_nobody_ping_is_told_of(tmp_path: Path) -> None:
    [found] = asyncio.run(told(tmp_path, "alpine", ("ping", "-c", "1", "example.org"), pings=False))
    assert found[0] == 1
    assert found[1].endswith("ping: permission denied (are you root?)\n")


def test_curl_trusts_whom_this_machine_trusts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "tls" / "ca.pem"))
    (tmp_path / "tls").mkdir()
    certificates.prepare(tmp_path / "tls", "test", ["example.org"])
    fetch._tls.cache_clear()
    plain, trusted, other_name, unchecked, no_tls, nobody = asyncio.run(
        told(
            tmp_path,
            "nginx",
            ("curl", "-s", "http://example.org/"),
            ("curl", "-s", "https://example.org/"),
            ("curl", "-s", "-S", f"https://{ADDRESS}/"),
            ("curl", "-s", "-k", f"https://{ADDRESS}/"),
            ("curl", "-s", "-S", "https://example.org:8443/"),
            ("curl", "-s", "-S", "http://example.org:81/"),
        )
    )
    fetch._tls.cache_clear()
    assert plain == trusted == unchecked == (0, "hello\n")
    assert other_name[0] == 60
    assert re.match(r"curl: \(60\) SSL certificate problem: [^\n]+\nMore details here: ", other_name[1])
    assert no_tls[0] == 35
    assert nobody[0] == 7


def test_python_goes_outside(tmp_path: Path) -> None:
    program = "import urllib.request as r; print(r.urlopen('http://example.org/').read().decode(), end='')"
    [found] = asyncio.run(told(tmp_path, "python:3-alpine", ("python3", "-c", program)))
    assert found == (0, "hello\n")
