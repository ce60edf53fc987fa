"""Who may listen at a port of the node."""

from types import SimpleNamespace
from typing import Any, cast

from swarmlab.engine.network.hostmode import HostListeners
from swarmlab.objects.local import Container


class Runs:
    """A container's programs, of which only the ports count."""

    def __init__(self) -> None:
        self.listening: set[int] = set()
        self.changed: Any = None

    def ports(self) -> dict[int, tuple[str, int]]:
        return dict.fromkeys(self.listening, ("127.0.0.1", 1))

    def watch_ports(self, changed: Any) -> Any:
        self.changed = changed
        return lambda: None


def test_a_port_is_taken_by_another_container_or_by_what_the_node_publishes() -> None:
    published = {8098}
    mesh = SimpleNamespace(
        activate=lambda endpoint: published.update(port.published for port in endpoint.ports),
        deactivate=lambda container_id: None,
        where=lambda node, port: ("127.0.0.1", 2) if port in published else None,
    )
    sandboxes = {name: SimpleNamespace(taken=None) for name in ("one", "other")}
    listeners = HostListeners("node-1", cast(Any, mesh), lambda name: cast(Any, sandboxes[name]))
    runs = {name: Runs() for name in sandboxes}
    for name, container in runs.items():
        listeners.follow(Container(id=name, name=name, image="alpine", path="x"), cast(Any, container))

    def taken(name: str) -> list[int]:
        return [port for port in (80, 8098) if cast(Any, sandboxes[name]).taken(port)]

    assert taken("one") == taken("other") == [8098]
    runs["one"].listening.add(80)
    runs["one"].changed()
    # What it publishes itself is not another's.
    assert (taken("one"), taken("other")) == ([8098], [80, 8098])
    runs["one"].listening.clear()
    published.clear()
    listeners.forget("one")
    assert taken("other") == []
