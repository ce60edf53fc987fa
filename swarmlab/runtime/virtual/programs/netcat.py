"""`nc` as BusyBox has it: standard input and output at the other end of a connection, or of the first that comes."""

import asyncio
import getopt

from swarmlab.runtime.virtual.context import Context
from swarmlab.runtime.virtual.waiting import run_at_most

_FOR_EVER = 1e9
_CHUNK = 64 * 1024


async def nc(context: Context) -> int:
    """`nc [-w SECONDS] [-v] [-z] HOST PORT` or `nc -l -p PORT`; `-z` only looks whether the port is open."""
    try:
        options, words = getopt.gnu_getopt(context.argv[1:], "lnvzw:p:")
        values = dict(options)
        patience = float(values.get("-w", _FOR_EVER))
        port = int(values.get("-p") or (words[-1] if words else ""))
        if not 0 < port < 1 << 16 or ("-l" not in values and len(words) != 2):
            raise ValueError
    except (getopt.GetoptError, ValueError):
        await context.err(
            "BusyBox v1.37.0 multi-call binary.\n\n"
            "Usage: nc [OPTIONS] HOST PORT  - connect\nnc [OPTIONS] -l -p PORT  - listen\n"
        )
        return 1
    if "-l" in values:
        return await _listen(context, port)
    return await _connect(context, words[0], int(words[1]), patience, values)


async def telnet(context: Context) -> int:
    """`telnet HOST [PORT]`: what is said there, and what is typed here."""
    words = [word for word in context.argv[1:] if not word.startswith("-")]
    port = words[1] if len(words) > 1 else "23"
    if not words or not port.isdigit():
        await context.err("BusyBox v1.37.0 multi-call binary.\n\nUsage: telnet [-a] [-l USER] HOST [PORT]\n")
        return 1
    return await _connect(context, words[0], int(port), _FOR_EVER, {})


async def _connect(context: Context, host: str, port: int, patience: float, values: dict[str, str]) -> int:
    found = await context.machine.resolve(host)
    if not found:
        await context.err(f"{context.argv[0]}: bad address '{host}'\n")
        return 1

    async def talk() -> None:
        async with context.machine.connection(found[0], port) as real:
            if "-v" in values:
                await context.err(f"{host} ({found[0]}:{port}) open\n")
            if "-z" not in values:
                await _exchange(context, *await asyncio.open_connection(*real))

    try:
        await run_at_most(context.machine.clock, talk(), patience)
    except TimeoutError:
        await context.err("nc: timed out\n")
        return 1
    except OSError as error:
        if "-z" not in values or "-v" in values:
            target = f"{host} ({found[0]}:{port})" if "-v" in values else f"can't connect to remote host ({found[0]})"
            await context.err(f"{context.argv[0]}: {target}: {error.strerror}\n")
        return 1
    return 0


async def _listen(context: Context, port: int) -> int:
    came: asyncio.Future[tuple[asyncio.StreamReader, asyncio.StreamWriter]]
    came = asyncio.get_running_loop().create_future()

    def first(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if came.done():
            writer.close()
        else:
            came.set_result((reader, writer))

    server = await asyncio.start_server(first, "127.0.0.1", 0)
    try:
        context.machine.listen(port, server.sockets[0].getsockname()[:2])
    except OSError as error:
        server.close()
        await context.err(f"nc: bind: {error.strerror}\n")
        return 1
    try:
        streams = await came
    finally:
        context.machine.close_port(port)
        server.close()
    await _exchange(context, *streams)
    return 0


async def _exchange(context: Context, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Until the other end has said all it had to say."""

    async def send() -> None:
        async for data in context.stdin:
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()

    sending = asyncio.get_running_loop().create_task(send())
    try:
        while data := await reader.read(_CHUNK):
            await context.out(data)
    finally:
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        writer.close()
