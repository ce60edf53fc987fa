"""Making probes: a short time for each, a second and a third try, and never an error.

What cannot be asked is unknown: an engine that does not answer is not the learner's fault. A page that does not answer
although its node is there is.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import docker
import requests
from docker.errors import DockerException

from checker.conditions.probe import Exec, Http, Outcome, Probe
from checker.exercise import Exercise

#: Seconds for one answer, the number of tries, and the seconds between them.
_PATIENCE, _TRIES, _PAUSE = 3.0, 3, 0.5
#: The most that is read of an answer, in characters.
_MOST = 1 << 16
_SERVICE = "com.docker.swarm.service.name"


class Access:
    """Where to probe: for each published port the addresses by node, and the endpoints of the engines."""

    def __init__(self, published: Mapping[int, Mapping[str, str]], endpoints: Sequence[str]) -> None:
        self.published = published
        self.endpoints = endpoints


def lab_access(lab: str | None = None) -> Access:
    """That of a lab. Raises LabError."""
    from swarmlab import lab as labs

    status = labs.status(lab)
    published: dict[int, dict[str, str]] = {}
    for entry in status.get("published", []):
        where = f"{entry['address']}:{entry['bound_port']}"
        published.setdefault(int(entry["port"]), {})[entry["node"]] = where
    return Access(published, [node["endpoint"] for node in status.get("nodes", []) if node["state"] == "running"])


def run_probes(exercise: Exercise, access: Callable[[], Access]) -> dict[tuple[str, int], Outcome]:
    """The outcomes by step and number of the condition. `access` is only called when there is something to probe."""
    found: dict[tuple[str, int], Outcome] = {}
    where: Access | None = None
    for step in exercise.steps:
        for number, condition in enumerate(step.conditions):
            if not isinstance(condition, Probe):
                continue
            try:
                where = where or access()
                found[step.id, number] = _probe(condition.what, where)
            except Exception as error:  # Whatever it is, it must not cost the learner anything.
                found[step.id, number] = Outcome(False, "", f"{type(error).__name__}: {error}")
    return found


def _probe(what: Http | Exec, where: Access) -> Outcome:
    outcome = Outcome(False, "", "nothing was tried")
    for attempt in range(_TRIES):
        if attempt:
            time.sleep(_PAUSE)
        outcome = _http(what, where) if isinstance(what, Http) else _exec(what, where)
        if outcome.met:
            return outcome
    return outcome


def _http(what: Http, where: Access) -> Outcome:
    addresses = where.published.get(what.port, {})
    if not addresses:
        return Outcome(False, f"port {what.port} is published on no node")
    answers = {node: _page(what, address) for node, address in addresses.items()}
    bad = {node: text for node, text in answers.items() if text}
    met = not bad if what.nodes == "every" else len(bad) < len(answers)
    told = "; ".join(f"{node}: {text}" for node, text in bad.items())
    return Outcome(met, told if not met else f"port {what.port} answered on {len(answers) - len(bad)} nodes")


def _page(what: Http, address: str) -> str:
    """What was wrong with a page; empty when nothing was."""
    try:
        url = f"http://{address}{what.path}"
        with requests.get(url, timeout=_PATIENCE, stream=True, allow_redirects=False) as answer:
            text = answer.raw.read(_MOST, decode_content=True).decode(errors="replace")
            status = answer.status_code
    except requests.RequestException as error:
        return f"no answer ({type(error).__name__})"
    if status != what.status:
        return f"status {status}, not {what.status}"
    return "" if what.contains in text else f'an answer without "{what.contains}"'


def _exec(what: Exec, where: Access) -> Outcome:
    silent = []
    for endpoint in where.endpoints:
        client: Any = None
        try:
            client = docker.APIClient(base_url=endpoint, version="auto", timeout=int(_PATIENCE))
            found = client.containers(filters={"label": f"{_SERVICE}={what.service}", "status": "running"})
            if found:
                return _run(client, found[0]["Id"], what)
        except (DockerException, requests.RequestException) as error:
            silent.append(f"{endpoint}: {type(error).__name__}")
        finally:
            if client is not None:
                client.close()
    if silent:
        return Outcome(False, "", f"engines did not answer ({', '.join(silent)})")
    return Outcome(False, f"no container of {what.service} runs")


def _run(client: Any, container: str, what: Exec) -> Outcome:
    made = client.exec_create(container, list(what.command))["Id"]
    output = client.exec_start(made)[:_MOST].decode(errors="replace")
    code = client.exec_inspect(made)["ExitCode"]
    command = " ".join(what.command)
    if code:
        return Outcome(False, f"`{command}` ended with exit code {code}")
    if what.contains not in output:
        # The output itself stays unsaid: it may be a secret.
        return Outcome(False, f'`{command}` did not say "{what.contains}"')
    return Outcome(True, f"`{command}` ended well")
