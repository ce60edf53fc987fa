"""A lab in its own process: its clock, its journal, its engines and their sockets, opened and closed together."""

import asyncio
import logging
import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from swarmlab.clock import SECOND, ScaledClock
from swarmlab.journal import Journal, Seal
from swarmlab.lab.folder import Folder, Settings
from swarmlab.lab.parts import Action, Parts
from swarmlab.lab.rotate import rotate, settle
from swarmlab.network import Published, ThisMachine, node_addresses

if TYPE_CHECKING:
    from swarmlab.api import Server
    from swarmlab.engine import Lab
    from swarmlab.engine.settings import EngineSettings
    from swarmlab.engine.task.pace import Pace

_log = logging.getLogger(__name__)
_STATES = {"on": "running", "stopped": "stopped", "killed": "killed"}


def _engines(settings: Settings) -> "dict[str, EngineSettings]":
    """What the engines are configured with, by node."""
    from swarmlab.engine.settings import engine_settings

    with_engine = {node: settings.socket(node) for node in settings.node_names}
    nodes = [*with_engine, *settings.generic_resources, *settings.engine_labels]
    return {
        node: engine_settings(
            settings.engine_labels.get(node, ()), settings.generic_resources.get(node, ()), with_engine.get(node)
        )
        for node in dict.fromkeys(nodes)
    }


def _pace(settings: Settings) -> "Pace":
    from swarmlab.engine.task.pace import INSTANT, REAL_PACE

    return INSTANT if settings.instant else REAL_PACE


class Host:
    """Starts a lab and changes it, one change at a time."""

    def __init__(self, folder: Folder, settings: Settings, parts: Parts) -> None:
        self.ready = asyncio.Event()
        self._folder = folder
        self._settings = settings
        self._parts = parts
        self._clock = ScaledClock(settings.speed)
        settle(folder.journal)
        self._seal = Seal(folder.key)
        self._journal = self._open_journal()
        self._clock.advance_to(self._journal.last_instant())
        self._lab: Lab = parts.lab(
            name=folder.name,
            nodes=settings.nodes,
            clock=self._clock,
            journal=self._journal,
            state_dir=folder.path,
            addresses=[address.host for address in node_addresses(len(settings.node_names), settings.number)],
            hollow=settings.hollow,
            settings=_engines(settings),
            pace=_pace(settings),
            outside=ThisMachine() if settings.outside else None,
        )
        self._servers: dict[str, Server] = {}
        self._changing = asyncio.Lock()

    async def start(self) -> None:
        """Restore the engines from the journal and open the sockets of those that are on."""
        async with self._changing:
            await self._lab.start()
            await self._open_all()
        self.ready.set()
        _log.info("ready: lab=%s nodes=%d speed=%g", self._folder.name, self._settings.nodes, self._clock.speed)

    async def stop(self) -> None:
        """Close the sockets, end all containers and close the journal."""
        async with self._changing:
            await self._close_all()
            await self._lab.stop()
            self._journal.close()
        _log.info("stopped: lab=%s", self._folder.name)

    async def power(self, node: str, action: Action) -> None:
        """Shut a node down, cut its power, or start it. Its socket goes and comes with it."""
        async with self._changing:
            if action == "start":
                await self._lab.power(node, action)
                await self._open(node)
            else:
                await self._close(node)
                await self._lab.power(node, action)
        _log.info("power: node=%s action=%s", node, action)

    async def reset(self) -> None:
        """Begin anew, with a new journal and on the same sockets; all nodes are on. The old journal is put aside."""
        async with self._changing:
            await self._close_all()
            self._journal.close()
            aside = rotate(self._folder.journal)
            self._journal = self._open_journal()
            await self._lab.reset(self._journal)
            await self._open_all()
        _log.info("reset: journal=%s", aside.name if aside else None)

    async def partition(self, nodes: list[str]) -> None:
        """Cut these nodes off from all others. What the cut leaves on each side goes on by itself."""
        async with self._changing:
            self._lab.partition(nodes)
        _log.info("partition: nodes=%s", ",".join(nodes))

    async def heal(self) -> None:
        """Let all nodes reach each other again."""
        async with self._changing:
            self._lab.heal()
        _log.info("healed")

    def clock(self) -> dict[str, Any]:
        """Swarm time as RFC 3339 in UTC (`now`), and its speed."""
        now = datetime.fromtimestamp(self._clock.now() / SECOND, UTC)
        return {"now": now.isoformat(timespec="milliseconds").replace("+00:00", "Z"), "speed": self._clock.speed}

    def set_speed(self, speed: float) -> None:
        """Let swarm time pass `speed` times as fast as real time. Raises ValueError when it is not positive."""
        self._clock.set_speed(speed)
        _log.info("speed: speed=%g", speed)

    async def status(self) -> dict[str, Any]:
        """What `swarmlab.lab.status` adds for a running lab."""
        async with self._changing:
            return self._status()

    def _status(self) -> dict[str, Any]:
        engines = self._lab.engines
        nodes = [
            {
                "name": name,
                "endpoint": self._settings.endpoint(name),
                "tcp": self._settings.tcp_endpoint(name),
                "address": engine.address,
                "state": _STATES[engine.power],
                "side": engine.side,
            }
            for name, engine in engines.items()
        ]
        members = ((name, engine.cluster.membership) for name, engine in engines.items())
        names = {member.node_id: name for name, member in members if member is not None}
        published = [self._published(entry, names.get(entry.node_id, entry.node_id)) for entry in self._lab.published()]
        return {
            "state": "running",
            "pid": os.getpid(),
            "speed": self._clock.speed,
            "nodes": nodes,
            "published": sorted(published, key=lambda entry: (entry["node"], entry["port"], entry["protocol"])),
        }

    def _published(self, entry: Published, node: str) -> dict[str, Any]:
        served = entry.protocol == "tcp" and entry.bound_port
        port = "" if entry.bound_port == 80 else f":{entry.bound_port}"
        return {
            "node": node,
            "port": entry.port,
            "protocol": entry.protocol,
            "service": self._lab.service_name(entry.service_id),
            "address": entry.bound_address,
            "bound_port": entry.bound_port,
            "url": f"http://{entry.bound_address}{port}" if served else None,
            "reason": entry.reason,
        }

    def _open_journal(self) -> Journal:
        journal = Journal(self._folder.journal, self._seal)
        journal.set_meta("lab", self._folder.name)
        return journal

    async def _open_all(self) -> None:
        for name, engine in self._lab.engines.items():
            if engine.power == "on":
                await self._open(name)

    async def _open(self, node: str) -> None:
        if node not in self._servers:
            server = self._parts.server(self._lab.engines[node], self._journal)
            await server.start(self._settings.socket(node), 0o600)
            self._servers[node] = server
            if (place := self._settings.tcp_of(node)) is not None:
                from swarmlab.lab.certificates import server_context

                await server.listen(*place, server_context(self._folder.certificates))

    async def _close_all(self) -> None:
        for node in list(self._servers):
            await self._close(node)

    async def _close(self, node: str) -> None:
        server = self._servers.pop(node, None)
        if server is not None:
            await server.close()
