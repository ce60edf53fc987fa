"""A lab in this process on virtual time, in which shell lines with the genuine docker command are played.

Containers do nothing, and hours of swarm time pass in no time: a whole exercise is played within a second. The journal
that comes of it is what a lab's would be.
"""

import asyncio
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from checker.conditions.probe import Http, Outcome, Probe
from checker.probes import Access, Prober
from swarmlab.api import Server
from swarmlab.clock import SECOND, VirtualClock
from swarmlab.engine import Lab
from swarmlab.engine.task.executor import LOAD_BALANCER_DRAIN
from swarmlab.journal import Journal, Seal
from swarmlab.lab.environ import environment, write_docker_config
from swarmlab.lab.folder import Folder, Settings
from swarmlab.manager import Swarm
from swarmlab.network import Endpoint, Mesh, PortBinding, node_addresses
from swarmlab.objects import Task
from swarmlab.runtime.controller import Step
from swarmlab.runtime.hollow import HollowController, HollowExecutor

#: No lab of this machine has this number, so nodes' addresses are nobody else's.
_NUMBER = 253
_LABS = Path(__file__).parents[2] / "labs"
_DETACH = re.compile(r"docker service (create|update|scale|rollback) (?!-d |--detach)")
_URL = re.compile(r"swarmlab url (\d+)(?: (node-\d+))?")
_POWER = re.compile(r"swarmlab node (kill|stop|start) (node-\d+)")
_SLEEP = re.compile(r"sleep (\d+)")
#: What happens inside images and containers has no part in it: containers do nothing here, whatever they are made of.
_OFFSTAGE = re.compile(r"docker (build|run) ")
_GOING_ON = {"updating", "rollback_started"}
#: Images whose program does not listen at once, but after so many seconds. They have a health check.
_SLOW = re.compile("activity_web|trekking")
SLOW_START = 5.0


class PlayError(AssertionError):
    """Raised when a line fails that was to succeed, or the other way round."""


def fails(task: Task, step: str) -> str:
    """How containers fail on stage: images that are nowhere, and health checks that say so."""
    spec = task.spec.container_spec
    assert spec is not None
    if step == "prepare" and ":no-such" in spec.image:
        return f"No such image: {spec.image}"
    test = " ".join((spec.healthcheck.test if spec.healthcheck is not None else ()) or ())
    if step == "start" and re.search(r"(?<!\|\| )exit 1|\bfalse\b", test):
        return "task: non-zero exit (1): unhealthy container"
    return ""


class StageClock(VirtualClock):
    """What is to be done at once is done at once, also between two calls of one command."""

    def call_soon(self, callback: Callable[[], None]) -> None:
        super().call_soon(callback)
        with suppress(RuntimeError):
            asyncio.get_running_loop().call_soon(self.run_ready)


class StageMesh(Mesh):
    """A routing mesh that knows who would be answered, and listens nowhere."""

    def _keep(self, node_id: str, port: object) -> None:
        """There is nothing to listen for."""


class StageController(HollowController):
    """A container that does nothing, at a port where connections would find it."""

    def __init__(self, executor: "StageExecutor", task: Task) -> None:
        super().__init__(executor, task)
        self._stage = executor
        self._listening = False
        self._changed: Callable[[], None] = lambda: None

    def start(self) -> Step:
        """A health check lets the swarm wait until the program listens; without one it does not know."""
        super().start()
        healthy, startup = self._stage.startup(self._task)
        if not startup:
            self._listen()
        if healthy and startup:
            return self._become_healthy(startup)
        self._activate()
        if startup:
            self._stage.clock.call_later(startup, self._listen)
        return None

    def shutdown(self) -> Step:
        """As on engines: first no connections, and some time later no container."""
        self._stage.mesh.deactivate(self._task.id)
        super().shutdown()
        return self._stage.clock.sleep(LOAD_BALANCER_DRAIN) if self._task.networks and self._listening else None

    def remove(self) -> Step:
        self._stage.mesh.deactivate(self._task.id)
        return super().remove()

    def end(self, code: int) -> None:
        self._stage.mesh.deactivate(self._task.id)
        super().end(code)

    async def _become_healthy(self, seconds: float) -> None:
        await self._stage.clock.sleep(seconds)
        self._listen()
        self._activate()

    def _listen(self) -> None:
        self._listening = True
        self._changed()

    def _activate(self) -> None:
        endpoint = self._task.endpoint
        ports = tuple(
            PortBinding(p.protocol, p.published_port, p.target_port, p.publish_mode)
            for p in (endpoint.ports if endpoint is not None else ())
        )
        if ports:
            task = self._task
            made = Endpoint(task.id, task.node_id, task.service_id, ports, self._connect, watch=self._watch)
            self._stage.mesh.activate(made)

    def _connect(self, target: int) -> tuple[str, int]:
        if not self._listening:
            raise LookupError(target)
        return "127.0.0.1", target

    def _watch(self, changed: Callable[[], None]) -> Callable[[], object]:
        self._changed = changed
        return lambda: None


class StageExecutor(HollowExecutor):
    """Containers that fail as `fails` says, and of which some need a while until they listen."""

    def __init__(self, hollow: HollowExecutor, clock: VirtualClock, mesh: Mesh) -> None:
        super().__init__("", describe=hollow.describe, plan=fails)
        self.clock = clock
        self.mesh = mesh

    def controller(self, task: Task, secrets: object, configs: object) -> StageController:
        return StageController(self, task)

    def startup(self, task: Task) -> tuple[bool, float]:
        """Whether a task's container has a health check, and how many seconds its program needs until it listens."""
        spec = task.spec.container_spec
        assert spec is not None
        test = (spec.healthcheck.test if spec.healthcheck is not None else ()) or ()
        return tuple(test) != ("NONE",), SLOW_START if _SLOW.search(spec.image) else 0


class StageLab(Lab):
    """A hollow lab with containers that one can tell apart."""

    def executor(self, swarm: Swarm, engine: str, tls: Any) -> Any:
        made = super().executor(swarm, engine, tls)
        if isinstance(made, HollowExecutor):
            assert isinstance(self._clock, VirtualClock)
            return StageExecutor(made, self._clock, self._mesh(swarm))
        return made

    def _mesh(self, swarm: Swarm) -> Mesh:
        if self._hollow and swarm.id not in self._meshes:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr("swarmlab.engine.lab.Mesh", StageMesh)
                return super()._mesh(swarm)
        return super()._mesh(swarm)


class Stage:
    """Engines node-1, node-2, … that the docker command talks to, node-1 by default."""

    def __init__(self, nodes: int = 1, *, containers: bool = False) -> None:
        """With `containers` they really run, which takes longer; `exec` and `docker ps` then have something to do."""
        self._containers = containers
        self.clock = StageClock()
        # The path of a socket is short; pytest's own folders are not.
        self.home = Path(tempfile.mkdtemp(prefix="stage-"))
        self.folder = Folder(self.home, "stage")
        self.folder.path.mkdir()
        self.path = self.folder.journal
        self.settings = Settings("stage", _NUMBER, nodes, 1.0, self.folder.path / "run", hollow=True)
        self.settings.sockets.mkdir()
        write_docker_config(self.folder, self.settings)
        own = {"PYTHON": sys.executable, "PATH": os.environ["PATH"], "HOME": str(self.home), "LABS": str(_LABS)}
        self.env = {**own, **environment(self.folder, self.settings)}
        self.work = self.home / "work"
        self.work.mkdir()
        self._journal = Journal(self.path, Seal(self.folder.key))
        self._journal.tells_of_ports()
        self._runner = asyncio.Runner()
        self.lab = StageLab(
            name="stage",
            nodes=nodes,
            clock=self.clock,
            journal=self._journal,
            state_dir=self.folder.path,
            addresses=[address.host for address in node_addresses(nodes, _NUMBER)],
            hollow=not containers,
        )
        self._servers: dict[str, Server] = {}
        self._runner.run(self._start())

    def __enter__(self) -> "Stage":
        return self

    def __exit__(self, *_: object) -> None:
        self._runner.run(self._stop())
        self._journal.close()
        self._runner.close()
        shutil.rmtree(self.home)

    def play(self, lines: Sequence[str]) -> None:
        """Carry out shell lines, each to its end. A line that begins with `! ` must fail, all others must not."""
        for line in lines:
            self._runner.run(self._play(line))

    def prober(self) -> Callable[[Probe], Outcome]:
        """Makes probes as a check in a lab does; where containers do nothing, whatever runs is taken to answer well."""
        endpoints = [self.settings.endpoint(name) for name in self.lab.engines]

        def probe(condition: Probe) -> Outcome:
            what = condition.what
            if isinstance(what, Http):
                nodes = [node for node in self.lab.engines if self._answers(what.port, node) is not None]
                met = len(nodes) == len(self.lab.engines) if what.nodes == "every" else bool(nodes)
                return Outcome(met, f"port {what.port} answered on {', '.join(nodes) or 'no node'}")
            if not self._containers:
                return Outcome(True, "taken to be so")
            return self._runner.run(self._meanwhile(lambda: Prober(lambda: Access({}, endpoints))(condition)))

        return probe

    async def _meanwhile(self, call: Callable[[], Outcome]) -> Outcome:
        """What a call comes to that waits for the engines."""
        work = asyncio.ensure_future(asyncio.to_thread(call))
        while not work.done():
            self.clock.advance(0.01)
            await asyncio.wait({work}, timeout=0.002)
        return work.result()

    async def _start(self) -> None:
        await self.lab.start()
        for name, engine in self.lab.engines.items():
            self._servers[name] = Server(engine, self._journal)
            await self._servers[name].start(self.settings.socket(name))

    async def _stop(self) -> None:
        for server in self._servers.values():
            await server.close()
        await self.lab.stop()

    async def _play(self, line: str) -> None:
        if match := _POWER.fullmatch(line):
            action, node = match.groups()
            server = self._servers[node]
            if action != "start":
                await server.close()
            await self.lab.power(node, action)  # type: ignore[arg-type]
            if action == "start":
                self._servers[node] = Server(self.lab.engines[node], self._journal)
                await self._servers[node].start(self.settings.socket(node))
        elif match := _SLEEP.fullmatch(line):
            self.clock.advance(int(match[1]))
        elif not self._containers and _OFFSTAGE.match(line):
            return
        elif match := _URL.search(line):
            self._open(int(match[1]), match[2] or "node-1")
        else:
            await self._shell(line)
        await self._rest(line)

    async def _shell(self, line: str) -> None:
        refused = line.startswith("! ")
        command = _DETACH.sub(r"docker service \1 --detach ", line.removeprefix("! "))
        process = await asyncio.create_subprocess_shell(
            command, env=self.env, cwd=self.work, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        work = asyncio.ensure_future(process.communicate())
        while not work.done():
            # Calls that wait for swarm time, as `swarm join` does, wait for this.
            self.clock.advance(0.01)
            await asyncio.wait({work}, timeout=0.002)
        output = work.result()[0].decode()
        if (process.returncode != 0) != refused:
            raise PlayError(f"{line!r} ended with {process.returncode}: {output}")

    async def _rest(self, line: str) -> None:
        """Until nothing is on its way any more; a command that was told to detach is not waited for."""
        # Nobody types faster; the checker tells commands apart by such gaps.
        await self._pass(1)
        self.clock.settle(limit=60, quiet=1.5)
        end = self.clock.now() + 300 * SECOND
        while not re.search(r" (-d|--detach)\b", line) and self._goes_on() and self.clock.now() < end:
            await self._pass(0.5)
        await self._pass(0)
        self.clock.settle(limit=60, quiet=1.5)

    async def _pass(self, seconds: float) -> None:
        """Let time pass; containers that really run need some of our time, too."""
        if not self._containers:
            self.clock.advance(seconds)
            await asyncio.sleep(0)
            return
        for _ in range(6):
            self.clock.advance(seconds / 6 or 0.1)
            await asyncio.sleep(0.004)

    def _goes_on(self) -> bool:
        stores = [store for scope, store in self.lab._stores.items() if not scope.startswith("engine:")]
        services = [service for store in stores for service in store.tables.services]
        if any(s.update_status is not None and s.update_status.state in _GOING_ON for s in services):
            return True
        return any(task.status.state.text == "starting" for store in stores for task in store.tables.tasks)

    def _open(self, port: int, node: str) -> None:
        """Open a published port, if anything answers there."""
        swarm = self._answers(port, node)
        if swarm is None:
            raise PlayError(f"nothing answers at port {port} of {node}")
        member = self.lab.engines[node].cluster.membership
        assert member is not None
        self.lab.note_connection(member.node_id, port)

    def _answers(self, port: int, node: str) -> Swarm | None:
        """The swarm whose published port answers on a node."""
        member = self.lab.engines[node].cluster.membership
        swarm = self.lab.get(member.swarm) if member is not None else None
        if member is None or swarm is None:
            return None
        for service in swarm.store.tables.services:
            ports = service.endpoint.ports if service.endpoint is not None else ()
            running = [
                t for t in swarm.store.tables.tasks.by("service", service.id) if t.status.state.text == "running"
            ]
            here = [task for task in running if task.node_id == member.node_id]
            for published in ports:
                if published.published_port == port and (here if published.publish_mode == "host" else running):
                    return swarm
        return None
