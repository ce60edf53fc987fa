"""Asks a web server for answers, as fast as it gives them. Needs nothing but Python: `mesh` sends it into containers.

`load.py SECONDS ROUNDS HOST:PORT …` prints JSON: for each address the megabytes a second of each round, in which all
addresses have their turn for so many seconds, and the median time of a small request in milliseconds.
"""

import asyncio
import json
import re
import statistics
import sys
import time

SIZE = 64 * 1024
#: What is asked for: SIZE bytes, and a few.
BIG, SMALL = "/big", "/small"
CONNECTIONS = 8
#: Requests on one connection; nginx takes no more than 1000.
KEPT = 500
#: Small requests to each address.
REQUESTS = 500
Address = tuple[str, int]


async def ask(path: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> int:
    """One request on an open connection: the status."""
    writer.write(f"GET {path} HTTP/1.1\r\nHost: bench\r\n\r\n".encode())
    head = await reader.readuntil(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
    await reader.readexactly(int(length[1]) if length is not None else 0)
    return int(head.split()[1])


async def throughput(address: Address, seconds: float) -> float:
    """Megabytes a second over a few connections that stay open."""

    async def client() -> int:
        reader, writer = await asyncio.open_connection(*address, limit=4 * SIZE)
        done = 0
        while time.perf_counter() < end:
            if await ask(BIG, reader, writer) != 200:
                raise ConnectionError("not 200")
            done += 1
            if not done % KEPT:
                writer.close()
                reader, writer = await asyncio.open_connection(*address, limit=4 * SIZE)
        writer.close()
        return done

    end = time.perf_counter() + seconds
    return sum(await asyncio.gather(*(client() for _ in range(CONNECTIONS)))) * SIZE / seconds / 1e6


async def once(address: Address, path: str = SMALL) -> float:
    """Seconds of a request, with its connection."""
    begin = time.perf_counter()
    reader, writer = await asyncio.open_connection(*address)
    try:
        if await ask(path, reader, writer) != 200:
            raise ConnectionError("not 200")
    finally:
        writer.close()
    return time.perf_counter() - begin


async def latency(addresses: list[Address]) -> list[float]:
    """The median for each address, in milliseconds; asked in turns, so that all have the same weather."""
    taken: list[list[float]] = [[] for _ in addresses]
    for _ in range(REQUESTS):
        for seconds, address in zip(taken, addresses, strict=True):
            seconds.append(await once(address))
    return [statistics.median(seconds) * 1000 for seconds in taken]


def main() -> None:
    """Measure, and print what was found."""
    seconds, rounds, *places = sys.argv[1:]
    addresses = [(host, int(port)) for host, _, port in (place.rpartition(":") for place in places)]
    speeds = [[asyncio.run(throughput(each, float(seconds))) for each in addresses] for _ in range(int(rounds))]
    print(json.dumps({"throughput": list(zip(*speeds, strict=True)), "latency": asyncio.run(latency(addresses))}))


if __name__ == "__main__":
    main()
