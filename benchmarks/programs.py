"""What containers cost: `scripts/bench programs`. Prints when PostgreSQL and Python answer, and what idle ones need.

Measured at the runtime, without engine and API: what a program itself takes.
"""

import argparse
import asyncio
import statistics
import tempfile
import time
from pathlib import Path

import psutil

from swarmlab.clock import ScaledClock
from swarmlab.images import Catalogue
from swarmlab.runtime.base import Container, ContainerConfig
from swarmlab.runtime.virtual import VirtualRuntime


class Bench:
    """One runtime and its containers."""

    def __init__(self, state: Path) -> None:
        self.catalogue = Catalogue()
        self.runtime = VirtualRuntime(ScaledClock(), self.catalogue, state)
        self._made = 0

    def create(self, name: str, *command: str, env: tuple[str, ...] = ()) -> Container:
        """A container of an image."""
        image = self.catalogue.find(name)
        assert image is not None
        self._made += 1
        return self.runtime.create(
            ContainerConfig(
                id=f"{self._made:08x}".ljust(64, "0"),
                name=f"c{self._made}",
                image=name,
                hostname=f"c{self._made}",
                command=command or (*image.config.entrypoint, *image.config.cmd),
                env=(*image.config.env, *env),
            )
        )

    async def until_ready(self, port: int, name: str, *command: str, env: tuple[str, ...] = ()) -> float:
        """Seconds from the start of a container until its port takes a connection; the container is removed."""
        container = self.create(name, *command, env=env)
        begin = time.perf_counter()
        await container.start()
        while True:
            try:
                _, writer = await asyncio.open_connection(*container.ports()[port])
                break
            except (KeyError, OSError):
                await asyncio.sleep(0.005)
        seconds = time.perf_counter() - begin
        writer.close()
        await container.remove()
        return seconds

    async def start_idle(self, count: int) -> tuple[float, float, float]:
        """Milliseconds for each start, megabytes and percent of a core for that many containers that wait."""
        own = psutil.Process()
        before = own.memory_info().rss
        containers = [self.create("busybox", "sleep", "infinity") for _ in range(count)]
        begin = time.perf_counter()
        for container in containers:
            await container.start()
        started = time.perf_counter() - begin
        memory = own.memory_info().rss - before
        used = sum(own.cpu_times()[:2])
        await asyncio.sleep(5)
        return started / count * 1000, memory / 1e6, (sum(own.cpu_times()[:2]) - used) / 5 * 100


async def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-n", type=int, default=5, help="runs of each program (5)")
    parser.add_argument("--containers", type=int, default=1000, help="idle containers (1000)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder) / "state")
        rows = {
            "PostgreSQL accepts connections": (5432, "postgres", (), ("POSTGRES_PASSWORD=x",)),
            "Python's http.server accepts connections": (8000, "python", ("python", "-m", "http.server"), ()),
            "nginx accepts connections": (80, "nginx", (), ()),
            "Redis accepts connections": (6379, "redis", (), ()),
        }
        for label, (port, name, command, env) in rows.items():
            times = [await bench.until_ready(port, name, *command, env=env) for _ in range(options.n)]
            print(f"{label:45} {statistics.median(times):8.3f} s")
        start, memory, cpu = await bench.start_idle(options.containers)
        print(f"{'a container of busybox starts':45} {start:8.2f} ms")
        print(f"{f'{options.containers} idle containers need':45} {memory:8.1f} MB, {cpu:.1f} % of a core")
        await bench.runtime.close()


if __name__ == "__main__":
    asyncio.run(main())
