import pytest

from swarmlab.objects import Node, NodeSpec
from swarmlab.store import Kind

from .conftest import Client
from .fakes import NODE_ID, make_node


@pytest.fixture
def swarm(client: Client) -> Client:
    client.init()
    client.engine.put(Kind.NODE, make_node("w" + "2" * 24, "node-2", zone="a"), make_node("w" + "3" * 24, "node-3"))
    return client


def hostnames(client: Client, **filters: list[str]) -> list[str]:
    return [node["Description"]["Hostname"] for node in client.filtered("/nodes", **filters).json]


def test_a_manager_as_docker_shows_it(swarm: Client) -> None:
    node = swarm("GET", "/nodes/node-1").json
    assert node["Version"] == {"Index": 1}
    assert node["CreatedAt"] == "2023-11-14T22:13:20Z"
    assert node["Spec"] == {"Labels": {}, "Role": "manager", "Availability": "active"}
    assert node["Description"] == {"Hostname": "node-1", "Platform": {}, "Resources": {}, "Engine": {}, "TLSInfo": {}}
    assert node["Status"] == {"State": "ready", "Addr": "127.0.0.1"}
    assert node["ManagerStatus"] == {"Leader": True, "Reachability": "reachable", "Addr": "10.0.0.1:2377"}


def test_a_node_that_has_not_reported_yet(swarm: Client) -> None:
    swarm.engine.put(Kind.NODE, Node(id="z" * 25, spec=NodeSpec(role="worker", availability="active")))
    node = swarm("GET", "/nodes/zz").json
    assert node["Description"] == {"Platform": {}, "Resources": {}, "Engine": {}, "TLSInfo": {}}
    assert node["Status"] == {"State": "unknown"}
    assert "ManagerStatus" not in node


def test_lists_are_filtered_and_sorted_by_id(swarm: Client) -> None:
    assert hostnames(swarm) == ["node-1", "node-2", "node-3"]
    assert hostnames(swarm, role=["manager"]) == ["node-1"]
    assert hostnames(swarm, name=["node-2", "node-3"]) == ["node-2", "node-3"]
    assert hostnames(swarm, name=["ode"]) == []
    assert hostnames(swarm, id=["w"]) == ["node-2", "node-3"]
    assert hostnames(swarm, membership=["accepted"]) == ["node-1", "node-2", "node-3"]
    assert hostnames(swarm, membership=["pending"]) == []
    assert hostnames(swarm, **{"node.label": ["zone=a"]}) == ["node-2"]
    assert hostnames(swarm, label=["zone"]) == []
    bogus = swarm.filtered("/nodes", bogus=["1"])
    assert (bogus.status, bogus.message) == (400, "Invalid filter 'bogus'")
    assert swarm.filtered("/nodes", role=["x"]).message == "Invalid role filter: 'x'"


def test_a_node_that_was_changed_counts_as_pending(swarm: Client) -> None:
    node = swarm("GET", "/nodes/node-2").json
    path = f"/nodes/{node['ID']}/update?version={node['Version']['Index']}"
    assert swarm("POST", path, {**node["Spec"], "Labels": {"a": "b"}}).status == 200
    assert hostnames(swarm, membership=["accepted"]) == ["node-1", "node-3"]
    assert hostnames(swarm, membership=["pending"]) == ["node-2"]


def test_a_wrong_filter_is_told_before_who_is_a_manager(client: Client) -> None:
    assert client.filtered("/nodes", bogus=["1"]).status == 400
    assert client("GET", "/nodes").status == 503


def test_arguments_are_ids_then_names_then_prefixes(swarm: Client) -> None:
    swarm.engine.put(Kind.NODE, make_node("node-2" + "0" * 19, "w2"))
    assert swarm("GET", "/nodes/node-2").json["Description"]["Hostname"] == "node-2"
    assert swarm("GET", "/nodes/node-20").json["Description"]["Hostname"] == "w2"
    missing = swarm("GET", "/nodes/nosuch")
    assert (missing.status, missing.message) == (404, "node nosuch not found")
    ambiguous = swarm("GET", "/nodes/w")
    assert (ambiguous.status, ambiguous.message) == (400, "node w is ambiguous (2 matches found)")


def test_update(swarm: Client) -> None:
    spec = {"Labels": {"a": "b"}, "Role": "Worker", "Availability": "DRAIN"}
    reply = swarm("POST", "/nodes/node-2/update?version=2", spec)
    assert (reply.status, reply.body) == (200, b"")
    assert swarm("GET", "/nodes/node-2").json["Spec"] == {
        "Labels": {"a": "b"}, "Role": "worker", "Availability": "drain",
    }  # fmt: skip
    assert swarm("POST", "/nodes/node-2/update?version=2", spec).status == 500
    assert swarm("POST", "/nodes/node-2/update?version=x", spec).status == 400
    assert swarm("POST", "/nodes/node-2/update?version=3", {**spec, "Role": "boss"}).message == 'invalid Role: "boss"'
    reply = swarm("POST", "/nodes/node-2/update?version=3", {**spec, "Availability": ""})
    assert (reply.status, reply.message) == (400, 'invalid Availability: ""')


def test_remove(swarm: Client) -> None:
    refused = swarm("DELETE", "/nodes/node-2")
    assert refused.status == 400
    assert refused.message.endswith("is not down and can't be removed")
    assert swarm("DELETE", "/nodes/node-2?force=1").status == 200
    assert NODE_ID not in swarm("GET", "/nodes/node-3").json["ID"]
    assert swarm("GET", "/nodes/node-2").status == 404
