import time

import msgspec
import pytest

from swarmlab.api.encode import instant
from swarmlab.api.encode_tasks import TaskEncoder
from swarmlab.objects import (
    ContainerStatus,
    Driver,
    IPAMConfig,
    IPAMOptions,
    Network,
    NetworkAttachment,
    NetworkSpec,
    PortConfig,
    Service,
    Task,
    TaskState,
    TaskStatus,
)
from swarmlab.objects.network import NetworkAttachmentConfig
from swarmlab.objects.service import NetworkAttachmentSpec, TaskSpec
from swarmlab.orchestrator.task import new_task
from swarmlab.store import Kind

from .conftest import Client
from .fakes import NODE_ID, TEST
from .test_services import WEB, create

replace = msgspec.structs.replace


def make(service: Service, slot: int, state: TaskState = TaskState.RUNNING, **changes: object) -> Task:
    at = 1_700_000_000_500_000_000
    status = TaskStatus(
        timestamp=at, state=state, message="started", container_status=ContainerStatus(container_id="c1")
    )
    return replace(new_task(service, at, slot, NODE_ID), status=status, **changes)


@pytest.fixture
def swarm(client: Client) -> Client:
    client.init()
    create(client)
    create(client, Name="api", Labels={"tier": "back"})
    return client


@pytest.fixture
def web(swarm: Client) -> Service:
    return next(s for s in swarm.engine.cluster.control().services() if s.spec.name == "web")


@pytest.fixture
def api(swarm: Client) -> Service:
    return next(s for s in swarm.engine.cluster.control().services() if s.spec.name == "api")


def ids(client: Client, **filters: list[str]) -> set[str]:
    reply = client.filtered("/tasks", **filters)
    assert reply.status == 200, reply.body
    return {task["ID"] for task in reply.json}


def test_a_task_as_docker_shows_it(swarm: Client, web: Service) -> None:
    network = Network(
        id="k" * 25,
        spec=NetworkSpec(name="back", driver_configuration=Driver(name="overlay"), internal=True),
        driver_state=Driver(name="overlay", options={"com.docker.network.driver.overlay.vxlanid_list": "4097"}),
        ipam=IPAMOptions(
            driver=Driver(name="default"), configs=(IPAMConfig(subnet="10.0.1.0/24", gateway="10.0.1.1"),)
        ),
    )
    swarm.engine.put(Kind.NETWORK, network)
    attachment = NetworkAttachment(network_id=network.id, addresses=("10.0.1.3/24",))
    task = make(web, 1, networks=(attachment,))
    swarm.engine.put(Kind.TASK, task)
    shown = swarm("GET", f"/tasks/{task.id}").json
    assert list(shown) == [
        "ID", "Version", "CreatedAt", "UpdatedAt", "Labels", "Spec", "ServiceID", "Slot", "NodeID", "Status",
        "DesiredState", "NetworksAttachments",
    ]  # fmt: skip
    assert shown["Spec"] == {"ContainerSpec": {"Image": "nginx:alpine", "Isolation": "default"}, "ForceUpdate": 0}
    assert shown["Status"] == {
        "Timestamp": "2023-11-14T22:13:20.5Z",
        "State": "running",
        "Message": "started",
        "ContainerStatus": {"ContainerID": "c1", "PID": 0, "ExitCode": 0},
        "PortStatus": {},
    }
    (shown_attachment,) = shown["NetworksAttachments"]
    assert shown_attachment["Addresses"] == ["10.0.1.3/24"]
    assert shown_attachment["Network"]["Spec"] == {
        "Name": "back", "Labels": {}, "DriverConfiguration": {"Name": "overlay"}, "Internal": True, "Scope": "swarm",
    }  # fmt: skip
    assert shown_attachment["Network"]["IPAMOptions"] == {
        "Driver": {"Name": "default"}, "Configs": [{"Subnet": "10.0.1.0/24", "Gateway": "10.0.1.1"}],
    }  # fmt: skip


def test_a_task_that_nobody_has_run_yet(swarm: Client, web: Service) -> None:
    task = replace(new_task(web, 0, 2), status=TaskStatus(state=TaskState.NEW, message="created"))
    swarm.engine.put(Kind.TASK, task)
    shown = swarm("GET", f"/tasks/web.2.{task.id}").json
    assert "NodeID" not in shown
    assert shown["Status"] == {
        "Timestamp": "0001-01-01T00:00:00Z", "State": "new", "Message": "created", "PortStatus": {},
    }  # fmt: skip


def test_host_ports_and_job_iterations(swarm: Client, web: Service) -> None:
    port = PortConfig(protocol="tcp", target_port=80, published_port=8080, publish_mode="host")
    task = make(web, 1, job_iteration=0)
    task = replace(task, status=replace(task.status, ports=(port,)))
    swarm.engine.put(Kind.TASK, task)
    shown = swarm("GET", f"/tasks/{task.id}").json
    assert shown["JobIteration"] == {}
    assert shown["Status"]["PortStatus"] == {
        "Ports": [{"Protocol": "tcp", "TargetPort": 80, "PublishedPort": 8080, "PublishMode": "host"}]
    }


def test_lists_are_filtered(swarm: Client, web: Service, api: Service) -> None:
    running = make(web, 1)
    ended = make(web, 2, TaskState.SHUTDOWN, desired_state=TaskState.SHUTDOWN)
    other = make(api, 1, node_id="")
    swarm.engine.put(Kind.TASK, running, ended, other)
    everything = {running.id, ended.id, other.id}
    assert ids(swarm) == everything
    assert ids(swarm, service=["web"]) == {running.id, ended.id}
    assert ids(swarm, service=["web", api.id]) == everything
    assert ids(swarm, node=["node-1"]) == {running.id, ended.id}
    assert ids(swarm, service=["api"], node=["node-1"]) == set()
    assert ids(swarm, **{"desired-state": ["running"]}) == {running.id, other.id}
    assert ids(swarm, **{"desired-state": ["running", "Shutdown"]}) == everything
    assert ids(swarm, label=["tier=back"]) == {other.id}
    assert ids(swarm, name=["web.2"]) == {ended.id}
    assert ids(swarm, id=[other.id[:10]]) == {other.id}
    assert ids(swarm, runtime=["plugin"]) == set()
    found = [task["ID"] for task in swarm("GET", "/tasks").json]
    assert found == sorted(found)


def test_only_tasks_of_the_present_spec_are_up_to_date(swarm: Client, web: Service) -> None:
    old = make(web, 1)
    swarm.engine.put(Kind.TASK, old)
    spec = {**WEB, "TaskTemplate": {"ContainerSpec": {"Image": "nginx:latest"}}}
    assert swarm("POST", f"/services/web/update?version={web.version}", spec).status == 200
    new = make(swarm.engine.cluster.control().service(web.id), 2)
    orphan = replace(make(web, 3), service_id="gone")
    swarm.engine.put(Kind.TASK, new, orphan)
    assert ids(swarm, service=["web"]) == {old.id, new.id}
    assert ids(swarm, **{"service": ["web"], "_up-to-date": ["true"]}) == {new.id}
    assert ids(swarm, **{"_up-to-date": ["true"]}) == {new.id}


@pytest.mark.parametrize(
    ("filters", "status", "message"),
    [
        ({"bogus": ["1"]}, 400, "Invalid filter 'bogus'"),
        ({"service": ["nosuch"]}, 404, "service nosuch not found"),
        ({"node": ["nosuch"]}, 404, "node nosuch not found"),
        ({"desired-state": ["bogus"]}, 500, "Invalid desired-state filter: 'bogus'"),
    ],
)
def test_wrong_filters(swarm: Client, filters: dict[str, list[str]], status: int, message: str) -> None:
    reply = swarm.filtered("/tasks", **filters)
    assert (reply.status, reply.message) == (status, message)


def test_a_network_that_is_gone_does_not_hide_the_task(swarm: Client, web: Service) -> None:
    task = make(web, 1, networks=(NetworkAttachment(network_id="gone", addresses=("10.0.0.9/24",)),))
    swarm.engine.put(Kind.TASK, task)
    assert swarm("GET", f"/tasks/{task.id}").json["NetworksAttachments"] == [
        {"Network": {}, "Addresses": ["10.0.0.9/24"]}
    ]


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [
        (0, "0001-01-01T00:00:00Z"),
        (1_700_000_000_000_000_000, "2023-11-14T22:13:20Z"),
        (1_700_000_000_120_000_000, "2023-11-14T22:13:20.12Z"),
        (1_700_000_000_000_000_001, "2023-11-14T22:13:20.000000001Z"),
    ],
)
def test_instants_end_where_their_zeros_begin(nanoseconds: int, text: str) -> None:
    assert instant(nanoseconds) == text


@pytest.mark.bench
def test_five_thousand_tasks_encode_in_tens_of_milliseconds(web: Service) -> None:
    network = Network(id="k" * 25, spec=NetworkSpec(name="back"))
    attachment = NetworkAttachment(network_id=network.id, addresses=("10.0.1.3/24",))
    tasks = [make(web, slot, networks=(attachment,)) for slot in range(5000)]

    def measure() -> float:
        before = time.perf_counter()
        TaskEncoder(lambda _: network).tasks(tasks)
        return time.perf_counter() - before

    assert min(measure() for _ in range(5)) < 0.2


def test_who_removed_a_task_s_service_does_not_matter(swarm: Client, web: Service) -> None:
    task = make(web, 1)
    swarm.engine.put(Kind.TASK, task)
    with swarm.engine.store.transaction(TEST) as tx:
        tx.delete(Kind.SERVICE, web.id)
    assert swarm("GET", f"/tasks/{task.id}").json["ServiceID"] == web.id


def test_places_on_networks_are_shown_to_those_who_ask_for_them(swarm: Client, web: Service) -> None:
    spec = TaskSpec(
        network_attachment_spec=NetworkAttachmentSpec(container_id="c1"),
        networks=(NetworkAttachmentConfig(target="n1"),),
    )
    with swarm.engine.store.transaction(TEST) as tx:
        tx.create(Kind.TASK, replace(make(web, 1), id="web1"))
        tx.create(Kind.TASK, Task(id="place", spec=spec, node_id=NODE_ID))
    assert ids(swarm) == {"web1"}
    assert ids(swarm, node=[NODE_ID]) == {"web1"}
    assert ids(swarm, runtime=["container"]) == {"web1"}
    assert ids(swarm, runtime=["attachment"]) == {"place"}
    reply = swarm("GET", "/tasks/place")
    assert reply.status == 200
    assert reply.json["Spec"] == {
        "NetworkAttachmentSpec": {"ContainerID": "c1"},
        "Networks": [{"Target": "n1"}],
        "ForceUpdate": 0,
        "Runtime": "attachment",
    }
    assert not {"ServiceID", "Slot", "Name"} & reply.json.keys()
