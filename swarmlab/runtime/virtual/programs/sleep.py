"""`sleep`, in swarm time."""

import asyncio

from swarmlab.runtime.virtual.context import Context

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}

#: Longer waits are as good as for ever (and too long for a clock that counts nanoseconds in 64 bits).
_FOREVER = 100 * 365 * 86400


async def sleep(context: Context) -> int:
    """Wait for the sum of the arguments: numbers with s, m, h or d, or `infinity`."""
    if len(context.argv) < 2:
        await context.err("sleep: missing operand\n")
        return 1
    total = 0.0
    for argument in context.argv[1:]:
        unit = argument[-1:] if argument[-1:] in _UNITS else ""
        try:
            seconds = float(argument.removesuffix(unit)) * _UNITS.get(unit, 1)
        except ValueError:
            seconds = -1.0
        if not seconds >= 0:
            await context.err(f"sleep: invalid number '{argument}'\n")
            return 1
        total += seconds
    if total > _FOREVER:
        await asyncio.get_running_loop().create_future()
    await context.machine.clock.sleep(total)
    return 0
