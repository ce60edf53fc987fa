"""Where a lab's engines listen for TLS, and the certificates for it."""

from ipaddress import ip_address

from swarmlab.lab.errors import LabError
from swarmlab.lab.folder import Folder, Settings

_LOOPBACK = "127.0.0.1"
#: The first port of the first lab, and how far the labs of one user are apart.
_FIRST_PORT, _PORTS = 23761, 100


def listening(settings: Settings, tcp: bool | None, bind: str | None) -> tuple[str, int] | None:
    """Where the first node is to listen, None for nowhere. Raises LabError for what is no address of one interface."""
    if tcp is False:
        if bind is not None:
            raise LabError("Either an address to listen at, or no TCP ports.")
        return None
    address, port = _parsed(_LOOPBACK if bind is None else bind)
    port = _FIRST_PORT + _PORTS * settings.number if port is None else port
    last = port + len(settings.node_names) - 1
    if not 1024 <= port <= last <= 65535:
        raise LabError(f"The ports {port} to {last} are not all between 1024 and 65535.")
    return address, port


def prepare_certificates(where: Folder, settings: Settings) -> None:
    """Make or renew the certificates of a lab that listens for TLS. Raises LabError."""
    if settings.tcp is None:
        return
    # Late: only a start with TLS needs these.
    from swarmlab.lab.certificates import prepare
    from swarmlab.network import node_addresses

    nodes = [address.host for address in node_addresses(len(settings.node_names), settings.number)]
    prepare(
        where.certificates, where.name, {"localhost", _LOOPBACK, "::1", settings.tcp[0], *nodes, *settings.node_names}
    )


def _parsed(text: str) -> tuple[str, int | None]:
    """`ADDRESS`, `ADDRESS:PORT` or `[ADDRESS]:PORT`."""
    host, port = text, ""
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        port = rest.removeprefix(":")
    elif text.count(":") == 1:
        host, _, port = text.partition(":")
    try:
        address = ip_address(host)
        number = int(port) if port else None
    except ValueError:
        raise LabError(
            f'"{text}" is no address to listen at; write ADDRESS or ADDRESS:PORT, as {_LOOPBACK}:2376'
        ) from None
    if address.is_unspecified or address.is_multicast:
        raise LabError(f"{host} is no address of one interface; name one that clients can connect to.")
    return str(address), number
