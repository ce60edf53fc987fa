"""What one side shows, reduced to what the other has to show too, and the differences."""

import difflib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from .normaliser import Names
from .side import Outcome, Seen

#: Task states that an ended task keeps.
_ENDED = frozenset({"complete", "failed", "rejected", "shutdown", "orphaned"})
_FAILED = frozenset({"complete", "failed", "rejected"})
_RESTLESS = "restless "
#: Lines of progress that depend on the moment of a look: of one task or node, and how long there is yet to wait. What
#: the command says when it is interrupted, it does not always have the time to say.
_MOMENT = re.compile(
    r"\S+: ?$|\d+/\d+: |<node-\d+>: |verify: (?:Waiting|Detected) |active tasks: "
    r"|Operation continuing|Use `docker service ps "
)
#: What an engine says of networks and volumes; that a network comes and goes depends on which task is there first.
_LOCAL = frozenset({"connect", "disconnect", "mount", "unmount"})


@dataclass(frozen=True)
class Difference:
    """Where two sides differ (`command`, `services`, `tasks`, …), and what each shows, a line a thing."""

    where: str
    ours: tuple[str, ...]
    real: tuple[str, ...]

    def __str__(self) -> str:
        lines = difflib.unified_diff(self.real, self.ours, "real", "ours", lineterm="", n=0)
        return "\n".join(f"    {line}" for line in lines if not line.startswith("@@"))


View = dict[str, tuple[str, ...]]


def differences(ours: View, real: View) -> list[Difference]:
    """Everything that two views do not have in common. Of what still moves, one may show nothing yet."""
    found = []
    for where in sorted(ours.keys() | real.keys()):
        one, other = ours.get(where, ()), real.get(where, ())
        if one != other and not (where.startswith(_RESTLESS) and not (one and other)):
            found.append(Difference(where, one, other))
    return found


def outcome_view(outcome: Outcome, names: Names) -> View:
    """What a command said. Lines that come in no order are sorted; of progress, only what it came to."""
    lines = [f"exit {outcome.code}"]
    lines += sorted(_without_progress(names.text(outcome.out).split("\n")))
    # A command that was refused says why, then how to use it; the order of its lines is the command's own.
    lines += [f"stderr: {line}" for line in sorted(names.text(outcome.err).split("\n")) if line]
    return {"command": tuple(filter(None, lines))}


def _without_progress(lines: list[str]) -> Iterator[str]:
    """The lines without those of a moment: of how often there is a look, and of what it finds then, there is no end."""
    told = ""
    for line in lines:
        if line.startswith("overall progress: "):
            told = line
        elif not _MOMENT.match(line):
            yield line
    yield told


def swarm_view(seen: Seen, names: Names, restless: frozenset[str]) -> View:
    """What there is in a swarm; of services and slots in `restless`, only what does not depend on the moment."""
    view: View = {"swarm": flat(names.value(seen.swarm))}
    for kind in ("networks", "secrets", "configs", "nodes"):
        view[kind] = tuple(sorted(line for thing in seen.objects.get(kind, ()) for line in _thing(kind, thing, names)))
    view["services"] = tuple(
        sorted(line for thing in seen.objects.get("services", ()) for line in _service(thing, names, restless))
    )
    view["tasks"] = tuple(sorted(line for where, line in _tasks(seen, names, restless) if where == "tasks"))
    for where, line in sorted(set(_tasks(seen, names, restless))):
        if where != "tasks":
            view[where] = (*view.get(where, ()), line)
    view["events"] = tuple(sorted(set(_events(seen, names, restless))))
    return view


def _thing(kind: str, thing: dict[str, Any], names: Names) -> Iterator[str]:
    if kind == "networks" and thing.get("Scope") != "swarm":
        return
    if kind == "nodes":
        thing = {
            "Spec": thing["Spec"],
            "Status": {k: v for k, v in thing["Status"].items() if k != "Addr"},
            "Manager": {k: v for k, v in (thing.get("ManagerStatus") or {}).items() if k != "Addr"},
            "Name": thing["Description"].get("Hostname"),
        }
    name = names.text(str(thing.get("Name") or thing.get("Spec", {}).get("Name")))
    yield from (f"{name} {line}" for line in flat(names.value(thing)))


def _service(thing: dict[str, Any], names: Names, restless: frozenset[str]) -> Iterator[str]:
    name = thing["Spec"]["Name"]
    if name in restless:
        thing = {key: value for key, value in thing.items() if key not in {"UpdateStatus", "PreviousSpec"}}
    thing = thing | {"Dates": [key for key in ("StartedAt", "CompletedAt") if key in (thing.get("UpdateStatus") or {})]}
    endpoint = thing.get("Endpoint") or {}
    networks = [names.of(address["NetworkID"]) for address in endpoint.get("VirtualIPs") or ()]
    thing = thing | {"Endpoint": {k: v for k, v in endpoint.items() if k != "VirtualIPs"} | {"On": sorted(networks)}}
    yield from (f"{name} {line}" for line in flat(names.value(thing)))


def _tasks(seen: Seen, names: Names, restless: frozenset[str]) -> Iterator[tuple[str, str]]:
    """Lines about tasks, each with its view: of a service that still moves, how its tasks failed so far."""
    services = {service["ID"]: service["Spec"]["Name"] for service in seen.objects.get("services", ())}
    slots: dict[str, list[dict[str, Any]]] = {}
    for task in sorted(seen.objects.get("tasks", ()), key=lambda task: task["CreatedAt"]):
        name = services.get(task.get("ServiceID", ""), "gone job" if "JobIteration" in task else "gone")
        slots.setdefault(f"{name}.{task.get('Slot') or names.of(task.get('NodeID', ''))}", []).append(task)
    for slot, tasks in slots.items():
        service, _, number = slot.rpartition(".")
        rows = [_row(task, names) for task in tasks]
        if slot in restless or service in restless:
            for row, task in zip(rows, tasks, strict=True):
                if task["Status"]["State"] in _FAILED:
                    yield f"{_RESTLESS}{service}", row
            continue
        if any(task["DesiredState"] == "running" for task in tasks):
            yield "tasks", f"{service} has {number}"
        # How often the same happened is a matter of time, and to which of several equal slots one of chance.
        once = [row for row, before in zip(rows, [None, *rows], strict=False) if row != before]
        yield "tasks", f"{service} {' / '.join(once)}"


def _row(task: dict[str, Any], names: Names) -> str:
    status = task["Status"]
    state = status["State"]
    ended = state in _ENDED
    code = (status.get("ContainerStatus") or {}).get("ExitCode", 0)
    networks = sorted(
        names.text(attachment["Network"]["Spec"]["Name"]) for attachment in task.get("NetworksAttachments") or ()
    )
    ports = json.dumps(status.get("PortStatus") or {}, sort_keys=True)
    return " | ".join(
        [
            f"{'ended' if ended else task['DesiredState']} {state}",
            names.text(status.get("Message", "")),
            names.text(status.get("Err", "")),
            f"exit {code}",
            names.text(task["Spec"].get("ContainerSpec", {}).get("Image", "")),
            ",".join(networks),
            ports if state == "running" else "",
        ]
    )


def _events(seen: Seen, names: Names, restless: frozenset[str]) -> Iterator[str]:
    for event in seen.events:
        attributes = event["Actor"]["Attributes"]
        if event.get("scope") == "swarm":
            if "updatestate.new" in attributes and attributes.get("name") in restless:
                continue
            if event["Type"] == "node" and len(attributes) == 1:
                # Which node's addresses on networks are written, and when, is chance.
                continue
            told = " ".join(
                f"{key}={names.text(value)}" if key in {"name", "updatestate.new", "state.new"} else key
                for key, value in sorted(attributes.items())
            )
            yield f"{event['Type']} {event['Action']} {told}"
        # What an engine does about a task says which node has it: that is chance where there are several.
        elif seen.engines == 1 and not restless and event["Action"] in _LOCAL:
            yield f"{event['Type']} {event['Action']} {' '.join(sorted(attributes))}"


def flat(value: Any, at: str = "") -> tuple[str, ...]:
    """A JSON value as lines `path=value`."""
    if isinstance(value, dict) and value:
        return tuple(line for key, inner in value.items() for line in flat(inner, f"{at}.{key}" if at else key))
    if isinstance(value, list) and value:
        return tuple(line for number, inner in enumerate(value) for line in flat(inner, f"{at}[{number}]"))
    return (f"{at}={json.dumps(value)}",)
