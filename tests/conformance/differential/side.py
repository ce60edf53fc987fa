"""One of the two sides that commands are played on: a few engines and what is seen of them."""

import json
import os
import shutil
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.conformance.engines import request

from .command import Command
from .normaliser import Names

#: Both engines are asked in the older one's words: what newer versions of the API add is not compared.
API = "1.41"
#: The code of a request that an engine did not answer.
NO_ANSWER = -1
#: How long a command may take, in seconds.
COMMAND_LIMIT = 40.0
#: How often a side is looked at until it is quiet, and how long somebody waits for it, in seconds.
EVERY, PATIENCE = 0.15, 12.0

Answer = dict[str, Any]


@dataclass(frozen=True)
class Outcome:
    """What a command said."""

    code: int
    out: str
    err: str


@dataclass
class Seen:
    """The objects of a side, raw, and the events since the last command began."""

    #: What there is one of: the swarm, or what an engine says of itself.
    swarm: Answer = field(default_factory=dict)
    objects: dict[str, list[Answer]] = field(default_factory=dict)
    events: list[Answer] = field(default_factory=list)
    #: How many engines were asked for their events.
    engines: int = 1


class Side(ABC):
    """Engines at `endpoints` (`unix://…`), which are taken over; in `folder`, commands find `files`."""

    #: For how long nothing may move until all is quiet, in seconds.
    _quiet = 1.2

    def __init__(self, endpoints: Sequence[str], folder: Path, files: Mapping[str, str]) -> None:
        self._endpoints = list(endpoints)
        self._sockets = [Path(endpoint.removeprefix("unix://")) for endpoint in endpoints]
        self._folder = folder
        self._files = files
        self._lay_out()
        self._environment = {k: v for k, v in os.environ.items() if not k.startswith("DOCKER_")}
        self._environment |= {"DOCKER_CONFIG": str(folder / ".docker"), "DOCKER_API_VERSION": API, "HOSTV": "fromhost"}
        self._began = 0.0
        self.names = Names()

    def _lay_out(self) -> None:
        """Make the folder as it was at the beginning."""
        shutil.rmtree(self._folder, ignore_errors=True)
        (self._folder / ".docker").mkdir(parents=True)
        for name, text in self._files.items():
            path = self._folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    @abstractmethod
    def leave(self) -> None:
        """Leave engines that have nothing of what commands make."""

    @abstractmethod
    def fresh(self) -> None:
        """Make everything as it is at the beginning, but for what the alphabet's prelude does."""

    @abstractmethod
    def look(self) -> Seen:
        """Everything that there is to see now."""

    @abstractmethod
    def _state(self) -> dict[str, str]:
        """What moves by itself, by name."""

    @abstractmethod
    def _moves(self, value: str) -> bool:
        """Whether a value of `_state` is one that passes."""

    def run(self, command: Command) -> Outcome:
        """Run a command."""
        self._began = time.time()
        return self._shell(command.text, command.node)

    def settle(self, patience: float = PATIENCE) -> frozenset[str]:
        """Wait until nothing moves any more. Returns what still moves after `patience` seconds."""
        end = time.monotonic() + patience
        since, last, moved = time.monotonic(), None, {}
        while (now := time.monotonic()) < end:
            state = self._state()
            if state != last:
                changed = set(state.items()) ^ set((last or state).items())
                moved |= {key: now for key, _ in changed}
                since, last = now, state
            elif now - since > self._quiet and not any(self._moves(value) for value in state.values()):
                return frozenset()
            time.sleep(EVERY)
        lately = {key for key, at in moved.items() if end - at < 7}
        return frozenset(lately | {key for key, value in state.items() if self._moves(value)})

    def prepare(self, commands: Iterable[str]) -> None:
        """Run commands on the manager that have to succeed; one that is refused is tried again for a while."""
        for command in commands:
            outcome = self._until(command, 1)
            if outcome.code:
                raise RuntimeError(f"{command}: {outcome.err}")
        self.settle()
        self.look()

    def _events(self) -> list[Answer]:
        found: list[Answer] = []
        for number in range(1, len(self._endpoints) + 1):
            text = self._shell(
                f"docker events --since {self._began:.6f} --until {time.time():.6f} --format '{{{{json .}}}}'", number
            ).out
            found += [json.loads(line) for line in text.splitlines()]
        return found

    def _ask(self, url: str) -> Any:
        """What the first engine that answers says."""
        for socket in self._sockets:
            try:
                status, answer = request(socket, "GET", f"/v{API}{url}", timeout=10.0)
            except OSError:
                continue
            if status == 200:
                return answer
        return None

    def _until(self, command: str, number: int) -> Outcome:
        """Repeat a command until it succeeds or patience ends."""
        end = time.monotonic() + PATIENCE
        while (outcome := self._shell(command, number)).code and time.monotonic() < end:
            time.sleep(EVERY)
        return outcome

    def _output(self, command: str, number: int) -> str:
        outcome = self._shell(command, number)
        if outcome.code:
            raise RuntimeError(f"{command}: {outcome.err or outcome.out}")
        return outcome.out.strip()

    def _shell(self, command: str, number: int) -> Outcome:
        return self._run(["bash", "-c", command], self._endpoints[number - 1])

    def _run(self, command: Sequence[str], endpoint: str | None) -> Outcome:
        try:
            done = subprocess.run(
                command,
                env=self._environment | ({"DOCKER_HOST": endpoint} if endpoint else {}),
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                timeout=COMMAND_LIMIT,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return Outcome(124, "", "timed out")
        return Outcome(done.returncode, done.stdout, done.stderr)
