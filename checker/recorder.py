"""Writing down what happens on real engines, in the form of a lab's journal: `checker record`.

A manager is asked for everything whenever it tells of an event, and from time to time anyway. What came and went in
between was not seen (but what was removed, and in which order), nobody knows who asked for a change, and questions
(`docker service ls`) leave no trace.
Conditions that need those say so, and cost nothing.
"""

import json
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

import docker
import requests
from docker.errors import APIError, DockerException
from docker.utils import kwargs_from_env

from checker.doorbell import Addresses, Doorbell, Heard, published_addresses
from checker.history import RECORDED
from swarmlab.journal.chain import begin_chain, link
from swarmlab.journal.schema import FORMAT, PORTS_FROM, SCHEMA

Fields = dict[str, Any]
#: SwarmKit's numbers of the states of tasks, as journals have them (api/types.proto).
_STATES = {
    "new": 0, "pending": 64, "assigned": 192, "accepted": 256, "preparing": 320, "ready": 384, "starting": 448,
    "running": 512, "complete": 576, "shutdown": 640, "failed": 704, "rejected": 768, "remove": 800, "orphaned": 832,
}  # fmt: skip
#: What an engine that is no manager, or in no swarm, answers.
_NO_MANAGER = {503, 406}
#: How long an engine may take to answer, in seconds; a stream of events that is silent for longer is begun anew.
_PATIENCE = 60
_ALWAYS_NEW = {"Version", "UpdatedAt"}
#: Whose removal is told by an event, which comes within so long (ns), unless the stream was away.
_TOLD, _LATE = {"node", "service", "network", "config", "secret"}, 5_000_000_000
_PORT = "port"


class RecorderError(Exception):
    """Raised when there is nothing to record: no engine answers, or the file is no recording."""


class Recorder:
    """Writes one journal. A recording that exists is gone on with.

    `client` is the docker SDK's low-level client of a manager. Raises RecorderError, sqlite3.Error.
    """

    def __init__(self, client: Any, file: Path) -> None:
        self._client = client
        fresh = not file.exists()
        self._db = sqlite3.connect(file, isolation_level=None)
        try:
            if fresh:
                file.chmod(0o600)
                self._db.executescript(SCHEMA)
            self._db.execute("INSERT OR IGNORE INTO meta VALUES ('format', ?)", (str(FORMAT),))
            if fresh:
                self._db.execute("INSERT INTO meta VALUES (?, ?)", (RECORDED, self._engine()))
            if not self._db.execute("SELECT 1 FROM meta WHERE key = ?", (RECORDED,)).fetchone():
                raise RecorderError(f"{file} is a lab's own journal; record to another file")
            self._seq, self._link = begin_chain(self._db)
        except sqlite3.DatabaseError as error:
            self.close()
            raise RecorderError(f"{file} is no recording: {error}") from None
        except RecorderError:
            self.close()
            raise
        self._index = self._seq
        self._at = 0
        self._known: dict[str, dict[tuple[str, str], Fields]] = {}
        #: Where ports are published, as of the last look.
        self.addresses: Addresses = {}
        self._scope = ""
        self._doors: set[str] = set()
        #: What was not there at the last look, since when (ns), whose event has not come yet.
        self._missing: dict[tuple[str, str], int] = {}
        #: Whether there were events since the last look began that tell of changes, but not what has changed.
        self._stale = False

    def tells_of_ports(self) -> None:
        """From now on it is told which ports answer; what was told before, by an earlier recorder, is old."""
        self._db.execute("INSERT OR IGNORE INTO meta VALUES (?, ?)", (PORTS_FROM, str(self._seq + 1)))
        for (scope,) in self._db.execute("SELECT DISTINCT scope FROM commits").fetchall():
            old = [key for key in self._fold(scope) if key[0] == _PORT]
            if old:
                self._write(scope, time.time_ns(), [["d", *key] for key in old])

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def look(self, now: int) -> int:
        """Write down what is new, as one transaction at `now` (Unix nanoseconds); return how many changes there are.

        One kind of objects is asked for after the other. What is gone may have been removed after something that was
        there when it was asked for: the events tell the order, and are waited for.
        """
        self._stale = False
        found = self._objects()
        if found is None:
            return 0
        scope, objects = found
        self._scope = scope
        known = self._known.get(scope)
        if known is None:
            known = {key: fields for key, fields in self._fold(scope).items() if key[0] != _PORT}
        changes: list[list[Any]] = []
        for (kind, object_id), fields in objects.items():
            old = known.get((kind, object_id))
            if old is None:
                changes.append(["c", kind, object_id, fields])
            elif changed := _difference(old, fields):
                changes.append(["u", kind, object_id, changed])
        gone = [key for key in known if key not in objects]
        self._missing = {key: self._missing.get(key, now) for key in gone if key[0] in _TOLD}
        for key in gone:
            if key in self._missing and now - self._missing[key] < _LATE:
                objects[key] = known[key]
            else:
                changes.append(["d", *key])
        there = {_door(node, port) for port, nodes in self.addresses.items() for node in nodes}
        changes += [["d", _PORT, door] for door in sorted(self._doors - there)]
        self._doors &= there
        self._known[scope] = objects
        if changes:
            self._write(scope, now, changes)
        return len(changes)

    def heard(self, heard: Heard) -> None:
        """Write down how a published port answers, while it is one."""
        door = _door(heard.node, heard.port)
        if heard.node not in self.addresses.get(heard.port, {}):
            return
        fields = {"ID": door, "Answers": heard.answers, "Why": heard.why}
        self._write(self._scope, heard.at, [["u" if door in self._doors else "c", _PORT, door, fields]])
        self._doors.add(door)

    def told(self, event: Mapping[str, Any], now: int) -> int:
        """Write down what an event says was removed, and before that what had changed; return how many changes that is.

        So what was removed one after the other is not seen as removed together.
        """
        if event.get("Action") == "remove":
            return (self.look(now) if self._stale else 0) + self._removed(event)
        self._stale = self._stale or event.get("Type") in _TOLD
        return 0

    def _removed(self, event: Mapping[str, Any]) -> int:
        key = (str(event.get("Type")), str((event.get("Actor") or {}).get("ID")))
        for scope, known in self._known.items():
            if key in known:
                self._write(scope, int(event.get("timeNano") or 0), [["d", *key]])
                del known[key]
                return 1
        return 0

    def _write(self, scope: str, now: int, changes: list[list[Any]]) -> None:
        self._seq += 1
        self._index += 1
        # Engines tell the time of their events; a later transaction is not earlier than the one before it.
        self._at = max(self._at, now)
        row = (self._seq, scope, self._index, self._at, json.dumps({"loop": "recorder"}), json.dumps(changes))
        self._link = link(self._link, row)
        self._db.execute("INSERT INTO commits VALUES (?, ?, ?, ?, ?, ?, ?)", (*row, self._link))

    def _engine(self) -> str:
        version = self._client.version()
        return f"Docker Engine {version.get('Version')}, API {version.get('ApiVersion')}"

    def _objects(self) -> tuple[str, dict[tuple[str, str], Fields]] | None:
        """The swarm's id and all its objects; None when the engine is no manager now."""
        try:
            cluster = self._client.inspect_swarm()
            nodes, services, tasks = self._client.nodes(), self._client.services(), self._client.tasks()
            self.addresses = published_addresses(nodes, services, tasks)
            parts = {
                "node": map(_node, nodes),
                "service": map(dict, services),
                "task": map(_task, tasks),
                "network": (_network(n) for n in self._client.networks() if n.get("Scope") == "swarm"),
                "config": map(_blob, self._client.configs()),
                "secret": map(_blob, self._client.secrets()),
                "container": map(_container, self._client.containers(all=True)),
            }
            objects = {(kind, str(one["ID"])): _plain(one) for kind, ones in parts.items() for one in ones}
        except APIError as error:
            if error.status_code in _NO_MANAGER:
                return None
            raise
        # Whoever has the tokens may join, so they are not written down.
        own = {key: value for key, value in cluster.items() if key in {"ID", "Spec", "CreatedAt"}}
        return str(cluster["ID"]), {("cluster", str(cluster["ID"])): _plain(own), **objects}

    def _fold(self, scope: str) -> dict[tuple[str, str], Fields]:
        """What the recording knows of a swarm already."""
        known: dict[tuple[str, str], Fields] = {}
        for (text,) in self._db.execute("SELECT changes FROM commits WHERE scope = ? ORDER BY seq", (scope,)):
            for operation, kind, object_id, *fields in json.loads(text):
                if operation == "d":
                    known.pop((kind, object_id), None)
                else:
                    known.setdefault((kind, object_id), {}).update(fields[0])
        return {key: {k: v for k, v in fields.items() if v is not None} for key, fields in known.items()}


def record(
    file: Path,
    *,
    host: str | None,
    every: float,
    seconds: float | None,
    say: Callable[[str], None],
    ports: bool = True,
) -> None:
    """Record until interrupted, or for so many seconds; look at every event, and `every` so many seconds.

    With `ports` published ports are opened all the time, to tell whether they answer.

    Raises RecorderError when no engine answers at first. Later it is waited for.
    """
    try:
        place = {"base_url": host} if host else kwargs_from_env()
        client = docker.APIClient(**place, version="auto", timeout=_PATIENCE)
        recorder = Recorder(client, file)
    except (DockerException, requests.RequestException, ValueError) as error:
        raise RecorderError(f"no engine answers: {error}") from None
    events: SimpleQueue[Mapping[str, Any] | Heard] = SimpleQueue()
    ended = threading.Event()
    threading.Thread(target=_listen, args=(client, events, ended), daemon=True).start()
    doorbell = Doorbell(events.put)
    if ports:
        recorder.tells_of_ports()
        doorbell.start()
    end = None if seconds is None else time.monotonic() + seconds
    say(f"recording to {file}; Ctrl-C ends it")

    def written(write: Callable[[], int]) -> None:
        try:
            count = write()
        except (DockerException, requests.RequestException) as error:
            say(f"the engine did not answer ({error}); what happens meanwhile is not seen")
            return
        if count:
            say(f"{count} changes")

    try:
        while end is None or time.monotonic() < end:
            written(lambda: recorder.look(time.time_ns()))
            doorbell.watch(recorder.addresses)
            with suppress(Empty):
                event = events.get(timeout=every if end is None else max(0, min(every, end - time.monotonic())))
                while True:
                    if isinstance(event, Heard):
                        recorder.heard(event)
                    else:
                        written(partial(recorder.told, event, time.time_ns()))
                    event = events.get_nowait()
    except KeyboardInterrupt:
        pass
    finally:
        ended.set()
        if ports:
            doorbell.close()
        recorder.close()


def _listen(client: Any, events: SimpleQueue[Mapping[str, Any] | Heard], ended: threading.Event) -> None:
    """Hand on every event; begin again when the engine has been away."""
    while not ended.is_set():
        try:
            stream: Iterator[Any] = client.events(decode=True)
            for event in stream:
                events.put(event)
                if ended.is_set():
                    return
        except (DockerException, requests.RequestException):
            pass
        ended.wait(1)


def _door(node: str, port: int) -> str:
    return f"{node}/{port}"


def _node(node: Mapping[str, Any]) -> Fields:
    return {**node, "Role": (node.get("Spec") or {}).get("Role")}


def _task(task: Mapping[str, Any]) -> Fields:
    status = dict(task.get("Status") or {})
    status["State"] = _STATES.get(str(status.get("State")), 0)
    return {**task, "Status": status, "DesiredState": _STATES.get(str(task.get("DesiredState")), 512)}


def _network(network: Mapping[str, Any]) -> Fields:
    spec = {"Name": network.get("Name"), "DriverConfiguration": {"Name": network.get("Driver")}}
    return {"ID": network["Id"], "Spec": spec}


def _container(container: Mapping[str, Any]) -> Fields:
    keys = ("Type", "Source", "Destination")
    return {
        "ID": container["Id"],
        "Image": container.get("Image"),
        "TaskID": (container.get("Labels") or {}).get("com.docker.swarm.task.id"),
        "Mounts": [{key: mount.get(key) for key in keys} for mount in container.get("Mounts") or ()],
    }


def _blob(blob: Mapping[str, Any]) -> Fields:
    return {**blob, "Spec": {key: value for key, value in (blob.get("Spec") or {}).items() if key != "Data"}}


def _plain(fields: Mapping[str, Any]) -> Fields:
    return {key: value for key, value in fields.items() if key not in _ALWAYS_NEW and value is not None}


def _difference(old: Fields, new: Fields) -> Fields:
    return {key: new.get(key) for key in {**old, **new} if old.get(key) != new.get(key)}
