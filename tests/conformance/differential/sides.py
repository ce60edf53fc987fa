"""One of the two swarms that commands are played on: a few engines and what is seen of them."""

import json
import os
import re
import shlex
import subprocess
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.conformance.engines import request

from .generator import Command
from .normaliser import Names

#: Both engines are asked in the older one's words: what newer versions of the API add is not compared.
API = "1.41"
#: The code of a request that an engine did not answer.
NO_ANSWER = -1
#: How long a command may take, in seconds.
_COMMAND_LIMIT = 40.0
#: How often a swarm is looked at until it is quiet, and for how long it has to be, in seconds.
_EVERY, _QUIET = 0.15, 1.2
#: How long somebody waits for it, in seconds.
_PATIENCE = 12.0
#: How long a swarm may take to notice that a node is gone, or back, in seconds.
_NOTICE = 45.0
#: States in which a task stays, and those in which it stays if nobody does anything.
_ENDED = frozenset({"complete", "failed", "rejected", "shutdown", "orphaned"})
_LASTING = _ENDED | {"running"}
#: What an update is called that goes on, and a node whose state will change by itself.
_CHANGING = "updating"
_COLLECTIONS = ("services", "tasks", "nodes", "networks", "secrets", "configs")

Answer = dict[str, Any]


@dataclass(frozen=True)
class Outcome:
    """What a command said."""

    code: int
    out: str
    err: str


@dataclass
class Seen:
    """The objects of a swarm, raw, and the events since the last command began."""

    swarm: Answer = field(default_factory=dict)
    objects: dict[str, list[Answer]] = field(default_factory=dict)
    events: list[Answer] = field(default_factory=list)
    #: How many engines were asked for their events.
    engines: int = 1


class Side:
    """Engines at `endpoints` (`unix://…`), which are taken over; `folder` has the files that commands name.

    `power ACTION N`, if given, is a command that stops, kills or starts the N-th of them.
    """

    def __init__(self, endpoints: Sequence[str], folder: Path, power: str = "") -> None:
        self._power_command = power
        self._off: set[int] = set()
        self._endpoints = list(endpoints)
        self._sockets = [Path(endpoint.removeprefix("unix://")) for endpoint in endpoints]
        self._folder = folder
        config = folder / ".docker"
        config.mkdir(exist_ok=True)
        self._environment = {k: v for k, v in os.environ.items() if not k.startswith("DOCKER_")}
        self._environment |= {"DOCKER_CONFIG": str(config), "DOCKER_API_VERSION": API, "HOSTV": "fromhost"}
        self._began = 0.0
        self.names = Names()

    def leave(self) -> None:
        """Leave engines that belong to no swarm, without containers, volumes and networks."""
        for number in sorted(self._off):
            self._power("start", number)
        # An engine whose containers are still on a swarm's network when it leaves keeps that network for ever.
        self._shell("docker service ls -q | xargs -r docker service rm", 1)
        if self._ask("/swarm"):
            custom = "docker network ls --filter scope=swarm --filter type=custom --format '{{.Name}}'"
            self._until(f"{custom} | grep -vx ingress | xargs -r docker network rm", 1)
        for number in range(len(self._endpoints), 0, -1):
            self._until('[ -z "$(docker ps -q --filter label=com.docker.swarm.task)" ]', number)
            self._shell("docker swarm leave --force", number)
            self._shell(
                "docker ps -aq | xargs -r docker rm -f; docker volume ls -q | xargs -r docker volume rm", number
            )
            self._shell("docker network ls -q --filter type=custom | xargs -r docker network rm", number)

    def fresh(self) -> None:
        """Make a new swarm of all engines: the first is its manager, the others are workers."""
        self.leave()
        for number in range(1, len(self._endpoints) + 1):
            self._environment[f"H{number}"] = self._endpoints[number - 1]
            self._environment[f"N{number}"] = self._output("docker info --format '{{.Name}}'", number)
            if number == 1:
                self._output("docker swarm init", number)
                token = self._output("docker swarm join-token -q worker", number)
            else:
                self._output(f"docker swarm join --token {token} {self._environment['A1']}:2377", number)
            address = self._output("docker info --format '{{.Swarm.NodeAddr}}'", number)
            self._environment[f"A{number}"] = address
        self.names = Names(
            {self._environment[f"N{n}"]: f"<node-{n}>" for n in range(1, len(self._endpoints) + 1)}
            | {self._environment[f"A{n}"]: f"<address-{n}>" for n in range(1, len(self._endpoints) + 1)}
            | {str(socket): f"<socket-{n}>" for n, socket in enumerate(self._sockets, 1)}
        )

    def prepare(self, commands: Iterable[str]) -> None:
        """Run commands on the manager that have to succeed; one that is refused is tried again for a while."""
        for command in commands:
            outcome = self._until(command, 1)
            if outcome.code:
                raise RuntimeError(f"{command}: {outcome.err}")
        self.settle()
        self.look()

    def run(self, command: Command) -> Outcome:
        """Run a command."""
        self._began = time.time()
        if command.text.startswith("api "):
            return self._request(command)
        if command.text.startswith("node "):
            _, action, number = command.text.split()
            return self._switch(action, int(number))
        return self._shell(command.text, command.node)

    def settle(self, patience: float = _PATIENCE) -> frozenset[str]:
        """Wait until nothing moves any more. Returns what still moves after `patience` seconds, services and slots."""
        end = time.monotonic() + patience
        since, last, moved = time.monotonic(), None, {}
        while (now := time.monotonic()) < end:
            state = self._state()
            if state != last:
                changed = set(state.items()) ^ set((last or state).items())
                moved |= {key: now for key, _ in changed}
                since, last = now, state
            elif now - since > _QUIET and not any(moves(value) for value in state.values()):
                return frozenset()
            time.sleep(_EVERY)
        return frozenset({key for key, at in moved.items() if end - at < 7} | {k for k, v in state.items() if moves(v)})

    def look(self) -> Seen:
        """Everything that there is to see now."""
        objects = {kind: self._ask(f"/{kind}") or [] for kind in _COLLECTIONS}
        self.names.learn(objects)
        return Seen(self._ask("/swarm") or {}, objects, self._events(), len(self._sockets))

    def _request(self, command: Command) -> Outcome:
        _, method, path, body = command.text.split(" ", 3)
        path = re.sub(r"\$(\w+)", lambda match: self._variable(match[1]), path)
        try:
            status, answer = request(self._sockets[command.node - 1], method, f"/v{API}{path}", body, _COMMAND_LIMIT)
        except OSError as error:
            return Outcome(NO_ANSWER, "", str(error))
        # 0 is success to whoever waits for what follows.
        return Outcome(0 if status < 300 else status, "", answer.get("message", "") if isinstance(answer, dict) else "")

    def _switch(self, action: str, number: int) -> Outcome:
        """Switch a node, and wait until the swarm has noticed."""
        if action == "restart":
            self._power("stop", number)
            self._await(number, ready=False, seconds=2.0)
            action = "start"
        done = self._power(action, number)
        self._await(number, ready=action == "start", seconds=_NOTICE)
        return done

    def _power(self, action: str, number: int) -> Outcome:
        done = self._run([*shlex.split(self._power_command), action, str(number)], None)
        if action == "start":
            self._off.discard(number)
        else:
            self._off.add(number)
        return Outcome(done.code, "", "")

    def _await(self, number: int, *, ready: bool, seconds: float) -> None:
        """Wait until a manager says that a node is ready, or that it is not; `seconds` at most."""
        end = time.monotonic() + seconds
        name = self._environment[f"N{number}"]
        while time.monotonic() < end:
            nodes = self._ask("/nodes") or ()
            states = {node["Status"]["State"] for node in nodes if node["Description"].get("Hostname") == name}
            if ready == ("ready" in states):
                return
            if ready and self._output("docker info --format '{{.Swarm.LocalNodeState}}'", number) != "active":
                # It has left the swarm, or may not come back.
                return
            time.sleep(_EVERY)

    def _variable(self, name: str) -> str:
        if not name.startswith("VERSION_"):
            return self._environment[name]
        kind = name.removeprefix("VERSION_")
        paths = {"swarm": "/swarm", "node": f"/nodes/{self._environment['N1']}"}
        return str((self._ask(paths.get(kind, f"/services/{kind}")) or {}).get("Version", {}).get("Index", 0))

    def _state(self) -> dict[str, str]:
        services = {service["ID"]: service for service in self._ask("/services") or ()}
        state: dict[str, str] = {}
        for service in services.values():
            update = service.get("UpdateStatus") or {}
            state[service["Spec"]["Name"]] = update.get("State", "")
        nodes = self._ask("/nodes") or ()
        alive = {node["ID"] for node in nodes if node["Status"]["State"] == "ready"}
        for task in self._ask("/tasks") or ():
            name = services.get(task.get("ServiceID", ""), {}).get("Spec", {}).get("Name", "gone")
            key = f"{name}.{task.get('Slot') or self.names.of(task.get('NodeID', ''))}"
            status = task["Status"]
            # What is on a node that is gone stays as it is.
            still = task.get("NodeID") and task["NodeID"] not in alive
            stays = f"{bool(status.get('Err'))}:{'still' if still else ''}"
            state[key] = state.get(key, "") + f"{task['ID']}:{task['DesiredState']}:{status['State']}:{stays} "
        for node in nodes:
            role = "manager" if node.get("ManagerStatus") else "worker"
            known = node["Status"]["State"]
            settled = known == "down" or (known == "ready" and node["Spec"]["Role"] == role)
            state[f"node {node['ID']}"] = f"{known} {role}" if settled else _CHANGING
        if (self._ask("/swarm") or {}).get("RootRotationInProgress"):
            state["authority"] = _CHANGING
        return state

    def _events(self) -> list[Answer]:
        found: list[Answer] = []
        for number in range(1, len(self._endpoints) + 1):
            text = self._shell(
                f"docker events --since {self._began:.6f} --until {time.time():.6f} --format '{{{{json .}}}}'", number
            ).out
            found += [json.loads(line) for line in text.splitlines()]
        return found

    def _ask(self, url: str) -> Any:
        """What the first manager that answers says."""
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
        end = time.monotonic() + _PATIENCE
        while (outcome := self._shell(command, number)).code and time.monotonic() < end:
            time.sleep(_EVERY)
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
                text=True,
                timeout=_COMMAND_LIMIT,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return Outcome(124, "", "timed out")
        return Outcome(done.returncode, done.stdout, done.stderr)


def moves(value: str) -> bool:
    """Whether a service's, a slot's or a node's state is one that passes."""
    if value in {_CHANGING, "rollback_started"}:
        return True
    for task in value.split():
        parts = task.split(":")
        if len(parts) != 5 or parts[4]:
            continue
        _, desired, state, explained, _ = parts
        # A task that is to be ready waits for something.
        if desired in {"remove", "ready"} or (desired == "shutdown" and state not in _ENDED):
            return True
        # A task that cannot be placed says why, and stays so.
        placed = state != "pending" or explained != "True"
        if desired in {"running", "complete"} and state not in _LASTING and placed:
            return True
    return False
