"""What the commands print for people."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from swarmlab.lab.doctor import Check
from swarmlab.lab.folder import DEFAULT_NAME
from swarmlab.lab.manage import Up

_COLOURS = {
    "running": "green", "stopped": "yellow", "killed": "red", "crashed": "red",
    "ok": "green", "note": "yellow", "problem": "red",
}  # fmt: skip


def after_up(done: Up) -> str:
    """What `up` did, and what to do next."""
    settings = done.settings
    names = settings.node_names
    engines = "1 Docker engine" if len(names) == 1 else f"{len(names)} Docker engines, {names[0]} to {names[-1]}"
    if settings.hollow:
        engines += " (hollow: containers do nothing)"
    if settings.without_engine:
        engines += f", and {settings.without_engine} nodes that join the swarm of node-1"
    speed = "" if settings.speed == 1 else f", at {settings.speed:g} times the speed of time"
    began = {
        "new": f'The new lab "{settings.name}" is running',
        "started": f'The lab "{settings.name}" is running again, as it was',
        "restored": f'The lab "{settings.name}" had crashed and is running again, as it was',
        "running": f'The lab "{settings.name}" is running already',
    }[done.outcome]
    option = "" if settings.name == DEFAULT_NAME else f" --name {settings.name}"
    return f'{began}: {engines}{speed}.\nFor docker in this shell: eval "$(swarmlab env{option})"'


def status(found: Mapping[str, Any], others: Sequence[str]) -> None:
    """A lab's state, nodes and published ports."""
    console = Console(soft_wrap=True)
    speed = "" if found["speed"] == 1 else f", speed {found['speed']:g}"
    process = f", process {found['pid']}" if found["pid"] else ""
    console.print(Text.assemble(f'Lab "{found["name"]}": ', _coloured(found["state"]), f"{process}{speed}"))
    secure = ["TLS"] if found["certificates"] else []
    nodes = _table("NODE", "STATE", "ADDRESS", *secure)
    for node in found["nodes"]:
        cut = f", on side {node['side']} of a cut network" if node.get("side") else ""
        tls = [node["tcp"]] if secure else []
        nodes.add_row(node["name"], Text.assemble(_coloured(node["state"]), cut), node["address"], *tls)
    console.print(nodes)
    if found["hollow"]:
        more = (
            f", and there are {found['without_engine']} more nodes without an engine" if found["without_engine"] else ""
        )
        console.print(f"Hollow: containers do nothing{more}.")
    if found["outside"]:
        console.print("Containers reach what this machine reaches.")
    if found["published"]:
        ports = _table("NODE", "PORT", "SERVICE", "ANSWERS AT", "")
        for entry in found["published"]:
            port = f"{entry['port']}/{entry['protocol']}"
            ports.add_row(entry["node"], port, entry["service"], entry["url"] or "-", entry["reason"])
        console.print(ports)
    # Paths, and names that a rule for colours would take apart: printed as they are.
    console.print(f"DOCKER_HOST of node-1: {found['nodes'][0]['endpoint']}", highlight=False)
    if found["certificates"]:
        console.print(f"DOCKER_CERT_PATH for TLS: {found['certificates']}", highlight=False)
    if others:
        console.print(f"Other labs that run: {', '.join(others)}", highlight=False)


def doctor(checks: Sequence[Check]) -> None:
    """The findings, with the remedies under those that need one."""
    console = Console(soft_wrap=True, highlight=False)
    for check in checks:
        console.print(
            Text.assemble(_coloured(check.result), " " * (9 - len(check.result)), f"{check.title}: {check.found}")
        )
        for line in check.remedy.splitlines():
            console.print(Text(f"         {line}"))


def images(found: Sequence[Mapping[str, Any]]) -> None:
    """The images of the catalogue, and what they are for."""
    console = Console(soft_wrap=True)
    for entry in found:
        console.print(Text(entry["repository"], style="bold"), f"({_facts(entry)})" if _facts(entry) else "")
        console.print(f"  {entry['about']}", highlight=False)
        for title, on_demand in (("Tags", False), ("Pulled when needed", True)):
            tags = [tag for image in entry["images"] if image["on_demand"] is on_demand for tag in image["tags"]]
            if on_demand and entry["earlier_releases"]:
                tags.append("and earlier releases of all of these")
            if tags:
                console.print(f"  {title}: {', '.join(tags)}", highlight=False)
        for variable, meaning in entry["settings"].items():
            console.print(f"  -e {variable}=…  {meaning}", highlight=False)


def _facts(entry: Mapping[str, Any]) -> str:
    ports = [f"port {port}" for port in entry["ports"]]
    return ", ".join([*ports, *(f"volume {path}" for path in entry["volumes"])])


def _table(*headings: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in headings:
        table.add_column(heading, overflow="fold")
    return table


def _coloured(word: str) -> Text:
    return Text(word, _COLOURS[word])
