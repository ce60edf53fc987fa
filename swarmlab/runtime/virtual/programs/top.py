"""`top` of busybox, as far as a container without counted processor time has something to show."""

import asyncio
import getopt
import os
import signal

import psutil

from swarmlab.runtime.virtual.context import Context

#: Seconds of swarm time between two pictures.
_DELAY = 5.0
_KIBI = 1024


async def top(context: Context) -> int:
    """Show this machine's memory and load, and itself, every `-d` seconds, `-n` times or until a signal ends it."""
    try:
        options, _ = getopt.gnu_getopt(context.argv[1:], "bHmd:n:")
        values = dict(options)
        left, delay = int(values.get("-n", "0")), float(values.get("-d", _DELAY))
    except (getopt.GetoptError, ValueError) as error:
        await context.err(f"top: {error}\n")
        return 1
    ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def end(name: str) -> None:
        if not ended.done():
            ended.set_result(128 + signal.Signals[name])

    context.signals.handle(("SIGTERM", "SIGINT", "SIGHUP"), end)
    while True:
        await context.out(_picture(context, clear="-b" not in values))
        left -= 1
        if left == 0:
            return 0
        pause = asyncio.ensure_future(context.machine.clock.sleep(delay))
        try:
            await asyncio.wait((pause, ended), return_when=asyncio.FIRST_COMPLETED)
        finally:
            pause.cancel()
        if ended.done():
            return ended.result()


def _picture(context: Context, *, clear: bool) -> str:
    memory = psutil.virtual_memory()
    used, free, cached = (n // _KIBI for n in (memory.used, memory.free, getattr(memory, "cached", 0)))
    load = " ".join(f"{number:.2f}" for number in os.getloadavg())
    command = " ".join(context.argv)
    return (
        f"{chr(27) + '[H' + chr(27) + '[J' if clear else ''}"
        f"Mem: {used}K used, {free}K free, 0K shrd, 0K buff, {cached}K cached\n"
        "CPU:   0% usr   0% sys   0% nic 100% idle   0% io   0% irq   0% sirq\n"
        f"Load average: {load} 1/1 1\n"
        f"{chr(27) + '[7m' if clear else ''}  PID  PPID USER     STAT   VSZ %VSZ %CPU COMMAND"
        f"{chr(27) + '[m' if clear else ''}\n"
        f"    1     0 {context.user.name:<8} R     1624   0%   0% {command}\n"
    )
