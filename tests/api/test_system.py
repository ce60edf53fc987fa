import json

import pytest

from swarmlab.clock import SECOND
from swarmlab.engine.events import Event

from .conftest import Client
from .test_containers import container, ended

NODE = Event("node", "update", "n1", {"name": "node-1", "state.new": "ready"}, "swarm", 7 * SECOND)
START = Event("container", "start", "c1", {"name": "web.1.x", "image": "nginx:alpine", "a": "1"}, "local", 8 * SECOND)
HEALTH = Event("container", "health_status: healthy", "c1", {"name": "web.1.x", "image": "nginx:alpine"}, "local", 9)
IMAGE = Event("image", "create", "i1", {"name": "nginx:alpine"}, "local", 10)


def actions(client: Client, version: str = "", **filters: list[str]) -> list[str]:
    reply = client.filtered(f"{version}/events", **filters)
    return [json.loads(line)["Action"] for line in reply.body.splitlines()]


def test_info_counts_containers(client: Client) -> None:
    client.engine.containers.every = [container(), ended("b"), ended("c")]
    info = client("GET", "/info").json
    assert (info["Containers"], info["ContainersRunning"], info["ContainersStopped"]) == (3, 1, 2)
    assert (info["Name"], info["ID"], info["ServerVersion"]) == ("node-1", "AAAA:BBBB", "28.2.2")
    assert info["SystemTime"] == "2023-11-14T22:13:20Z"
    assert info["Warnings"] is None
    assert info["Labels"] == ["zone=a"]
    assert info["GenericResources"] == [
        {"NamedResourceSpec": {"Kind": "gpu", "Value": "a"}},
        {"DiscreteResourceSpec": {"Kind": "ssd", "Value": 2}},
    ]


def test_version_admits_what_it_is(client: Client) -> None:
    version = client("GET", "/version").json
    assert (version["ApiVersion"], version["MinAPIVersion"]) == ("1.50", "1.24")
    assert version["Platform"] == {"Name": "swarmlab"}


def test_what_a_lab_has_none_of(client: Client) -> None:
    assert client("GET", "/volumes").json == {"Volumes": [], "Warnings": None}
    assert client("GET", "/volumes/v").message == "get v: no such volume"
    assert client("GET", "/plugins").json == []
    assert client("GET", "/plugins/a/b/json").message == 'plugin "a/b" not found'
    assert client("GET", "/system/df").json["Containers"] == []


def test_an_event_of_the_swarm(client: Client) -> None:
    client.engine.events.past = [NODE]
    reply = client("GET", "/events?since=5&until=9.5")
    assert reply.body == (
        b'{"Type":"node","Action":"update","Actor":{"ID":"n1","Attributes":{"name":"node-1","state.new":"ready"}},'
        b'"scope":"swarm","time":7,"timeNano":7000000000}\n'
    )
    assert client.engine.events.asked == [(5 * SECOND, 9_500_000_000)]


def test_an_event_of_a_container_has_the_old_form_too(client: Client) -> None:
    client.engine.events.past = [START]
    event = json.loads(client("GET", "/events").body)
    assert list(event)[:3] == ["status", "id", "from"]
    assert (event["status"], event["id"], event["from"]) == ("start", "c1", "nginx:alpine")


def test_events_are_filtered(client: Client) -> None:
    client.engine.events.past = [NODE, START, HEALTH, IMAGE]
    assert actions(client) == ["update", "start", "health_status: healthy", "create"]
    assert actions(client, "/v1.45") == ["update", "start", "health_status: healthy"]
    assert actions(client, type=["node"]) == ["update"]
    assert actions(client, scope=["local"]) == ["start", "health_status: healthy", "create"]
    assert actions(client, event=["start"]) == ["start"]
    assert actions(client, event=["health_status"]) == ["health_status: healthy"]
    assert actions(client, container=["web.1"]) == ["start", "health_status: healthy"]
    assert actions(client, node=["node-1"]) == ["update"]
    assert actions(client, image=["nginx"]) == ["start", "health_status: healthy", "create"]
    assert actions(client, label=["a=1"]) == ["start"]


@pytest.mark.parametrize(("query", "status"), [("since=a", 500), ("until=a", 500), ("since=5&until=4", 400)])
def test_wrong_times(client: Client, query: str, status: int) -> None:
    assert client("GET", f"/events?{query}").status == status
