"""Volumes, mounts and networks of engines: what outlives the lab's process, and what tasks get."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from swarmlab.engine import DockerEngine
from swarmlab.objects import ContainerSpec, ServiceMode, ServiceSpec, Task, TaskSpec
from swarmlab.objects.container import Mount, VolumeOptions
from swarmlab.objects.requests import IPAM, IPAMPool, NetworkCreateRequest
from swarmlab.objects.run import ContainerRequest
from swarmlab.objects.service import ReplicatedService, RestartPolicy
from swarmlab.store import Actor
from tests.engine.byhand import sleeper
from tests.engine.conftest import LabOfEngines

Make = Callable[[int], LabOfEngines]


def box(engine: DockerEngine) -> str:
    """A container with a volume, on a network where it wants an address."""
    pool = IPAMPool(subnet="10.7.0.0/24")
    engine.networks.create(NetworkCreateRequest(name="net", ipam=IPAM(config=(pool,))))
    request = sleeper("net", "10.7.0.9", restart="always", binds=("data:/x",))
    return engine.by_hand.create(request, "box").id


def test_volumes_and_networks_outlive_the_process(make: Make) -> None:
    lab = make(2)
    box(lab.engine(1))
    lab.run(lab.engine(1).by_hand.start("box"))
    lab.engine(1).volumes.path("data").joinpath("file").write_text("kept")
    networks = lab.engine(1).networks.list()
    lab.crash()
    lab.advance(1)
    engine = lab.engine(1)
    assert [volume.id for volume in engine.volumes.list()] == ["data"]
    assert engine.volumes.path("data").joinpath("file").read_text() == "kept"
    assert engine.networks.list() == networks
    container = engine.containers.find("box")
    assert container.state.status == "running"
    assert container.endpoints[0].addresses == ("10.7.0.9/24",)
    inside = engine.by_hand.inside("box")
    assert inside.stat("/x/file").size == 4
    assert lab.engine(2).volumes.list() == []


def test_what_is_left_of_a_removed_volume_is_not_in_the_next_one(make: Make) -> None:
    engine = make(1).engine(1)
    engine.volumes.create("data", "", {}, {})
    engine.volumes.remove("data")
    engine.volumes.path("data").mkdir(parents=True)
    engine.volumes.path("data").joinpath("old").touch()
    engine.volumes.create("data", "", {}, {})
    assert list(engine.volumes.path("data").iterdir()) == []


def test_a_reset_leaves_nothing(make: Make) -> None:
    lab = make(1)
    folder = lab.engine(1).volumes.path("data")
    box(lab.engine(1))
    (folder / "file").touch()
    lab.reset()
    engine = lab.engine(1)
    assert engine.volumes.list() == []
    assert [network.name for network in engine.networks.list()] == ["bridge", "host", "none"]
    engine.volumes.create("data", "", {}, {})
    assert list(folder.iterdir()) == []


def test_the_gateway_bridge_takes_the_next_free_subnet_and_stays(make: Make) -> None:
    lab = make(1)
    engine = lab.engine(1)
    engine.networks.create(NetworkCreateRequest(name="net"))
    lab.swarm(1)
    assert engine.networks.find("docker_gwbridge") is None
    lab.advance(1)
    bridge = engine.networks.find("docker_gwbridge")
    assert bridge is not None
    assert bridge.pools[0].subnet == "172.19.0.0/16"
    with pytest.raises(Exception, match="has active endpoints"):
        engine.networks.remove(bridge)
    lab.run(engine.cluster.leave(force=True))
    engine.networks.remove(bridge)


def contents(folder: Path) -> list[str]:
    """What is in the files of a folder; nothing while one of them is just being written."""
    with suppress(FileNotFoundError):
        return [file.read_text() for file in folder.iterdir()]
    return []


def tasks(lab: LabOfEngines, *mounts: Mount, command: tuple[str, ...] = ("sleep", "100000")) -> list[Task]:
    """The tasks of a service with two replicas, after some seconds."""
    control = lab.engine(1).cluster.control()
    container = ContainerSpec(image="busybox", command=command, mounts=mounts)
    spec = ServiceSpec(
        name="web",
        task_template=TaskSpec(container_spec=container, restart_policy=RestartPolicy(condition="none")),
        mode=ServiceMode(replicated=ReplicatedService(replicas=2)),
    )
    service = control.create_service(spec, Actor(engine="node-1"))
    lab.advance(8)
    return control.tasks_of([service.id])


def test_tasks_share_a_volume_and_each_has_its_anonymous_one(make: Make) -> None:
    lab = make(1)
    lab.swarm(1)
    engine = lab.engine(1)
    named, anonymous = Mount(type="volume", source="data", target="/x"), Mount(type="volume", target="/y")
    command = ("sh", "-c", "echo here > /x/$HOSTNAME; sleep 100000")
    assert {task.state.text for task in tasks(lab, named, anonymous, command=command)} == {"running"}
    folder = engine.volumes.path("data")

    lab.until(lambda: contents(folder) == ["here\n", "here\n"])
    assert len(engine.volumes.list()) == 3
    control = engine.cluster.control()
    control.remove_service(control.services()[0].id, Actor(engine="node-1"))
    lab.until(lambda: [volume.id for volume in engine.volumes.list()] == ["data"])


def test_a_volume_that_a_task_gives_options_has_no_missing_maps(make: Make) -> None:
    """Seen on a real engine: SwarmKit's message has maps, empty or not, where a request of the API may have none."""
    lab = make(1)
    lab.swarm(1)
    plain = Mount(type="volume", source="va", target="/a")
    given = Mount(type="volume", source="vb", target="/b", volume_options=VolumeOptions(no_copy=True))
    tasks(lab, plain, given, command=("sleep", "1000"))
    found = {volume.id: volume.given_empty for volume in lab.engine(1).volumes.list()}
    assert found == {"va": (), "vb": ("Labels", "DriverOpts")}


@pytest.mark.parametrize(
    ("mount", "message"),
    [
        (
            Mount(type="bind", source="/no/where", target="/x"),
            'invalid mount config for type "bind": bind source path does not exist: /no/where',
        ),
        (
            Mount(type="volume", source="x", target="/x"),
            "create x: volume name is too short, names should be at least two alphanumeric characters",
        ),
        (
            Mount(type="volume", source="data", target="/"),
            "invalid mount config for type \"volume\": invalid specification: destination can't be '/'",
        ),
    ],
)
def test_mounts_that_cannot_be_made_reject_the_task(make: Make, mount: Mount, message: str) -> None:
    lab = make(1)
    lab.swarm(1)
    assert {(task.state.text, task.status.err) for task in tasks(lab, mount)} == {("rejected", message)}


def test_a_paused_container_is_found_exited_after_a_crash(make: Make) -> None:
    lab = make(1)
    engine = lab.engine(1)
    request = ContainerRequest(image="busybox", cmd=("sleep", "100000"))
    engine.by_hand.create(request, "box")
    lab.run(engine.by_hand.start("box"))
    lab.run(asyncio.sleep(0))
    engine.by_hand.pause("box")
    lab.crash()
    assert lab.engine(1).containers.find("box").state.status == "exited"
