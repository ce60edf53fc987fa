"""Playing a scenario on engines."""

import json
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .engines import Engines, request
from .normal import normal
from .scenario import Scenario, Step
from .watcher import Watcher

#: What every command may use besides docker. docs/conformance.md describes them.
_FUNCTIONS = r"""
create() { docker service create --detach --no-resolve-image --stop-grace-period 1s "$@"; }
update() { docker service update --detach --no-resolve-image "$@"; }
tasks() { docker service ps --no-trunc --format '{{.DesiredState}} | {{.CurrentState}} | {{.Error}}' "$@" | sed -E 's/ (less|about|an?|[0-9]+) [^|]*ago//I' | sort | uniq -c; }
placed() { docker service ps --filter desired-state=running --format '{{.Node}}' "$@" | sort | uniq -c; }
slots() { docker service ps --filter desired-state=running --format '{{.Name}}' "$@" | sort; }
has() { [ "$(docker service ps --filter desired-state=running --format '{{.CurrentState}}' "$1" 2>/dev/null | grep -c "${3:-Running}")" = "$2" ]; }
gone() { [ "$(docker service ps --filter desired-state=shutdown --format '{{.CurrentState}}' "$1" | grep -cE "${3:-Shutdown|Failed|Complete|Rejected}")" -ge "$2" ]; }
updated() { [ "$(docker service inspect --format '{{if .UpdateStatus}}{{.UpdateStatus.State}}{{end}}' "$1")" = "$2" ]; }
update_of() { docker service inspect --format '{{if .UpdateStatus}}{{.UpdateStatus.State}}: {{.UpdateStatus.Message}}{{end}}' "$1"; }
status() { docker node ls --format '{{.Hostname}} {{.Status}} {{.Availability}} {{.ManagerStatus}}'; }
"""  # noqa: E501
_COLLECTIONS = ("nodes", "services", "tasks", "networks", "secrets", "configs")
#: What observations have that engines write in their own words.
_TEXTS = {"out", "err", "message"}
#: How long a command may take, in seconds.
_COMMAND_LIMIT = 60.0
#: How long swarmlab may take for what a scenario waits for, in seconds: a busy machine is no reason to fail.
_LEAST_WAIT = 20.0


#: What was observed: a dictionary for each observed step, with its `line`.
Play = list[dict[str, Any]]


def play(scenario: Scenario, engines: Engines) -> Play:
    """Play a scenario on engines, whatever was played on them before. They stay in the swarm that it made."""
    engines.fresh(scenario.speed)
    with tempfile.TemporaryDirectory() as folder:
        return _Player(scenario, engines, Path(folder)).play()


class _Player:
    def __init__(self, scenario: Scenario, engines: Engines, folder: Path) -> None:
        self._scenario = scenario
        self._engines = engines
        self._folder = folder
        config = folder / "docker"
        config.mkdir()
        self._environment = {k: v for k, v in os.environ.items() if not k.startswith("DOCKER_")}
        self._environment["DOCKER_CONFIG"] = str(config)
        self._addresses: dict[str, str] = {}
        self._watcher = Watcher(engines, 0.05 if engines.speed > 1 else 0.1)
        self._marked: dict[str, object] = {}
        self._do: dict[str, Callable[[Step], dict[str, Any] | None]] = {
            "run": self._run,
            "quiet": self._quiet,
            "let": self._let,
            "wait": self._wait,
            "time": self._time,
            "pass": self._pass,
            "node": self._power,
            "api": self._api,
            "mark": self._mark,
            "changes": self._changes,
            "ways": self._ways,
        }

    def play(self) -> Play:
        self._form_swarm()
        with self._watcher as watcher:
            raw = [(step, self._do[step.kind](step)) for step in self._scenario.steps]
        names = {address: f"<{name}>" for name, address in self._addresses.items()} | watcher.names()
        return [
            {"line": step.line} | {k: normal(v, names) if k in _TEXTS else v for k, v in seen.items()}
            for step, seen in raw
            if seen is not None
        ]

    def _form_swarm(self) -> None:
        tokens: dict[str, str] = {}
        first = ""
        for number, role in enumerate(self._scenario.roles, 1):
            if number == 1:
                self._output("docker swarm init", number)
                first = self._output("docker info --format '{{.Swarm.NodeAddr}}'", number)
                tokens = {r: self._output(f"docker swarm join-token -q {r}", number) for r in ("manager", "worker")}
            else:
                self._output(f"docker swarm join --token {tokens[role]} {first}:2377", number)
            address = self._output("docker info --format '{{.Swarm.NodeAddr}}'", number)
            self._addresses[f"address-{number}"] = address
            self._environment[f"A{number}"] = address

    def _output(self, command: str, number: int) -> str:
        code, out, err = self._shell(command, number)
        if code:
            raise RuntimeError(f"{command}: {err or out}")
        return out.strip()

    def _shell(self, command: str, number: int) -> tuple[int | str, str, str]:
        environment = self._environment | {"DOCKER_HOST": f"unix://{self._engines.sockets[number - 1]}"}
        with subprocess.Popen(
            ["bash", "-c", _FUNCTIONS + command],
            env=environment,
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        ) as process:
            try:
                out, err = process.communicate(timeout=_COMMAND_LIMIT)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                out, err = process.communicate()
                return "no end", out, err
            return process.returncode, out, err

    def _run(self, step: Step) -> dict[str, Any]:
        code, out, err = self._shell(step.arguments[0], step.node)
        return {"rc": code, "out": out, "err": err}

    def _quiet(self, step: Step) -> None:
        self._output(step.arguments[0], step.node)

    def _let(self, step: Step) -> None:
        name, command = step.arguments
        self._environment[name] = self._output(command, step.node)

    def _wait(self, step: Step) -> dict[str, Any]:
        return {"came": self._until(step)[0]}

    def _time(self, step: Step) -> dict[str, Any]:
        came, elapsed = self._until(step)
        return {"came": came, "seconds": round(elapsed, 1)}

    def _until(self, step: Step) -> tuple[bool, float]:
        limit, command = step.arguments
        began = time.monotonic()
        patience = max(float(limit) / self._engines.speed, _LEAST_WAIT if self._engines.speed > 1 else 0)
        while True:
            code, _, _ = self._shell(command, step.node)
            elapsed = time.monotonic() - began
            if code == 0 or elapsed > patience:
                return code == 0, elapsed * self._engines.speed
            time.sleep(0.1)

    def _pass(self, step: Step) -> None:
        # What is to be seen is that nothing happens for so long: there is no event to wait for.
        time.sleep(float(step.arguments[0]) / self._engines.speed)

    def _power(self, step: Step) -> None:
        action, number = step.arguments
        self._engines.power(action, int(number))

    def _api(self, step: Step) -> dict[str, Any]:
        method, url, body = step.arguments
        for name, value in self._environment.items():
            url = url.replace(f"${name}", value)
        status, answer = request(self._engines.sockets[step.node - 1], method, url, body or None)
        # What an answer says on success is the business of steps that ask for it.
        return {"status": status, "message": answer.get("message", "") if isinstance(answer, dict) else ""}

    def _mark(self, step: Step) -> None:
        self._marked = self._versions(step.node)

    def _changes(self, step: Step) -> dict[str, Any]:
        now = self._versions(step.node)
        return {"changed": sorted(kind for kind in now if now[kind] != self._marked.get(kind))}

    def _ways(self, step: Step) -> dict[str, Any]:
        return {"ways": self._watcher.ways(step.arguments[0].split())}

    def _versions(self, node: int) -> dict[str, object]:
        path = self._engines.sockets[node - 1]
        found: dict[str, object] = {}
        for kind in _COLLECTIONS:
            objects = request(path, "GET", f"/{kind}")[1]
            found[kind] = sorted((o.get("ID", o.get("Id")), o.get("Version", {}).get("Index")) for o in objects)
        return found | {"swarm": json.dumps(request(path, "GET", "/swarm")[1], sort_keys=True)}
