"""A lab without swarms, for tests of what is around it. Run as a script, this is a daemon made of these parts.

What happens is kept in the journal's facts: how often the lab began (`boots`), nodes' power, and published ports. A
file `orders.json` in the lab's folder makes it misbehave:
{"start": "fail" | "die"}, {"stop": "hang"}, {"reset": "die"}.
"""

import asyncio
import json
import os
import ssl
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

from aiohttp import web

from swarmlab.clock import Clock
from swarmlab.engine.settings import EngineSettings
from swarmlab.engine.task.executor import Pace
from swarmlab.journal import Journal
from swarmlab.lab import daemon, launch
from swarmlab.lab.folder import all_folders
from swarmlab.lab.parts import Action, Parts
from swarmlab.network import Outside, Published

COMMAND = (sys.executable, "-u", __file__)


class FakeEngine:
    def __init__(self, name: str, address: str, power: str) -> None:
        self.name = name
        self.address = address
        self.power = power
        self.side = 0
        self.cluster = SimpleNamespace(membership=SimpleNamespace(node_id=name.replace("node", "id")))


class FakeLab:
    def __init__(
        self,
        *,
        name: str,
        nodes: int,
        clock: Clock,
        journal: Journal,
        state_dir: Path,
        addresses: list[str],
        hollow: bool,
        settings: dict[str, EngineSettings],
        pace: Pace,
        outside: Outside | None,
    ) -> None:
        journal.set_meta("outside", str(outside))
        journal.set_meta("pace", json.dumps(pace))
        journal.set_meta("settings", json.dumps({n: (s.labels, len(s.generic)) for n, s in settings.items()}))
        self.engines: dict[str, FakeEngine] = {}
        self.nodes = min(nodes, len(addresses))
        self.journal = journal
        self.addresses = addresses
        orders = state_dir / "orders.json"
        self.orders = json.loads(orders.read_text()) if orders.exists() else {}

    async def start(self) -> None:
        if self.orders.get("start") == "fail":
            raise RuntimeError("no engine today")
        if self.orders.get("start") == "die":
            os.write(2, b"the last words\n")
            os._exit(3)
        self.journal.set_meta("boots", str(int(self.journal.meta("boots") or 0) + 1))
        for number in range(1, self.nodes + 1):
            name = f"node-{number}"
            power = self.journal.meta(f"power:{name}") or "on"
            self.engines[name] = FakeEngine(name, self.addresses[number - 1], power)

    async def stop(self) -> None:
        if self.orders.get("stop") == "hang":
            await asyncio.get_running_loop().create_future()
        self.journal.set_meta("stopped", "in order")

    async def power(self, node: str, action: Action) -> None:
        self.engines[node].power = {"stop": "stopped", "kill": "killed", "start": "on"}[action]
        self.journal.set_meta(f"power:{node}", self.engines[node].power)

    def partition(self, nodes: list[str]) -> None:
        for node in nodes:
            self.engines[node].side = 1

    def heal(self) -> None:
        for engine in self.engines.values():
            engine.side = 0

    async def reset(self, journal: Journal) -> None:
        if self.orders.get("reset") == "die":
            os._exit(3)
        if self.orders.get("reset") == "fail":
            raise RuntimeError("no reset today")
        self.journal = journal
        await self.start()

    def published(self) -> list[Published]:
        return [Published(*entry) for entry in json.loads(self.journal.meta("published") or "[]")]

    def service_name(self, service_id: str) -> str:
        return {"abc": "web"}.get(service_id, service_id)


class FakeServer:
    """Says who it is, at any address."""

    def __init__(self, engine: FakeEngine, journal: Journal) -> None:
        self.engine = engine
        application = web.Application()
        application.router.add_get("/whoami", self._whoami)
        self.runner = web.AppRunner(application, shutdown_timeout=0.0)

    async def _whoami(self, _: web.Request) -> web.Response:
        return web.json_response({"engine": self.engine.name})

    async def start(self, path: Path, mode: int = 0o600) -> None:
        self.path = path
        await self.runner.setup()
        await web.UnixSite(self.runner, str(path)).start()
        os.chmod(path, mode)

    async def listen(self, address: str, port: int, context: ssl.SSLContext) -> None:
        await web.TCPSite(self.runner, address, port, ssl_context=context).start()

    async def close(self) -> None:
        await self.runner.cleanup()
        # From Python 3.13 on asyncio has removed it by now.
        self.path.unlink(missing_ok=True)


@contextmanager
def labs_of_fakes(home: Path, monkeypatch: object) -> Iterator[Path]:
    """Let all labs live in `home`, be made of fakes, and end with the test."""
    monkeypatch.setenv("SWARMLAB_HOME", str(home))
    monkeypatch.delenv("SWARMLAB_LAB", raising=False)
    monkeypatch.setattr(launch, "COMMAND", COMMAND)
    try:
        yield home
    finally:
        for found in all_folders():
            if launch.running(found):
                monkeypatch.setattr(launch, "STOP_LIMIT", 5.0)
                launch.end(found)


if __name__ == "__main__":
    daemon.main(lambda: Parts(FakeLab, FakeServer))
