"""Addresses in the requests that make and join swarms (MB: daemon/cluster/listen_addr.go)."""

import ipaddress

from swarmlab.engine.errors import EngineError, bad_request

DEFAULT_PORT = "2377"
_BAD_LISTEN = "listen address must be an IP address or network interface (with optional port number)"
_BAD_ADVERTISE = "advertise address must be a non-zero IP address or network interface (with optional port number)"
_BAD_DATA_PATH = "data path address must be a non-zero IP address or network interface (without a port number)"
#: Names of the interfaces that every engine of a lab pretends to have.
_INTERFACES = frozenset({"lo", "eth0"})


def split(address: str, default_port: str) -> tuple[str, str]:
    """Host and port of `host`, `host:port` or `[v6]:port`."""
    if address.startswith("["):
        host, _, rest = address[1:].partition("]")
        return host, rest.removeprefix(":") or default_port
    host, colon, port = address.rpartition(":")
    return (host, port) if colon and ":" not in host else (address, default_port)


def joined(host: str, port: str) -> str:
    """`host:port` or `[v6]:port`, which `split` reads (Go's net.JoinHostPort)."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def can_listen(host: str, own: str) -> bool:
    """Whether an address is one of the machine's own."""
    address = ipaddress.ip_address(host)
    return address.is_unspecified or address.is_loopback or host == own


def listen(address: str, own: str) -> tuple[str, str]:
    """The host and port to listen on. Raises EngineError (400)."""
    host, port = split(address or f"0.0.0.0:{DEFAULT_PORT}", DEFAULT_PORT)
    return _resolve(host, own, bad_request(_BAD_LISTEN), zero=True), port


def advertised(address: str, own: str, port: str) -> tuple[str, str]:
    """The same for a node that joins: an address that is none is passed over, for managers see where it calls from."""
    try:
        return advertise(address, own, port)
    except EngineError:
        return own, port


def advertise(address: str, own: str, port: str) -> tuple[str, str]:
    """The host and port that other nodes are told. Raises EngineError (400)."""
    if not address:
        return own, port
    host, port = split(address, port)
    return _resolve(host, own, bad_request(_BAD_ADVERTISE), zero=False), port


def remote(address: str) -> str:
    """Where a manager of a swarm to join is, `host:port`, the port being the default one if none is given.

    Raises EngineError (400).
    """
    if not address:
        raise bad_request('invalid remoteAddr "": invalid empty address')
    host, port = split(address.removeprefix("tcp://"), DEFAULT_PORT)
    return joined(host, port or DEFAULT_PORT)


def data_path(address: str, own: str) -> str:
    """The address for data traffic; empty when none is given. Raises EngineError (400)."""
    return _resolve(address, own, bad_request(_BAD_DATA_PATH), zero=False) if address else ""


def check_pool(pools: tuple[str, ...], size: int) -> None:
    """The default address pools must be networks that subnets of `size` fit into. Raises EngineError."""
    size = size or 24
    if size > 29:
        raise bad_request(f"subnet size is out of range: {size}")
    for pool in pools:
        try:
            network = ipaddress.ip_network(pool.strip(), strict=False)
        except ValueError:
            raise bad_request(f"invalid CIDR address: {pool}") from None
        if size < network.prefixlen:
            raise bad_request(f'invalid CIDR: "{pool}". Subnet size is too small for pool: {size}')


def check_data_path_port(port: int) -> int:
    """The UDP port for data traffic, 4789 unless given. Raises EngineError."""
    if port and not 1024 <= port <= 49151:
        raise bad_request(f"Datapath port number is not in valid range (1024-49151) : {port}")
    return port or 4789


def is_address(text: str, family: int | None = None) -> bool:
    """Whether a text is an IP address, of version 4 or 6 if the `family` is given."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return family is None or address.version == family


def _resolve(host: str, own: str, error: EngineError, *, zero: bool) -> str:
    if host in _INTERFACES:
        return own
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        raise error from None
    if address.is_unspecified and not zero:
        raise error
    return str(address)
