"""Making probes: a short time for each, a second and a third try, and never an error.

What cannot be asked is unknown: an engine that does not answer is not the learner's fault. A page that does not answer
although its node is there is.
"""

import base64
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from typing import Any, NamedTuple

import docker
import requests
from docker.errors import APIError, DockerException

from checker.conditions.probe import Exec, File, Http, Outcome, Probe, What
from checker.doorbell import published_addresses
from checker.reads import CHECKER

#: Seconds for one answer, the number of tries, and the seconds between them.
_PATIENCE, _TRIES, _PAUSE = 3.0, 3, 0.5
#: Seconds that all probes of one check may take.
_BUDGET = 20.0
#: The most that is read of an answer, in characters.
_MOST = 1 << 16
#: Exit codes that say that there is no such program, or none that can be run.
_NO_COMMAND = (126, 127)
_SERVICE = "com.docker.swarm.service.name"


class Access(NamedTuple):
    """Where to probe: for each published port the addresses by node, and the endpoints of the engines.

    `no_traffic` says why published ports pass none here, if so.
    """

    published: Mapping[int, Mapping[str, str]]
    endpoints: Sequence[str]
    no_traffic: str = ""


def lab_access(lab: str | None = None) -> Access:
    """That of a lab. Raises LabError."""
    from swarmlab import lab as labs

    status = labs.status(lab)
    published: dict[int, dict[str, str]] = {}
    for entry in status.get("published", []):
        where = f"{entry['address']}:{entry['bound_port']}"
        published.setdefault(int(entry["port"]), {})[entry["node"]] = where
    return Access(published, [node["endpoint"] for node in status.get("nodes", []) if node["state"] == "running"])


def engines_access(endpoints: Sequence[str]) -> Access:
    """That of engines, the first of which is a manager. Raises DockerException, requests.RequestException."""
    with closing(_client(endpoints[0])) as client:
        return Access(published_addresses(client.nodes(), client.services(), client.tasks()), endpoints)


class Prober:
    """Makes the probes of one check. `access` is only called when there is something to probe.

    `seen` is what answered, by what was wanted.
    """

    def __init__(self, access: Callable[[], Access]) -> None:
        self.seen: dict[str, str] = {}
        self._find = access
        self._access: Access | None = None
        self._end = 0.0

    def __call__(self, probe: Probe) -> Outcome:
        """What a probe comes to."""
        try:
            if self._access is None:
                self._access, self._end = self._find(), time.monotonic() + _BUDGET
            outcome = self._try(probe.what, self._access)
        except Exception as error:  # Whatever it is, it must not cost the learner anything.
            return Outcome(False, "", f"{type(error).__name__}: {error}")
        if outcome.met:
            self.seen[probe.phrase()] = outcome.found
        return outcome

    def _try(self, what: What, where: Access) -> Outcome:
        if isinstance(what, Http) and where.no_traffic:
            return Outcome(False, "", where.no_traffic)
        outcome = Outcome(False, "", f"the probes before it took more than {_BUDGET:.0f} s")
        for attempt in range(_TRIES):
            if time.monotonic() > self._end:
                return outcome
            if attempt:
                time.sleep(_PAUSE)
            outcome = _http(what, where) if isinstance(what, Http) else _inside(what, where)
            if outcome.met:
                break
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


def _inside(what: Exec | File, where: Access) -> Outcome:
    """Look into the first container of the service that runs on an engine."""
    silent = []
    for endpoint in where.endpoints:
        try:
            with closing(_client(endpoint)) as client:
                found = client.containers(filters={"label": f"{_SERVICE}={what.service}", "status": "running"})
                if found:
                    return (
                        _command(client, found[0]["Id"], what)
                        if isinstance(what, Exec)
                        else _file(client, found[0]["Id"], what, where)
                    )
        except (DockerException, requests.RequestException) as error:
            silent.append(f"{endpoint}: {type(error).__name__}")
    if silent:
        return Outcome(False, "", f"engines did not answer ({', '.join(silent)})")
    return Outcome(False, f"no container of {what.service} runs")


def _command(client: Any, container: str, what: Exec) -> Outcome:
    code, output = _run(client, container, what.command)
    command = " ".join(what.command)
    if code in _NO_COMMAND:
        return Outcome(False, "", f"the container has no command {what.command[0]}")
    if code:
        return Outcome(False, f"`{command}` ended with exit code {code}")
    if what.contains not in output.decode(errors="replace"):
        # The output itself stays unsaid: it may be a secret.
        return Outcome(False, f'`{command}` did not say "{what.contains}"')
    return Outcome(True, f"`{command}` ended well")


def _file(client: Any, container: str, what: File, where: Access) -> Outcome:
    code, output = _run(client, container, ("stat", "-L", "-c", "%a", what.path))
    if code in _NO_COMMAND:
        return Outcome(False, "", "the container has no command stat")
    if code:
        return Outcome(False, f"there is no file {what.path} in a container of {what.service}")
    mode = output.decode(errors="replace").strip()
    if what.mode and mode.lstrip("0") != what.mode.lstrip("0"):
        return Outcome(False, f"{what.path} has mode {mode} in a container of {what.service}, not {what.mode}")
    if what.config:
        code, output = _run(client, container, ("cat", what.path))
        if code or output != _config(where.endpoints, what.config):
            return Outcome(
                False, f"{what.path} in a container of {what.service} is not what config {what.config} holds"
            )
    return Outcome(True, f"{what.path} is there, with mode {mode}")


def _config(endpoints: Sequence[str], name: str) -> bytes | None:
    """The content of a config, from the first engine that is a manager."""
    for endpoint in endpoints:
        with closing(_client(endpoint)) as client:
            try:
                found = client.configs(filters={"name": name})
            except APIError:
                continue
            data = [one["Spec"].get("Data", "") for one in found if one["Spec"]["Name"] == name]
            return base64.b64decode(data[0]) if data else None
    return None


def _run(client: Any, container: str, command: Sequence[str]) -> tuple[int, bytes]:
    made = client.exec_create(container, list(command))["Id"]
    output = client.exec_start(made)[:_MOST]
    return client.exec_inspect(made)["ExitCode"] or 0, output


def _client(endpoint: str) -> Any:
    return docker.APIClient(base_url=endpoint, version="auto", timeout=int(_PATIENCE), user_agent=CHECKER)
