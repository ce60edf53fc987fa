"""What an engine shows, reduced to what another has to show too."""

from collections.abc import Iterator
from typing import Any

from tests.conformance.differential.comparer import View, flat
from tests.conformance.differential.normaliser import Names
from tests.conformance.differential.side import Outcome, Seen

#: What ends and begins again by itself tells so as often as it does.
_OFTEN = frozenset({"start", "die", "connect", "disconnect", "mount", "unmount"})
_NEVER = "0001-01-01T00:00:00Z"


def said(outcome: Outcome, names: Names) -> View:
    """What a command said, as it said it; of errors only what is in them, for they are a stream of their own."""
    lines = [f"exit {outcome.code}"]
    lines += [line for line in names.text(outcome.out).split("\n") if line]
    lines += [f"stderr: {line}" for line in names.text(outcome.err).split("\n") if line]
    return {"command": tuple(lines)}


def seen(found: Seen, names: Names, restless: frozenset[str]) -> View:
    """All objects and what was told of them; nothing of containers in `restless` but that they are there."""
    objects = found.objects
    view: View = {"list": tuple(_listed(one, names, restless) for one in objects["listed"])}
    view["containers"] = _lines(_container(one, names, restless) for one in objects["containers"])
    view["images"] = _lines(_image(one, names) for one in objects["images"])
    view["networks"] = _lines(_network(one, names, restless) for one in objects["networks"])
    view["volumes"] = _lines(_volume(one, names) for one in objects["volumes"])
    view["events"] = tuple(sorted(_events(found, names, restless)))
    return view


def _lines(things: Iterator[Iterator[str]]) -> tuple[str, ...]:
    return tuple(sorted(line for thing in things for line in thing))


def _thing(name: str, thing: dict[str, Any], names: Names) -> Iterator[str]:
    yield from (f"{names.text(name)} {line}" for line in flat(names.value(thing)))


def _volume(one: dict[str, Any], names: Names) -> Iterator[str]:
    # Engine 20.10 marks only those that it made for a container.
    labels = {k: v for k, v in (one.get("Labels") or {}).items() if k != "com.docker.volume.anonymous"}
    return _thing(one["Name"], one | {"Labels": labels}, names)


def _listed(one: dict[str, Any], names: Names, restless: frozenset[str]) -> str:
    name = names.text(" ".join(sorted(one["Names"])))
    if any(n[1:] in restless for n in one["Names"]):
        return name
    ports = sorted(
        names.text(f"{p.get('IP')}:{p.get('PublicPort')}->{p['PrivatePort']}/{p['Type']}") for p in one["Ports"]
    )
    return f"{name} {names.text(one['Image'])} {names.text(one['Status'])} {names.text(one['Command'])} {ports}"


def _container(one: dict[str, Any], names: Names, restless: frozenset[str]) -> Iterator[str]:
    name = one["Name"].removeprefix("/")
    if name in restless:
        yield f"{names.text(name)} restless"
        return
    state = dict(one["State"])
    for key in ("StartedAt", "FinishedAt"):
        state[key] = state[key] != _NEVER
    if "Health" in state:
        health = state["Health"]
        state["Health"] = {"Status": health["Status"], "Log": _checks(health.get("Log") or [])}
    thing = one | {"State": state, "Mounts": sorted(one["Mounts"], key=lambda m: m["Destination"])}
    yield from _thing(name, thing, names)


def _checks(log: list[dict[str, Any]]) -> list[str]:
    """The different results of checks: how many there were is a matter of time."""
    return sorted({f"{check['ExitCode']} {check['Output']}" for check in log})


def _image(one: dict[str, Any], names: Names) -> Iterator[str]:
    tags = ",".join(sorted(one.get("RepoTags") or ["<none>"]))
    config = {k: v for k, v in (one.get("Config") or {}).items() if k not in {"Hostname", "Image"}}
    layers = len((one.get("RootFS") or {}).get("Layers") or ())
    left_out = {"ContainerConfig", "Metadata", "VirtualSize", "RepoTags"}
    if layers == 1:
        # Imported: files of a container are more here, commands of the lab's own shell.
        left_out.add("Size")
    thing = {k: v for k, v in one.items() if k not in left_out}
    yield from _thing(tags, thing | {"Config": config, "RootFS": layers}, names)


def _network(one: dict[str, Any], names: Names, restless: frozenset[str]) -> Iterator[str]:
    if one["Name"] == "bridge":
        # Whether its gateway is told depends on whether the engine was started once or twice.
        one = one | {"IPAM": one["IPAM"] | {"Config": [{"Subnet": c["Subnet"]} for c in one["IPAM"]["Config"]]}}
    yield from _thing(one["Name"], one, names)
    for container in one["Containers"].values():
        if container["Name"] not in restless:
            yield names.text(
                f"{one['Name']} has {container['Name']} {container['IPv4Address']} {container['IPv6Address']}"
            )


def _events(found: Seen, names: Names, restless: frozenset[str]) -> Iterator[str]:
    health = {one["Id"] for one in found.objects["containers"] if "Health" in one["State"]}
    moving = {one["Id"] for one in found.objects["containers"] if one["Name"][1:] in restless}
    # Engine 20.10 tells of volumes that were pruned all at once only.
    pruned = any((event["Type"], event["Action"]) == ("volume", "prune") for event in found.events)
    for event in found.events:
        if pruned and (event["Type"], event["Action"]) == ("volume", "destroy"):
            continue
        actor = event["Actor"]
        attributes = actor.get("Attributes") or {}
        if actor["ID"] in health and event["Action"].startswith(("exec_", "health_status")):
            # How often, and whether just now, is a matter of time.
            continue
        if event["Action"] in _OFTEN and moving & {actor["ID"], attributes.get("container")}:
            continue
        told = " ".join(f"{key}={value}" for key, value in sorted(attributes.items()) if key != "execID")
        yield names.text(f"{event['Type']} {event['Action']} {actor['ID']} {told}").replace("\n", " ")
