"""What engines note of their published ports, for those who ask later whether they answered."""

from pathlib import Path

from swarmlab.journal import JournalReader
from tests.engine.net import ACTOR, Net
from tests.engine.swarm.test_requests import changed


def test_engines_note_what_connections_to_published_ports_find(net: Net, tmp_path: Path) -> None:
    """One that does not listen, as a program that is still starting; an update; a restart of the lab."""

    def noted(engine: str = "node-1") -> list[tuple[str, bool]]:
        """Ports, and whether all tasks behind them listen; how many these are is no news then."""
        ports = net.lab.engines[engine]._store.tables.ports
        return sorted((port.id, port.tasks == port.listening) for port in ports)

    web = net.service("web", "nginx", 2, net.network("app"), port=18099)
    net.run(net.until(lambda: noted() == noted("node-2") == [("18099", True)]))
    late = net.service("late", "alpine", 1, port=18098, command=("sleep", "1000"))
    net.run(net.until(lambda: noted() == [("18098", False), ("18099", True)]))
    net.control.remove_service(late.id, ACTOR)
    net.run(net.until(lambda: noted() == [("18099", True)]))
    changed(net, web, replicas=1)
    net.run(net.until(lambda: len(net.tasks(web.id)) == 1))
    net.run(net.lab.stop())
    net.run(net.lab.start())
    net.run(net.until(lambda: noted("node-2") == noted() == [("18099", True)]))
    with JournalReader(tmp_path / "journal.sqlite") as reader:
        entries = [entry for entry in reader.entries() if entry.scope == "engine:node-1"]
        kept = [(c.operation, c.id) for entry in entries for c in entry.changes if c.kind == "port"]
        assert reader.meta()["ports from"] == "1"
    assert kept == [
        ("create", "18099"), ("create", "18098"), ("delete", "18098"), ("delete", "18099"), ("create", "18099")
    ], "one task fewer of those that listen is no news"  # fmt: skip
