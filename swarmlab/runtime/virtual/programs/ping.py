"""`ping`, played: no packet leaves the machine; names the container knows answer, and so does the outside world."""

import getopt
import ipaddress
import random

from swarmlab.runtime.virtual.machine import Context


async def ping(context: Context) -> int:
    """Print a reply a second (`-i`), `-c` of them or for ever."""
    try:
        options, hosts = getopt.gnu_getopt(context.argv[1:], "46qc:i:s:t:w:W:I:")
        values = dict(options)
        count, interval = int(values.get("-c", "0")), float(values.get("-i", "1"))
    except (getopt.GetoptError, ValueError) as error:
        await context.err(f"ping: {error}\n")
        return 1
    if len(hosts) != 1:
        await context.err("Usage: ping [OPTIONS] HOST\n")
        return 1
    if (address := _address(context, hosts[0])) is None:
        await context.err(f"ping: bad address '{hosts[0]}'\n")
        return 1
    await context.out(f"PING {hosts[0]} ({address}): 56 data bytes\n")
    sequence = 0
    while True:
        if "-q" not in values:
            took = random.uniform(0.04, 0.12)  # noqa: S311 (for show)
            await context.out(f"64 bytes from {address}: seq={sequence} ttl=64 time={took:.3f} ms\n")
        sequence += 1
        if sequence == count:
            break
        await context.machine.clock.sleep(interval)
    await context.out(
        f"\n--- {hosts[0]} ping statistics ---\n"
        f"{sequence} packets transmitted, {sequence} packets received, 0% packet loss\n"
    )
    return 0


def _address(context: Context, host: str) -> str | None:
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        pass
    if context.machine.knows(host):
        return "127.0.0.1"
    # A documentation address stands for every public name; a name without a dot can only be a neighbour.
    return "203.0.113.1" if "." in host.strip(".") else None
