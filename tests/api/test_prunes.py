"""`POST /networks/prune`: the swarm's networks first, then the engine's own."""

import json

from swarmlab.objects import Network, NetworkSpec, Task, TaskSpec, TaskState
from swarmlab.objects.task import NetworkAttachment, TaskStatus
from swarmlab.store import Kind

from .conftest import Client


def test_pruning_networks_leaves_what_is_used(client: Client) -> None:
    assert client("POST", "/networks/prune").json == {"NetworksDeleted": ["mine"]}
    assert client("POST", "/networks/prune").json == {"NetworksDeleted": None}
    client.init()
    for letter, name, labels in (("x", "idle", {}), ("y", "kept", {"keep": "1"})):
        client.engine.put(Kind.NETWORK, Network(id=letter * 25, spec=NetworkSpec(name=name, labels=labels)))
    filters = {"filters": json.dumps({"label!": ["keep"]})}
    assert client("POST", "/networks/prune", params=filters).json == {"NetworksDeleted": ["idle"]}
    names = [network["Name"] for network in client("GET", "/networks").json]
    assert {"kept", "ingress"} <= set(names)
    assert "idle" not in names


def test_a_network_is_free_when_all_its_tasks_are_to_be_removed(client: Client) -> None:
    """Whether they still run does not matter, as in `docker network rm`."""
    client.init()
    running = TaskStatus(state=TaskState.RUNNING)
    for letter, name, desired in (("x", "busy", TaskState.RUNNING), ("y", "free", TaskState.REMOVE)):
        network = Network(id=letter * 25, spec=NetworkSpec(name=name))
        task = Task(
            id=f"task-of-{name}",
            spec=TaskSpec(),
            desired_state=desired,
            status=running,
            networks=(NetworkAttachment(network_id=network.id, addresses=("10.0.1.3/24",)),),
        )
        client.engine.put(Kind.NETWORK, network)
        client.engine.put(Kind.TASK, task)
    assert client("POST", "/networks/prune").json == {"NetworksDeleted": ["free", "mine"]}
