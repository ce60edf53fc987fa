"""A lab of real engines on virtual time."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from swarmlab.clock import VirtualClock
from swarmlab.engine import DockerEngine, Lab
from swarmlab.engine.settings import EngineSettings
from swarmlab.journal import Journal, Seal
from swarmlab.manager import StatusError
from swarmlab.network import Outside
from swarmlab.objects import Node
from swarmlab.objects.requests import InitRequest, JoinRequest

from .net import Net

T = TypeVar("T")
_STEP = 0.05


class LabOfEngines:
    """node-1, node-2, …, none in a swarm at first. Time passes while something is awaited, and only then."""

    def __init__(
        self,
        folder: Path,
        nodes: int,
        settings: dict[str, EngineSettings] | None = None,
        outside: Outside | None = None,
    ) -> None:
        self.clock = VirtualClock()
        self._runner = asyncio.Runner()
        self.folder = folder
        self._nodes = nodes
        self._settings = settings
        self._outside = outside
        self.lab = self._open()

    def _open(self) -> Lab:
        self._journal = Journal(self.folder / "journal.sqlite", Seal(self.folder / "key"))
        lab = Lab(
            name="test",
            nodes=self._nodes,
            clock=self.clock,
            journal=self._journal,
            state_dir=self.folder,
            addresses=[f"127.0.0.{number}" for number in range(1, self._nodes + 1)],
            settings=self._settings,
            outside=self._outside,
        )
        self._runner.run(lab.start())
        return lab

    def crash(self, hours_later: int = 0) -> None:
        """The lab's process dies, and begins again from its journal."""
        self._journal.close()
        self.clock = VirtualClock(self.clock.now() + hours_later * 3_600_000_000_000)
        for engine in self.lab.engines.values():
            # Nobody is left who could write that the containers ended.
            engine.containers.power_lost()
            self._runner.run(engine.runtime.close())
        self.lab = self._open()

    def reset(self) -> None:
        """Begin anew, on an empty journal."""
        self._journal.close()
        self._journal = Journal(self.folder / "journal-2.sqlite", Seal(self.folder / "key"))
        self._runner.run(self.lab.reset(self._journal))

    def close(self) -> None:
        self._runner.run(self.lab.stop())
        self._journal.close()
        self._runner.close()

    def engine(self, number: int) -> DockerEngine:
        return self.lab.engines[f"node-{number}"]

    def run(self, coroutine: Coroutine[Any, Any, T], limit: float = 120.0, step: float = _STEP) -> T:
        """What a coroutine returns; time passes until it does, `step` seconds at a time."""

        async def until_done() -> T:
            end = self.clock.now() + int(limit * 1e9)
            task = asyncio.ensure_future(coroutine)
            while not task.done():
                assert self.clock.now() < end, "still not done"
                self.clock.advance(step)
                for _ in range(5):
                    await asyncio.sleep(0)
            return task.result()

        return self._runner.run(until_done())

    def until(self, met: Callable[[], bool]) -> None:
        """Let time pass until something is so that takes real time, such as what programs write."""

        async def wait() -> None:
            while not met():  # noqa: ASYNC110  (files tell nobody that they were written)
                await asyncio.sleep(0.001)

        self.run(wait(), limit=1e7)

    def advance(self, seconds: float, step: float = _STEP) -> None:
        self.run(self.clock.sleep(seconds), seconds + 1, step)

    def swarm(self, managers: int, workers: int = 0) -> None:
        """node-1 makes a swarm, the next ones join as managers, those after them as workers."""
        self.run(self.engine(1).cluster.init(InitRequest()))
        for number in range(2, managers + workers + 1):
            self.join(number, manager=number <= managers)

    def join(self, number: int, *, manager: bool = False) -> None:
        tokens = self.engine(1).cluster.control().cluster().root_ca.join_tokens
        token = tokens.manager if manager else tokens.worker
        request = JoinRequest(remote_addrs=("127.0.0.1:2377",), join_token=token)
        self.run(self.engine(number).cluster.join(request))

    def power(self, number: int, action: Any) -> None:
        self.run(self.lab.power(f"node-{number}", action))

    def node_id(self, number: int) -> str:
        member = self.engine(number).cluster.membership
        assert member is not None
        return member.node_id

    def node(self, number: int, asked: int = 1) -> Node:
        """A node as the manager `asked` shows it."""
        return self.engine(asked).cluster.control().node(self.node_id(number))

    def ask(self, number: int) -> list[tuple[str, str]]:
        """`docker node ls` at a manager, with a client's patience: each node's state and place in the quorum."""

        def call() -> list[tuple[str, str]]:
            nodes = {n.id: n for n in self.engine(number).cluster.control().nodes()}
            return [self._row(nodes[self.node_id(k)]) for k in range(1, self._nodes + 1) if self._is_known(k, nodes)]

        return self.run(self.engine(number).cluster.patiently(call))

    def _is_known(self, number: int, nodes: dict[str, Node]) -> bool:
        member = self.engine(number).cluster.membership
        return member is not None and member.node_id in nodes

    @staticmethod
    def _row(node: Node) -> tuple[str, str]:
        status = node.manager_status
        place = "" if status is None else "leader" if status.leader else status.reachability
        return node.status.state, place

    def refusal(self, call: Callable[[], object]) -> tuple[str, float]:
        """What a client is told that asks in vain, and after how many seconds."""
        begin = self.clock.now()
        with pytest.raises(StatusError) as refused:
            call()
        return str(refused.value), round((self.clock.now() - begin) / 1e9, 1)


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., LabOfEngines]]:
    labs: list[LabOfEngines] = []

    def start(
        nodes: int, settings: dict[str, EngineSettings] | None = None, outside: Outside | None = None
    ) -> LabOfEngines:
        labs.append(LabOfEngines(tmp_path, nodes, settings, outside))
        return labs[-1]

    yield start
    for lab in labs:
        lab.close()


@pytest.fixture
def net(tmp_path: Path) -> Iterator[Net]:
    made = Net(tmp_path)
    yield made
    made.close()
