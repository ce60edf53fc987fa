"""What nginx says of itself: in a container it has the container's name, address and ports, and the image's version."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

#: Variables that would tell of this machine.
_VARIABLE = re.compile(r"\$(?:\{(hostname|server_addr|server_port)\}|(hostname|server_addr|server_port)\b)")
#: A variable of ours for the last of them, and the place for what it maps.
_PORT, PORTS = "container_port", "<ports>"
_HOSTNAME, _ADDRESS = "<hostname>", "<address>"
#: As `stub_status` answers; of requests nobody keeps count, but for each connection there was one.
_STATUS = (
    "Active connections: 1 \\nserver accepts handled requests\\n $connection $connection $connection \\n"
    "Reading: 0 Writing: 1 Waiting: 0 "
)


def adapt(tree: Sequence[dict[str, Any]], *, status: bool, hides: bool) -> list[dict[str, Any]]:
    """The statements with places for the container's own values.

    With `status` the page of `stub_status` is made of what else there is, and with `hides` a header that hides the
    version is.
    """
    found: list[dict[str, Any]] = []
    for each in tree:
        item = {**each, "args": [_VARIABLE.sub(_replacement, argument) for argument in each["args"]]}
        if "block" in item:
            item["block"] = adapt(item["block"], status=status, hides=hides)
        if status and item["directive"] == "stub_status":
            found.append({**item, "directive": "default_type", "args": ["text/plain"]})
            found.append({**item, "directive": "echo", "args": [_STATUS]})
            continue
        found.append(item)
        if hides and item["directive"] == "server_tokens" and item["args"] == ["off"]:
            found.append({**item, "directive": "more_set_headers", "args": ["Server: nginx"]})
    return found


def mapping(ports: Mapping[int, int], told: Mapping[int, int]) -> str:
    """What the map for `$server_port` has in it: real ports and the container's."""
    pairs = [(real, inside) for which in (ports, told) for inside, real in which.items()]
    return " ".join(["default 80;", *(f"{real} {inside};" for real, inside in pairs)])


def uses_ports(tree: Sequence[dict[str, Any]]) -> bool:
    """Whether the map is needed."""
    return any(_PORT in argument for item in tree for argument in item["args"]) or any(
        uses_ports(item["block"]) for item in tree if "block" in item
    )


#: The map, for a place where `PORTS` is filled in.
MAP = f"map $server_port ${_PORT} {{ {PORTS} }}"


def fill_in(text: str, hostname: str, address: str, ports: str) -> str:
    """Put the values in their places."""
    return text.replace(_HOSTNAME, hostname).replace(_ADDRESS, address).replace(PORTS, ports)


def _replacement(match: re.Match[str]) -> str:
    name = match[1] or match[2]
    return {"hostname": _HOSTNAME, "server_addr": _ADDRESS}.get(name, f"${{{_PORT}}}")
