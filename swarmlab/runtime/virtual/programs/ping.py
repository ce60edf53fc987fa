"""`ping`, played: within the lab no packet is sent, but only those answer whom the container can reach."""

import asyncio
import getopt

from swarmlab.runtime.virtual.context import Context
from swarmlab.runtime.virtual.waiting import wait_at_most

#: Seconds that the last request is waited for.
_LINGER = 10.0
#: Seconds of real time that any request to the outside is waited for.
_PATIENCE = 1.0


async def ping(context: Context) -> int:
    """Send a request a second (`-i`), `-c` of them or until SIGINT, and tell of the answers as BusyBox does."""
    try:
        options, hosts = getopt.gnu_getopt(context.argv[1:], "46qc:i:s:t:w:W:I:")
        values = dict(options)
        count, interval = int(values.get("-c", "0")), float(values.get("-i", "1"))
        linger, size = float(values.get("-W", _LINGER)), int(values.get("-s", "56"))
    except (getopt.GetoptError, ValueError) as error:
        await context.err(f"ping: {error}\n")
        return 1
    if len(hosts) != 1:
        await context.err("Usage: ping [OPTIONS] HOST\n")
        return 1
    if not (found := await context.machine.resolve(hosts[0])):
        await context.err(f"ping: bad address '{hosts[0]}'\n")
        return 1
    address = found[0]
    stop: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    context.signals.handle(("SIGINT",), lambda _: None if stop.done() else stop.set_result(None))
    await context.out(f"PING {hosts[0]} ({address}): {size} data bytes\n")
    sent = 0
    times: list[float] = []
    while not stop.done():
        try:
            answer = await context.machine.sandbox.echo(address, size, _PATIENCE)
        except PermissionError:
            await context.err("ping: permission denied (are you root?)\n")
            return 1
        except OSError as error:
            await context.err(f"ping: sendto: {error.strerror}\n")
            return 1
        sent += 1
        if answer is not None:
            times.append(answer.seconds * 1000)
            if "-q" not in values:
                told = f"seq={sent - 1} ttl={answer.ttl} time={times[-1]:.3f} ms"
                await context.out(f"{size + 8} bytes from {address}: {told}\n")
        if sent == count:
            if answer is None:
                await wait_at_most(context.machine.clock, stop, linger)
            break
        await wait_at_most(context.machine.clock, stop, interval)
    lost = 100 - len(times) * 100 // sent
    await context.out(
        f"\n--- {hosts[0]} ping statistics ---\n"
        f"{sent} packets transmitted, {len(times)} packets received, {lost}% packet loss\n"
    )
    if times:
        mean = sum(times) / len(times)
        await context.out(f"round-trip min/avg/max = {min(times):.3f}/{mean:.3f}/{max(times):.3f} ms\n")
    return 0 if times else 1
