"""/proc/net of a container: the sockets that listen, as the kernel writes them (Linux: net/ipv4/tcp_ipv4.c)."""

from collections.abc import Iterable

_COLUMNS = "st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode"
_TITLE = f"sl  local_address rem_address   {_COLUMNS}"
_TITLE6 = f"sl  local_address                         remote_address                        {_COLUMNS}"
#: The kernel fills its lines up to these lengths.
_TCP_LINE, _UDP_LINE = 149, 127
#: Sockets have the numbers of their ports, from here on.
_INODE = 100_000


def tcp(ports: Iterable[int]) -> bytes:
    """`/proc/net/tcp`: each port listens at every address."""
    lines = [f"  {_TITLE}".ljust(_TCP_LINE)]
    for number, port in enumerate(sorted(ports)):
        row = (
            f"{number:4d}: 00000000:{port:04X} 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0"
            f"        0 {_INODE + port} 1 0000000000000000 100 0 0 10 0"
        )
        lines.append(row.ljust(_TCP_LINE))
    return "".join(f"{line}\n" for line in lines).encode()


def empty() -> dict[str, bytes]:
    """The other files, by name: nothing listens there."""
    return {
        "tcp6": f"  {_TITLE6}\n".encode(),
        "udp": f"{f'   {_TITLE} ref pointer drops'.ljust(_UDP_LINE)}\n".encode(),
        "udp6": f"  {_TITLE6} ref pointer drops\n".encode(),
    }
