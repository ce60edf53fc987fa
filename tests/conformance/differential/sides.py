"""One of the two swarms that commands are played on."""

import re
import shlex
import time
from collections.abc import Sequence
from pathlib import Path

from tests.conformance.engines import request

from .command import Command
from .normaliser import Names
from .side import API, COMMAND_LIMIT, EVERY, NO_ANSWER, Outcome, Seen, Side

#: How long a swarm may take to notice that a node is gone, or back, in seconds.
_NOTICE = 45.0
#: States in which a task stays, and those in which it stays if nobody does anything.
_ENDED = frozenset({"complete", "failed", "rejected", "shutdown", "orphaned"})
_LASTING = _ENDED | {"running"}
#: What an update is called that goes on, and a node whose state will change by itself.
_CHANGING = "updating"
_COLLECTIONS = ("services", "tasks", "nodes", "networks", "secrets", "configs")
#: Files that commands name.
FILES = {"conf.txt": "hello\n", "good.env": "A=1\nB\n# c\nC=x y\n", "bad.env": "=x\n"}


class SwarmSide(Side):
    """Engines that are a swarm, the first its manager; see Side.

    `power ACTION N`, if given, is a command that stops, kills or starts the N-th of them.
    """

    def __init__(self, endpoints: Sequence[str], folder: Path, power: str = "") -> None:
        super().__init__(endpoints, folder, FILES)
        self._power_command = power
        self._off: set[int] = set()

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

    def run(self, command: Command) -> Outcome:
        """Run a command."""
        self._began = time.time()
        if command.text.startswith("api "):
            return self._request(command)
        if command.text.startswith("node "):
            _, action, number = command.text.split()
            return self._switch(action, int(number))
        return super().run(command)

    def look(self) -> Seen:
        """Everything that there is to see now."""
        objects = {kind: self._ask(f"/{kind}") or [] for kind in _COLLECTIONS}
        self.names.learn(objects)
        return Seen(self._ask("/swarm") or {}, objects, self._events(), len(self._sockets))

    def _request(self, command: Command) -> Outcome:
        _, method, path, body = command.text.split(" ", 3)
        path = re.sub(r"\$(\w+)", lambda match: self._variable(match[1]), path)
        try:
            status, answer = request(self._sockets[command.node - 1], method, f"/v{API}{path}", body, COMMAND_LIMIT)
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
            time.sleep(EVERY)

    def _variable(self, name: str) -> str:
        if not name.startswith("VERSION_"):
            return self._environment[name]
        kind = name.removeprefix("VERSION_")
        paths = {"swarm": "/swarm", "node": f"/nodes/{self._environment['N1']}"}
        return str((self._ask(paths.get(kind, f"/services/{kind}")) or {}).get("Version", {}).get("Index", 0))

    def _moves(self, value: str) -> bool:
        return moves(value)

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
