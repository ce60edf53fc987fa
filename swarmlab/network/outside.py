"""What lies outside of a lab: names and addresses that this machine reaches, for labs that are told to let it in."""

import asyncio
import errno
import os
import re
import secrets
import socket
import struct
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

#: What libnetwork takes when the machine's own name servers are of no use to a container (resolvconf.go).
_DEFAULT_SERVERS = ("8.8.8.8", "8.8.4.4")
_SERVER = re.compile(r"^nameserver\s+(\d+\.\d+\.\d+\.\d+)\s*$", re.MULTILINE)

#: ICMP (RFC 792), and the kernel's number for the option that tells of the time to live.
_ECHO, _ECHO_REPLY = 8, 0
_IPV4 = 4
_HEADER = struct.Struct("!BBHHH")
_TTL_OPTION = getattr(socket, "IP_RECVTTL", 12)
_LONGEST = 65535


class Echo(NamedTuple):
    """The answer to a ping: how long it took, in seconds of real time, and its time to live."""

    seconds: float
    ttl: int = 64


class Outside(Protocol):
    """What containers meet beyond the lab's own networks."""

    async def lookup(self, name: str) -> list[str]:
        """The IPv4 addresses of a name; empty when it is unknown."""

    def real(self, address: str, port: int) -> tuple[str, int] | None:
        """Where this machine connects to, to get to a port of an address; None for one that is out of reach."""

    async def echo(self, address: str, size: int, limit: float) -> Echo | None:
        """The answer to a ping with so many bytes of data, None if none came within `limit` seconds of real time.

        Raises OSError when none can be sent.
        """

    def servers(self) -> Sequence[str]:
        """The addresses of the name servers."""


class Shut:
    """Nothing: the lab is all there is. See `Outside`."""

    async def lookup(self, name: str) -> list[str]:
        """See `Outside`."""
        return []

    def real(self, address: str, port: int) -> tuple[str, int] | None:
        """See `Outside`."""
        return None

    async def echo(self, address: str, size: int, limit: float) -> Echo | None:
        """See `Outside`."""
        raise OSError(errno.ENETUNREACH, os.strerror(errno.ENETUNREACH))

    def servers(self) -> Sequence[str]:
        """See `Outside`."""
        return ()


class ThisMachine:
    """Whatever this machine reaches. See `Outside`."""

    def __init__(self, resolv: Path = Path("/etc/resolv.conf")) -> None:
        """`resolv` names the machine's name servers."""
        self._resolv = resolv

    async def lookup(self, name: str) -> list[str]:
        """See `Outside`. The machine's own hosts file counts, too."""
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(name, None, family=socket.AF_INET, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            return []
        return list(dict.fromkeys(str(address[0]) for *_, address in found))

    def real(self, address: str, port: int) -> tuple[str, int] | None:
        """See `Outside`. Containers have IPv4 only."""
        return None if ":" in address else (address, port)

    async def echo(self, address: str, size: int, limit: float) -> Echo | None:
        """See `Outside`. Needs no rights where the system lets everybody ping (Linux: net.ipv4.ping_group_range)."""
        loop = asyncio.get_running_loop()
        with _icmp() as connection:
            connection.setblocking(False)
            connection.setsockopt(socket.IPPROTO_IP, _TTL_OPTION, 1)
            connection.connect((address, 0))
            data = secrets.token_bytes(size)
            began = time.perf_counter()
            await loop.sock_sendall(connection, _request(data))
            try:
                async with asyncio.timeout(limit):
                    while (ttl := await _reply(connection, data)) is None:
                        pass
            except TimeoutError:
                return None
            return Echo(time.perf_counter() - began, ttl)

    def servers(self) -> Sequence[str]:
        """See `Outside`. One on the loopback interface answers the machine only (libnetwork: resolvconf.go)."""
        try:
            found = _SERVER.findall(self._resolv.read_text("utf-8", "replace"))
        except OSError:
            found = []
        return [server for server in found if not server.startswith("127.")] or _DEFAULT_SERVERS


def _icmp() -> socket.socket:
    """A socket for pings: the kernel's own kind, or root's. Raises PermissionError."""
    try:
        return socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP)
    except PermissionError:
        return socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)


def _request(data: bytes) -> bytes:
    """An echo request. The kernel may fill in who asks; not every kind of socket computes the sum."""
    plain = _HEADER.pack(_ECHO, 0, 0, 0, 1) + data
    words = struct.unpack(f"!{(len(plain) + 1) // 2}H", plain + b"\0" * (len(plain) % 2))
    total = sum(words)
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return _HEADER.pack(_ECHO, 0, ~total & 0xFFFF, 0, 1) + data


async def _reply(connection: socket.socket, data: bytes) -> int | None:
    """The time to live of the next packet, None if that is no answer to a request with this data."""
    loop = asyncio.get_running_loop()
    came: asyncio.Future[None] = loop.create_future()
    loop.add_reader(connection, lambda: None if came.done() else came.set_result(None))
    try:
        await came
    finally:
        loop.remove_reader(connection)
    packet, options, *_ = connection.recvmsg(_LONGEST, socket.CMSG_SPACE(4))
    if packet and packet[0] >> 4 == _IPV4:
        # Root's sockets, and all of macOS, hand over the IP header as well.
        packet = packet[(packet[0] & 15) * 4 :]
    if packet[:1] != bytes([_ECHO_REPLY]) or packet[_HEADER.size :] != data:
        return None
    return next((int.from_bytes(value[:4], "little") & 0xFF for _, _, value in options), 64)
