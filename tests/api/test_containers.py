import struct
from typing import Any

import msgspec
import pytest

from swarmlab.clock import SECOND
from swarmlab.objects import Network, NetworkSpec, PortConfig
from swarmlab.objects.container import HealthConfig
from swarmlab.objects.local import Container, ContainerNetwork, ContainerState
from swarmlab.objects.run import EndpointIPAMConfig, EndpointSettings, HostConfig
from swarmlab.runtime.base import LogLine, ProbeResult
from swarmlab.store import Kind

from .conftest import Client
from .fakes import FakeProgram

replace = msgspec.structs.replace
NOW = 1_700_000_000 * SECOND
NETWORK = "k" * 25


def container(letter: str = "a", **changes: Any) -> Container:
    made = Container(
        id=letter * 64,
        created_at=NOW - 10 * SECOND,
        name=f"web.1.{letter}",
        image="nginx:alpine",
        image_id="sha256:1",
        hostname=letter * 12,
        path="nginx",
        args=("-g", "daemon off;"),
        cmd=("nginx", "-g", "daemon off;"),
        env=("A=b",),
        labels={"z": "1", "b": "2"},
        stop_signal="SIGQUIT",
        exposed_ports=("80/tcp",),
        state=ContainerState(status="running", pid=42, started_at=NOW - 5 * SECOND),
        task_id="t",
    )
    return replace(made, **changes)


def ended(letter: str, code: int = 0, **changes: Any) -> Container:
    state = ContainerState(status="exited", exit_code=code, started_at=NOW - 70 * SECOND, finished_at=NOW - 65 * SECOND)
    return container(letter, state=state, **changes)


def names(client: Client, query: str = "", **filters: list[str]) -> list[str]:
    reply = client.filtered(f"/containers/json?{query}", **filters)
    assert reply.status == 200, reply.body
    return [row["Names"][0] for row in reply.json]


def test_a_row_of_ps(client: Client) -> None:
    client.engine.containers.every = [container()]
    (row,) = client("GET", "/containers/json").json
    networks = row.pop("NetworkSettings")["Networks"]
    assert row == {
        "Id": "a" * 64,
        "Names": ["/web.1.a"],
        "Image": "sha256:1",
        "ImageID": "sha256:1",
        "Command": "nginx -g 'daemon off;'",
        "Created": NOW // SECOND - 10,
        "Ports": [{"PrivatePort": 80, "Type": "tcp"}],
        "Labels": {"b": "2", "z": "1"},
        "State": "running",
        "Status": "Up 5 seconds",
        "HostConfig": {"NetworkMode": "default"},
        "Mounts": [],
    }
    assert list(networks) == ["bridge"]
    assert networks["bridge"]["Gateway"] == "172.17.0.1"


def test_published_ports_are_shown_for_both_families(client: Client) -> None:
    port = PortConfig(protocol="tcp", target_port=80, published_port=8080, publish_mode="host")
    client.engine.containers.every = [container(ports=(port,))]
    (row,) = client("GET", "/containers/json").json
    assert [(p["IP"], p["PublicPort"]) for p in row["Ports"]] == [("0.0.0.0", 8080), ("::", 8080)]
    details = client("GET", "/containers/web.1.a/json").json
    assert details["HostConfig"]["PortBindings"] == {"80/tcp": [{"HostIp": "", "HostPort": "8080"}]}
    assert details["NetworkSettings"]["Ports"]["80/tcp"][1] == {"HostIp": "::", "HostPort": "8080"}


@pytest.mark.parametrize(
    ("state", "health", "status"),
    [
        (ContainerState(status="running", started_at=NOW), "", "Up Less than a second"),
        (ContainerState(status="running", started_at=NOW - 90 * SECOND), "starting",
         "Up About a minute (health: starting)"),
        (ContainerState(status="running", started_at=NOW - 7200 * SECOND), "healthy", "Up 2 hours (healthy)"),
        (ContainerState(status="exited", exit_code=137, started_at=1, finished_at=NOW - SECOND), "",
         "Exited (137) 1 second ago"),
        (ContainerState(status="exited", started_at=1, finished_at=NOW - 15 * 86400 * SECOND), "",
         "Exited (0) 2 weeks ago"),
        (ContainerState(), "", "Created"),
        (ContainerState(status="removing"), "", "Removal In Progress"),
        (ContainerState(status="dead"), "", "Dead"),
    ],
)  # fmt: skip
def test_the_status_in_words(client: Client, state: ContainerState, health: str, status: str) -> None:
    client.engine.containers.every = [container(state=state)]
    client.engine.containers.programs["a" * 64] = FakeProgram(health=health)
    (row,) = client("GET", "/containers/json?all=1").json
    assert row["Status"] == status


def test_lists_are_filtered_newest_first(client: Client) -> None:
    by_hand = container("b", name="mine", task_id="", created_at=NOW - SECOND, labels={"own": "1"})
    client.engine.containers.every = [container(), by_hand, ended("c", 3)]
    assert names(client) == ["/mine", "/web.1.a"]
    assert names(client, "all=1") == ["/mine", "/web.1.c", "/web.1.a"]
    assert names(client, "limit=2") == ["/mine", "/web.1.c"]
    assert names(client, name=["^web"]) == ["/web.1.a"]
    assert names(client, id=["b"]) == ["/mine"]
    assert names(client, label=["own=1"]) == ["/mine"]
    assert names(client, **{"is-task": ["true"]}) == ["/web.1.a"]
    assert names(client, status=["exited"]) == ["/web.1.c"]
    assert names(client, "all=1", exited=["3"]) == ["/web.1.c"]
    assert names(client, "all=1", exited=["0"]) == []
    assert names(client, "all=1", before=["web.1.c"]) == ["/web.1.a"]
    assert names(client, "all=1", since=["web.1.c"]) == ["/mine"]
    assert names(client, network=["bridge"]) == ["/mine", "/web.1.a"]
    assert names(client, expose=["70-90/tcp"]) == ["/mine", "/web.1.a"]
    assert names(client, publish=["80"]) == []
    assert names(client, volume=["x"]) == []
    assert names(client, health=["none"]) == ["/mine", "/web.1.a"]


def test_the_ancestor_is_an_image(client: Client) -> None:
    image = client.engine.images.find("nginx:alpine")
    assert image is not None
    client.engine.containers.every = [container(image_id=image.id), container("b")]
    assert names(client, ancestor=["nginx:alpine"]) == ["/web.1.a"]
    assert names(client, ancestor=["nosuch"]) == []


@pytest.mark.parametrize(
    ("path", "status", "message"),
    [
        ('?filters={"bogus":["1"]}', 400, "Invalid filter 'bogus'"),
        ('?filters={"is-task":["bla"]}', 400, "Invalid filter 'is-task=[bla]'"),
        ('?filters={"status":["bla"]}', 400, "Invalid filter 'status=bla'"),
        ("?limit=x", 500, 'strconv.Atoi: parsing "x": invalid syntax'),
        ('?filters={"since":["nosuch"]}', 500, "no such container nosuch"),
        ('?filters={"exited":["x"]}', 500, 'strconv.Atoi: parsing "x": invalid syntax'),
    ],
)
def test_wrong_lists(client: Client, path: str, status: int, message: str) -> None:
    reply = client("GET", f"/containers/json{path}")
    assert (reply.status, reply.message) == (status, message)


def test_inspect(client: Client) -> None:
    client.init()
    client.engine.put(Kind.NETWORK, Network(id=NETWORK, spec=NetworkSpec(name="back")))
    endpoint = ContainerNetwork(network_id=NETWORK, addresses=("10.0.1.3/24",))
    client.engine.containers.every = [
        container(
            endpoints=(endpoint,), asked=HostConfig(memory=7), healthcheck=HealthConfig(test=("CMD", "true"), retries=3)
        )
    ]
    client.engine.containers.programs["a" * 64] = FakeProgram(
        health="healthy", failing_streak=1, probes=(ProbeResult(1_500_000_000, 2_000_000_000, 1, "refused\n"),)
    )
    details = client("GET", f"/containers/{'a' * 12}/json").json
    probe = {"Start": "1970-01-01T00:00:01.5Z", "End": "1970-01-01T00:00:02Z", "ExitCode": 1, "Output": "refused\n"}
    assert details["State"]["Health"] == {"Status": "healthy", "FailingStreak": 1, "Log": [probe]}
    assert details["State"]["FinishedAt"] == "0001-01-01T00:00:00Z"
    assert details["Config"]["Healthcheck"] == {"Test": ["CMD", "true"], "Retries": 3}
    assert (details["Config"]["Entrypoint"], details["HostConfig"]["Memory"]) == (None, 7)
    assert list(details["Config"]["Labels"]) == ["b", "z"]
    place = details["NetworkSettings"]["Networks"]["back"]
    assert (place["IPAddress"], place["IPPrefixLen"], place["MacAddress"]) == ("10.0.1.3", 24, "02:42:0a:00:01:03")
    assert place["IPAMConfig"] == {"IPv4Address": "10.0.1.3"}
    assert (place["Aliases"], place["DNSNames"]) == (["a" * 12], ["web.1.a", "a" * 12])
    assert "Init" not in details["HostConfig"], "the service said nothing of it"
    missing = client("GET", "/containers/nosuch/json")
    assert (missing.status, missing.message) == (404, "No such container: nosuch")


def test_an_address_that_the_swarm_gave_counts_as_asked_for(client: Client) -> None:
    client.init()
    client.engine.put(Kind.NETWORK, Network(id=NETWORK, spec=NetworkSpec(name="back")))
    endpoint = ContainerNetwork(network_id=NETWORK, addresses=("10.0.1.3/24",))
    asked = EndpointSettings(ipam_config=EndpointIPAMConfig(), network_id=NETWORK)
    client.engine.containers.every = [
        container(host=HostConfig(), endpoints=(endpoint,), attachments={"back": asked}, task_id="")
    ]
    place = client("GET", f"/containers/{'a' * 12}/json").json["NetworkSettings"]["Networks"]["back"]
    assert (place["IPAMConfig"], place["IPAddress"]) == ({"IPv4Address": "10.0.1.3"}, "10.0.1.3")


def test_a_task_s_container_that_has_ended_still_tells_where_it_was(client: Client) -> None:
    client.init()
    client.engine.put(Kind.NETWORK, Network(id=NETWORK, spec=NetworkSpec(name="back")))
    endpoint = ContainerNetwork(network_id=NETWORK, addresses=("10.0.1.3/24",))
    client.engine.containers.every = [ended("a", endpoints=(endpoint,))]
    (row,) = client("GET", "/containers/json?all=1").json
    place = row["NetworkSettings"]["Networks"]["back"]
    assert (place["IPAMConfig"], place["IPAddress"]) == ({"IPv4Address": "10.0.1.3"}, "")


def test_what_has_ended_holds_no_addresses(client: Client) -> None:
    client.engine.containers.every = [ended("a")]
    details = client("GET", "/containers/a/json").json
    assert details["NetworkSettings"]["Ports"] == {}
    assert details["NetworkSettings"]["Networks"]["bridge"]["EndpointID"] == ""
    assert client("GET", "/containers/json?all=1").json[0]["Ports"] == []


def program(client: Client, **changes: Any) -> FakeProgram:
    client.engine.containers.every = [container(**changes)]
    made = FakeProgram([
        LogLine(NOW + 5, "stdout", b"out\n"), LogLine(NOW, "stderr", b"err\n"),
    ])  # fmt: skip
    client.engine.containers.programs["a" * 64] = made
    return made


def frame(stream: int, data: bytes) -> bytes:
    return struct.pack(">BxxxL", stream, len(data)) + data


def test_logs_are_frames(client: Client) -> None:
    source = program(client)
    reply = client("GET", "/containers/a/logs?stdout=1&stderr=1&tail=3&since=1.5&until=2&follow=1")
    assert reply.headers["Content-Type"] == "application/vnd.docker.multiplexed-stream"
    assert reply.body == frame(1, b"out\n") + frame(2, b"err\n")
    assert source.asked == {"since": 1_500_000_000, "until": 2_000_000_000, "tail": 3, "follow": True}
    old = client("GET", "/v1.41/containers/a/logs?stdout=1&tail=all")
    assert old.headers["Content-Type"] == "application/vnd.docker.raw-stream"
    assert old.body == frame(1, b"out\n")
    assert source.asked == {"since": 0, "until": 0, "tail": None, "follow": False}


def test_logs_of_a_terminal_are_bare(client: Client) -> None:
    program(client, tty=True)
    reply = client("GET", "/containers/a/logs?stdout=1&stderr=1")
    assert reply.headers["Content-Type"] == "application/vnd.docker.raw-stream"
    assert reply.body == b"out\nerr\n"


def test_logs_with_instants_and_details(client: Client) -> None:
    program(client, tty=True)
    reply = client("GET", "/containers/a/logs?stdout=1&timestamps=1&details=1")
    assert reply.body == b"2023-11-14T22:13:20.000000005Z  out\n"


def test_logs_must_be_asked_for_properly(client: Client) -> None:
    program(client)
    assert client("GET", "/containers/a/logs").message == "Bad parameters: you must choose at least one stream"
    assert client("GET", "/containers/nosuch/logs?stdout=1").status == 404
    assert client("GET", "/containers/a/logs?stdout=1&since=x").status == 400


def test_what_ended_before_the_lab_restarted_has_no_logs(client: Client) -> None:
    client.engine.containers.every = [ended("a")]
    assert client("GET", "/containers/a/logs?stdout=1").body == b""


@pytest.mark.parametrize(
    ("key", "value", "status", "message"),
    [
        ("publish", "x", 500, 'strconv.ParseUint: parsing "x": invalid syntax'),
        ("expose", "1-9999999999", 500, 'strconv.ParseUint: parsing "9999999999": value out of range'),
        ("publish", "5-1", 500, "Invalid range specified for the Port: 5-1"),
        ("health", "x", 400, "Unrecognised filter value for health: x"),
    ],
)
def test_filters_that_mean_nothing(client: Client, key: str, value: str, status: int, message: str) -> None:
    reply = client.filtered("/containers/json", **{key: [value]})
    about = "" if key == "health" else f"error while looking up for {key} {value}: "
    assert (reply.status, reply.message) == (status, about + message)
