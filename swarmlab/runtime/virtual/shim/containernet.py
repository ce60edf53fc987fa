"""Sockets of the container for a Python process: names, addresses and ports are those of its networks.

What listens does so on a port of the loopback interface that the lab gets to know; where a connection leads, the lab
says. Datagrams (UDP) are not carried: they stay within the container's own loopback interface. Other kinds of sockets
than these are this machine's.
"""

import _socket
import contextlib
import errno
import hashlib
import ipaddress
import json
import os
import platform
import socket
import sys
from typing import Any
from weakref import WeakKeyDictionary

import containerfiles  # type: ignore[import-not-found]

_base: Any = _socket.socket
_bridge = ""
_exchange = ""
_address = _short = ""
_hostname = ""
#: What sockets are called in the container, by the real port that they are bound to.
_bound: dict[int, tuple[str, int]] = {}
#: Connections that tell the lab that a port listens, by the number of the socket's descriptor.
_listening: dict[int, Any] = {}
#: Ways out, by process, host and port: the connections that keep them open, and where they are.
_ways: dict[tuple[int, str, int], tuple[Any, tuple[str, int]]] = {}
#: Events of the interpreter (PEP 578).
_MAKES_A_PROCESS = frozenset({"os.fork", "os.forkpty", "os.posix_spawn", "os.system", "subprocess.Popen"})
_peers: "WeakKeyDictionary[socket.socket, tuple[Any, ...]]" = WeakKeyDictionary()
#: A port at which no program receives datagrams.
_REFUSES = 1
_real_getaddrinfo = socket.getaddrinfo


def install(settings: dict[str, Any]) -> None:
    """Make sockets, names and the host's own name those of the container."""
    global _address, _bridge, _exchange, _hostname, _short
    _bridge, _exchange, _hostname = settings["bridge"], settings["exchange"], settings["hostname"]
    _address, _short = settings["address"], os.path.dirname(_bridge)
    for name, method in _METHODS.items():
        setattr(socket.socket, name, method)
    socket.getaddrinfo = getaddrinfo
    socket.gethostname = lambda: _hostname
    socket.gethostbyname = lambda host: str(getaddrinfo(host, None, socket.AF_INET)[0][4][0])
    socket.gethostbyname_ex = lambda host: (host, [], [socket.gethostbyname(host)])
    socket.gethostbyaddr = _gethostbyaddr
    uname = os.uname
    os.uname = lambda: os.uname_result((uname()[0], _hostname, *uname()[2:]))
    platform.node = lambda: _hostname
    sys.addaudithook(_before)
    import containerlibpq  # type: ignore[import-not-found]

    sys.meta_path.insert(0, containerlibpq.Finder(sys.modules[__name__]))


def _before(event: str, arguments: tuple[Any, ...]) -> None:
    """Ask the lab before there is another process: who makes them for ever is stopped before the machine suffers."""
    if event in _MAKES_A_PROCESS:
        with asking(op="fork"):
            pass


class asking:  # noqa: N801 (used like a function)
    """Ask the lab; the answer holds until the end of the block. Raises OSError."""

    def __init__(self, **question: Any) -> None:
        self._connection, self._answer = _ask(question)

    def __enter__(self) -> dict[str, Any]:
        return self._answer

    def __exit__(self, *error: object) -> None:
        _base.close(self._connection)


def _ask(question: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    connection = _base(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _base.connect(connection, _bridge)
        _base.sendall(connection, json.dumps(question).encode() + b"\n")
        text = b""
        while not text.endswith(b"\n"):
            part = _base.recv(connection, 65536)
            if not part:
                raise OSError(errno.ENETDOWN, os.strerror(errno.ENETDOWN))
            text += part
    except BaseException:
        _base.close(connection)
        raise
    answer: dict[str, Any] = json.loads(text)
    if answer.get("errno"):
        _base.close(connection)
        raise OSError(answer["errno"], os.strerror(answer["errno"]))
    return connection, answer


def egress(host: str, port: int) -> tuple[str, int]:
    """Where something that opens its own sockets connects to, to get to a host; as long as this process lives."""
    if (os.getpid(), host, port) not in _ways:
        connection, answer = _ask({"op": "egress", "host": host, "port": port})
        _ways[os.getpid(), host, port] = connection, (answer["host"], answer["port"])
    return _ways[os.getpid(), host, port][1]


def probe(host: str, port: int) -> None:
    """Raise OSError when nobody can be reached there."""
    socket.create_connection((host, port)).close()


def resolve(host: str) -> list[str]:
    """The addresses of a name; empty for an unknown one."""
    with asking(op="resolve", host=host) as answer:
        return list(answer["addresses"])


def getaddrinfo(
    host: Any, port: Any, family: int = 0, type: int = 0, proto: int = 0, flags: int = 0
) -> list[tuple[Any, ...]]:
    """See `socket.getaddrinfo`; containers have IPv4 only."""
    name = host.decode() if isinstance(host, bytes) else host
    if family == socket.AF_INET6:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    if name is None or name == "":
        addresses = ["0.0.0.0" if flags & socket.AI_PASSIVE else "127.0.0.1"]  # noqa: S104 (a name, nothing is bound)
    elif _literal(name):
        addresses = [name]
    else:
        addresses = resolve(name)
    if not addresses:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    flags &= ~(socket.AI_ADDRCONFIG | socket.AI_V4MAPPED | socket.AI_CANONNAME)
    return [row for one in addresses for row in _real_getaddrinfo(one, port, family, type, proto, flags)]


def _gethostbyaddr(host: str) -> tuple[str, list[str], list[str]]:
    address = socket.gethostbyname(host)
    return (_hostname if address.startswith("127.") or host == _hostname else host, [], [address])


def _literal(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _is_tcp(sock: socket.socket) -> bool:
    return sock.family in {socket.AF_INET, socket.AF_INET6} and bool(sock.type & socket.SOCK_STREAM)


def _is_udp(sock: socket.socket) -> bool:
    return sock.family in {socket.AF_INET, socket.AF_INET6} and bool(sock.type & socket.SOCK_DGRAM)


def _numeric(host: str) -> str:
    return host if _literal(host) else str(getaddrinfo(host, None)[0][4][0])


def _stays(host: str) -> bool:
    """Whether a datagram to an address stays in the container."""
    ip = ipaddress.ip_address(_numeric(host))
    return ip.is_loopback or ip.is_unspecified


def _loopback(sock: socket.socket) -> str:
    return "::1" if sock.family == socket.AF_INET6 else "127.0.0.1"


def _unix(address: Any, *, make: bool = False) -> Any:
    """Where a Unix socket of the container really is: paths of such sockets must be short, so links lead there.

    Raises OSError for one that the container does not have, though this machine may.
    """
    if isinstance(address, bytes):
        address = os.fsdecode(address)
    if not isinstance(address, str) or not address or address.startswith("\0"):
        return address
    shown = os.path.abspath(address)
    if not make and (real := _mounted(containerfiles.container_path(shown))):
        return real
    path = containerfiles.real_path(shown)
    if not make and not (os.path.lexists(path) and containerfiles.is_inside(path)):
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
    if path == shown:
        return address
    if make and not os.path.lexists(path):
        short = os.path.join(_short, hashlib.sha256(path.encode()).hexdigest()[:12])
        with contextlib.suppress(FileNotFoundError):
            os.unlink(short)
        os.symlink(short, path)
        return short
    return (
        os.path.join(_short, os.path.basename(os.readlink(path)))
        if os.path.islink(path)
        else containerfiles.without_links(path)
    )


def _mounted(path: str) -> str:
    """Where a socket is that the lab itself knows in the container; empty for any other."""
    with asking(op="socket", path=path) as answer:
        if answer["group"] is not None and os.geteuid() and os.getegid() != answer["group"]:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return str(answer["path"])


def _bind(self: socket.socket, address: Any) -> None:
    if self.family == socket.AF_UNIX:
        _base.bind(self, _unix(address, make=True))
        return
    if _is_udp(self):
        try:
            _base.bind(self, (_loopback(self), address[1]))
        except OSError as error:
            if error.errno not in {errno.EADDRINUSE, errno.EACCES}:
                raise
            # Another container has it, which here is a network of its own.
            _base.bind(self, (_loopback(self), 0))
        return
    if not _is_tcp(self):
        _base.bind(self, address)
        return
    host, port = address[:2]
    if port:
        with asking(op="bind", port=port):
            pass
    _base.bind(self, (_loopback(self), 0))
    real = _base.getsockname(self)[1]
    shown = (str(host) if host and _literal(str(host)) else "0.0.0.0", port or real)  # noqa: S104
    _bound[real] = shown


def _listen(self: socket.socket, *args: Any) -> None:
    _base.listen(self, *args)
    if _is_tcp(self) and self.fileno() not in _listening:
        host, real = _base.getsockname(self)[:2]
        shown = _bound.get(real)
        if shown is not None:
            connection, _ = _ask({"op": "listen", "port": shown[1], "host": host, "real": real})
            _listening[self.fileno()] = connection


def _close_listening(descriptor: int) -> None:
    connection = _listening.pop(descriptor, None)
    if connection is not None:
        _base.close(connection)


def _real_close(self: socket.socket, *args: Any) -> None:
    _close_listening(self.fileno())
    _base.close(self)


def _getsockname(self: socket.socket) -> Any:
    name = _base.getsockname(self)
    if _is_tcp(self) and isinstance(name, tuple):
        shown = _bound.get(name[1])
        return name if shown is None else (*shown, *name[2:])
    if self in _peers and self.family == socket.AF_INET:
        # A common way to learn one's own address is to ask a UDP socket.
        return (_address, name[1])
    return name


def _getpeername(self: socket.socket) -> Any:
    return _peers[self] if self in _peers else _base.getpeername(self)


def _accept(self: socket.socket) -> tuple[socket.socket, Any]:
    descriptor, address = self._accept()  # type: ignore[attr-defined]
    made = socket.socket(self.family, self.type, self.proto, fileno=descriptor)
    if socket.getdefaulttimeout() is None and self.gettimeout():
        made.setblocking(True)
    if _is_tcp(self):
        with contextlib.suppress(OSError), asking(op="origin", host=address[0], port=address[1]) as answer:
            address = (answer["host"], *address[1:])
        _peers[made] = address
    return made, address


def _connecting(self: socket.socket, address: Any) -> None:
    """Connect through the lab's exchange: from its answer on, the connection is the one that was asked for."""
    host, port = _numeric(address[0]), address[1]
    exchange, number, token = _exchange.split(":")
    timeout = self.gettimeout()
    # It answers when the kernel would; so long a socket that does not wait waits, too.
    self.settimeout(timeout or None)
    try:
        _base.connect(self, (exchange, int(number)))
        _base.sendall(self, f"{token} {host} {port}\n".encode())
        line = b""
        while not line.endswith(b"\n"):
            # What follows the line is the other side's.
            byte = _base.recv(self, 1)
            if not byte:
                raise OSError(errno.ENETDOWN, os.strerror(errno.ENETDOWN))
            line += byte
    finally:
        self.settimeout(timeout)
    verdict, _, rest = line.decode().strip().partition(" ")
    if verdict != "OK":
        code = int(rest.split(" ")[0])
        raise OSError(code, os.strerror(code))
    _peers[self] = (host, port)


def _connecting_datagrams(self: socket.socket, address: Any) -> None:
    """Connect a socket for datagrams; where they would leave the container, to where they are refused."""
    if _stays(address[0]):
        _base.connect(self, address)
    else:
        _base.connect(self, (_loopback(self), _REFUSES))
        _peers[self] = (_numeric(address[0]), *address[1:])


def _sendto(self: socket.socket, data: Any, *rest: Any) -> int:
    _check_datagram(self, rest[-1])
    return int(_base.sendto(self, data, *rest))


def _sendmsg(self: socket.socket, buffers: Any, ancdata: Any = (), flags: int = 0, address: Any = None) -> int:
    _check_datagram(self, address)
    return int(_base.sendmsg(self, buffers, ancdata, flags, address))


def _check_datagram(sock: socket.socket, address: Any) -> None:
    if isinstance(address, tuple) and _is_udp(sock) and not _stays(address[0]):
        raise OSError(errno.ENETUNREACH, os.strerror(errno.ENETUNREACH))


def _connect(self: socket.socket, address: Any) -> None:
    if _is_tcp(self):
        _connecting(self, address)
    elif _is_udp(self):
        _connecting_datagrams(self, address)
    else:
        _base.connect(self, _unix(address))


def _connect_ex(self: socket.socket, address: Any) -> int:
    if not _is_tcp(self) and not _is_udp(self):
        return int(_base.connect_ex(self, _unix(address)))
    try:
        _connect(self, address)
    except OSError as error:
        if error.errno is None or isinstance(error, socket.gaierror):
            raise
        return error.errno
    return 0


_METHODS: dict[str, Any] = {
    "accept": _accept,
    "bind": _bind,
    "connect": _connect,
    "connect_ex": _connect_ex,
    "getpeername": _getpeername,
    "getsockname": _getsockname,
    "listen": _listen,
    "sendmsg": _sendmsg,
    "sendto": _sendto,
    "_real_close": _real_close,
}
