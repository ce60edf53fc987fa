from typing import Any

import msgspec
import pytest

from swarmlab.api.adjust import adjusted
from swarmlab.api.call import ApiVersion
from swarmlab.api.decode import decode
from swarmlab.objects import Network, NetworkSpec, Service, ServiceSpec, TaskState, UpdateStatus
from swarmlab.orchestrator.task import new_task
from swarmlab.store import Kind

from .conftest import Client

WEB: dict[str, Any] = {
    "Name": "web",
    "Labels": {"tier": "front"},
    "TaskTemplate": {"ContainerSpec": {"Image": "nginx:alpine"}},
    "Mode": {"Replicated": {"Replicas": 2}},
}


@pytest.fixture
def swarm(client: Client) -> Client:
    client.init()
    return client


def create(client: Client, spec: dict[str, Any] = WEB, **changes: Any) -> str:
    reply = client("POST", "/services/create", {**spec, **changes})
    assert reply.status == 201, reply.body
    return str(reply.json["ID"])


def names(client: Client, **filters: list[str]) -> list[str]:
    return sorted(service["Spec"]["Name"] for service in client.filtered("/services", **filters).json)


def test_a_new_service_as_docker_shows_it(swarm: Client) -> None:
    reply = swarm("POST", "/services/create", WEB)
    assert list(reply.json) == ["ID"]
    service = swarm("GET", "/services/web").json
    assert list(service) == ["ID", "Version", "CreatedAt", "UpdatedAt", "Spec", "Endpoint"]
    assert service["Endpoint"] == {"Spec": {}}
    assert service["Spec"] == {
        **WEB,
        "TaskTemplate": {
            "ContainerSpec": {"Image": "nginx:alpine", "Isolation": "default"},
            "ForceUpdate": 0,
            "Runtime": "container",
        },
    }  # fmt: skip


def test_defaults_are_inserted_on_request(swarm: Client) -> None:
    create(swarm, TaskTemplate={"ContainerSpec": {"Image": "a"}, "RestartPolicy": {"Condition": "none"}})
    spec = swarm("GET", "/services/web?insertDefaults=true").json["Spec"]
    config = {
        "Parallelism": 1, "FailureAction": "pause", "Monitor": 5000000000, "MaxFailureRatio": 0, "Order": "stop-first",
    }  # fmt: skip
    assert spec["UpdateConfig"] == config
    assert spec["RollbackConfig"] == config
    template = spec["TaskTemplate"]
    assert template["RestartPolicy"] == {"Condition": "none", "Delay": 5000000000, "MaxAttempts": 0}
    assert template["ContainerSpec"]["StopGracePeriod"] == 10000000000
    assert template["ContainerSpec"]["DNSConfig"] == {}
    assert (template["Resources"], template["Placement"]) == ({}, {})
    assert swarm("GET", "/services/web?insertDefaults=foo").status == 400


def test_lists_are_filtered(swarm: Client) -> None:
    create(swarm)
    create(swarm, Name="api", Labels={}, Mode={"Global": {}})
    assert names(swarm) == ["api", "web"]
    assert names(swarm, name=["we"]) == ["web"]
    assert names(swarm, label=["tier"]) == ["web"]
    assert names(swarm, label=["tier=back"]) == []
    assert names(swarm, mode=["global"]) == ["api"]
    assert names(swarm, mode=["replicated", "global"]) == ["api", "web"]
    assert names(swarm, runtime=["plugin"]) == []
    assert swarm.filtered("/services", bogus=["1"]).message == "Invalid filter 'bogus'"
    ids = [service["ID"] for service in swarm("GET", "/services").json]
    assert ids == sorted(ids)


def test_status_counts_tasks(swarm: Client) -> None:
    service_id = create(swarm)
    service = swarm.engine.cluster.control().service(service_id)
    for slot, state in ((1, TaskState.RUNNING), (2, TaskState.PENDING)):
        task = new_task(service, swarm.engine.clock.now(), slot)
        swarm.engine.put(
            Kind.TASK, msgspec.structs.replace(task, status=msgspec.structs.replace(task.status, state=state))
        )
    status = {"RunningTasks": 1, "DesiredTasks": 2, "CompletedTasks": 0}
    assert [s.get("ServiceStatus") for s in swarm("GET", "/v1.41/services?status=true").json] == [status]
    assert [s.get("ServiceStatus") for s in swarm("GET", "/v1.40/services?status=true").json] == [None]
    assert "invalid value for status: foo" in swarm("GET", "/services?status=foo").message


def test_update_and_rollback(swarm: Client) -> None:
    service_id = create(swarm)
    spec = {**WEB, "Mode": {"Replicated": {"Replicas": 5}}}
    reply = swarm("POST", f"/services/{service_id}/update?version=2&registryAuthFrom=spec", spec)
    assert (reply.status, reply.json) == (200, {"Warnings": None})
    service = swarm("GET", "/services/web").json
    assert service["Spec"]["Mode"] == {"Replicated": {"Replicas": 5}}
    assert service["PreviousSpec"]["Mode"] == {"Replicated": {"Replicas": 2}}
    assert swarm("POST", f"/services/{service_id}/update?version=2", spec).status == 500
    assert swarm("POST", "/services/web/update?version=3&rollback=previous", spec).status == 200
    service = swarm("GET", "/services/web").json
    assert service["Spec"]["Mode"] == {"Replicated": {"Replicas": 2}}
    assert service["UpdateStatus"]["State"] == "rollback_started"
    assert set(service["UpdateStatus"]) == {"State", "StartedAt", "Message"}
    reply = swarm("POST", "/services/web/update?version=4&rollback=never", spec)
    assert (reply.status, reply.message) == (500, "unrecognized rollback option never")
    assert swarm("POST", "/services/web/update?version=4&registryAuthFrom=x", spec).status == 400
    assert swarm("POST", "/services/web/update?version=", spec).message.startswith("invalid service version ''")


def test_errors_of_the_control_api_keep_their_text_and_get_their_status(swarm: Client) -> None:
    create(swarm)
    taken = swarm("POST", "/services/create", WEB)
    assert taken.status == 409
    assert taken.message == (
        "rpc error: code = AlreadyExists desc = name conflicts with an existing object: service web already exists"
    )
    assert swarm("POST", "/services/create", {**WEB, "Name": "a b"}).status == 400
    two_modes = {**WEB, "Mode": {"Replicated": {}, "Global": {}}}
    assert swarm("POST", "/services/create", two_modes).message == "must specify only one service mode"


def test_remove(swarm: Client) -> None:
    create(swarm)
    assert swarm("DELETE", "/services/web").status == 200
    assert swarm("DELETE", "/services/web").message == "service web not found"


def test_networks_are_stored_by_id(swarm: Client) -> None:
    swarm.engine.put(Kind.NETWORK, Network(id="k" * 25, spec=NetworkSpec(name="back")))
    swarm.engine.put(
        Kind.NETWORK,
        Network(id="h" * 25, spec=NetworkSpec(name="host", labels={"com.docker.swarm.predefined": "true"})),
    )
    template = WEB["TaskTemplate"]
    create(swarm, TaskTemplate={**template, "Networks": [{"Target": "back", "Aliases": ["x"]}, {"Target": "host"}]})
    networks = swarm("GET", "/services/web").json["Spec"]["TaskTemplate"]["Networks"]
    assert networks == [{"Target": "k" * 25, "Aliases": ["x"]}, {"Target": "h" * 25}]


def test_networks_of_the_service_itself_stay_there_and_cannot_be_changed(swarm: Client) -> None:
    for id_, name in (("k" * 25, "back"), ("l" * 25, "front")):
        swarm.engine.put(Kind.NETWORK, Network(id=id_, spec=NetworkSpec(name=name)))
    create(swarm, Networks=[{"Target": "back"}])
    found = swarm("GET", "/v1.41/services/web").json
    assert found["Spec"]["Networks"] == [{"Target": "k" * 25}]
    assert "Networks" not in found["Spec"]["TaskTemplate"]
    other = {**found["Spec"], "Networks": [{"Target": "front"}]}
    path = f"/services/web/update?version={found['Version']['Index']}"
    reply = swarm("POST", path, other)
    assert (reply.status, reply.message) == (
        501,
        "rpc error: code = Unimplemented desc = networks must be migrated to TaskSpec before being changed",
    )
    template = {**found["Spec"]["TaskTemplate"], "Networks": [{"Target": "front"}]}
    assert swarm("POST", path, {**found["Spec"], "Networks": [], "TaskTemplate": template}).status == 200
    migrated = swarm("GET", "/services/web").json["Spec"]
    assert migrated["TaskTemplate"]["Networks"] == [{"Target": "l" * 25}]
    assert "Networks" not in migrated


@pytest.mark.parametrize(
    ("target", "status", "message"),
    [
        ("nosuch", 500, "network nosuch not found"),
        ("mine", 403, "The network mine cannot be used with services. Only networks scoped to the swarm can be used, "
         "such as those created with the overlay driver."),
        ("none", 404, "could not find the corresponding predefined swarm network: network none not found"),
    ],
)  # fmt: skip
def test_other_networks_are_refused(swarm: Client, target: str, status: int, message: str) -> None:
    spec = {**WEB, "TaskTemplate": {**WEB["TaskTemplate"], "Networks": [{"Target": target}]}}
    reply = swarm("POST", "/services/create", spec)
    assert (reply.status, reply.message) == (status, message)


def test_clients_of_long_ago_are_warned_about_the_digest(swarm: Client) -> None:
    reply = swarm("POST", "/v1.29/services/create", WEB)
    assert reply.json["Warnings"][0].startswith("image nginx:alpine could not be accessed on a registry to record\n")


def test_an_update_s_status_and_a_job_s(swarm: Client) -> None:
    now = swarm.engine.clock.now()
    update = UpdateStatus(state="completed", started_at=now, completed_at=now + 1, message="update completed")
    swarm.engine.put(Kind.SERVICE, Service(id="s" * 25, spec=ServiceSpec(name="x"), update_status=update))
    assert swarm("GET", "/services/x").json["UpdateStatus"] == {
        "State": "completed", "StartedAt": "2023-11-14T22:13:20Z", "CompletedAt": "2023-11-14T22:13:20.000000001Z",
        "Message": "update completed",
    }  # fmt: skip
    create(swarm, Name="job", Mode={"ReplicatedJob": {"TotalCompletions": 1}})
    assert swarm("GET", "/services/job").json["JobStatus"] == {
        "JobIteration": {}, "LastExecution": "2023-11-14T22:13:20Z",
    }  # fmt: skip


FULL = b"""{"Name": "x", "Networks": [{"Target": "n"}], "Mode": {"GlobalJob": {}}, "TaskTemplate": {
    "Placement": {"MaxReplicas": 3}, "Resources": {"Limits": {"Pids": 9}, "SwapBytes": 1},
    "ContainerSpec": {"Sysctls": {"a": "1"}, "CapabilityAdd": ["X"], "Ulimits": [{"Name": "n"}], "OomScoreAdj": 5,
        "Healthcheck": {"Test": ["NONE"], "StartInterval": 7}, "Configs": [{"ConfigName": "c", "Runtime": {}}],
        "Privileges": {"NoNewPrivileges": true, "Seccomp": {"Mode": "default"}, "CredentialSpec": {"Config": "c"}},
        "Mounts": [{"Target": "/t", "TmpfsOptions": {"Options": [["noexec"]]}}]}}}"""


@pytest.mark.parametrize(
    ("version", "gone"),
    [
        ((1, 46), {"SwapBytes"}),
        ((1, 45), {"SwapBytes", "OomScoreAdj", "Options"}),
        ((1, 43), {"SwapBytes", "OomScoreAdj", "Options", "StartInterval", "Seccomp"}),
        ((1, 40), {"OomScoreAdj", "StartInterval", "Seccomp", "CapabilityAdd", "Ulimits", "Pids", "GlobalJob"}),
        ((1, 39), {"GlobalJob", "Pids", "Sysctls", "MaxReplicas", "Runtime"}),
    ],
)
def test_what_a_client_s_version_cannot_have_meant_is_taken_out(version: tuple[int, int], gone: set[str]) -> None:
    spec = adjusted(decode(FULL, ServiceSpec), ApiVersion(*version))
    text = msgspec.json.encode(spec).decode()
    every = {
        "SwapBytes", "OomScoreAdj", "Options", "StartInterval", "Seccomp", "CapabilityAdd", "Ulimits", "Pids",
        "GlobalJob", "Sysctls", "MaxReplicas", "Runtime",
    }  # fmt: skip
    present = {key for key in every if f'"{key}"' in text}
    assert not present & gone
    newer = adjusted(decode(FULL, ServiceSpec), ApiVersion(1, 50))
    assert {key for key in every if f'"{key}"' in msgspec.json.encode(newer).decode()} == every - {"SwapBytes"}
