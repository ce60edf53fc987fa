import io
from collections.abc import Callable

from support.tars import tar

from swarmlab.engine import DockerEngine
from swarmlab.images import HistoryEntry, Image, ImageConfig, parse_reference
from swarmlab.objects import ContainerSpec, ServiceMode, ServiceSpec, Task, TaskSpec
from swarmlab.objects.run import ContainerRequest
from swarmlab.objects.service import ReplicatedService
from swarmlab.store import Actor
from tests.engine.conftest import LabOfEngines

Make = Callable[[int], LabOfEngines]


def build(engine: DockerEngine, name: str, content: bytes = b"hello\n") -> Image:
    """An image that prints a file and goes on."""
    with engine.images.layer(io.BytesIO(tar(("hi", content)))) as layer:
        config = ImageConfig(cmd=("sh", "-c", "cat /hi; sleep 1000"))
        image = engine.images.create(config, HistoryEntry(created_by="test"), layer=layer)
    engine.images.name(image, parse_reference(name), name)
    return image


def service(lab: LabOfEngines, image: str) -> Task:
    """The first task of a service of one image, after a while."""
    control = lab.engine(1).cluster.control()
    spec = ServiceSpec(
        name=f"web{lab.clock.now()}",
        task_template=TaskSpec(container_spec=ContainerSpec(image=image)),
        mode=ServiceMode(replicated=ReplicatedService(replicas=1)),
    )
    made = control.create_service(spec, Actor(engine="node-1"))
    lab.advance(4)
    return min(control.tasks_of([made.id]), key=lambda task: task.created_at)


def test_engines_have_images_of_their_own(make: Make) -> None:
    lab = make(2)
    build(lab.engine(1), "mine:1")
    lab.engine(1).removal.remove("alpine")
    assert lab.engine(1).images.find("mine:1") is not None
    assert lab.engine(2).images.find("mine:1") is None
    assert lab.engine(1).images.find("alpine") is None
    assert lab.engine(2).images.find("alpine") is not None


def test_images_outlive_the_process(make: Make) -> None:
    lab = make(1)
    image = build(lab.engine(1), "mine:1")
    lab.engine(1).images.tag("nginx", "web", "1")
    lab.engine(1).removal.remove("alpine")
    before = [(found.id, found.tags) for found in lab.engine(1).images.images()]
    lab.crash()
    again = lab.engine(1).images
    assert [(found.id, found.tags) for found in again.images()] == before
    assert again.get("mine:1").files["/hi"].read_bytes() == b"hello\n"
    assert again.get("mine:1").id == image.id


def test_a_container_outlives_its_image(make: Make) -> None:
    lab = make(1)
    image = build(lab.engine(1), "mine:1")
    made = lab.engine(1).by_hand.create(ContainerRequest(image="mine:1"), "box")
    lab.engine(1).removal.remove("mine:1", force=True)
    assert lab.engine(1).images.find(image.id) is None
    lab.crash()
    lab.run(lab.engine(1).by_hand.start("box"))
    assert lab.engine(1).by_hand.inside("box").stat("/hi").size == 6
    lab.run(lab.engine(1).by_hand.remove(made.id, force=True))
    lab.crash()
    assert lab.engine(1).images.store.kept.find(image.id) is None
    assert lab.engine(1).images.store.layers.get(image.layers[0]) is None


def test_a_reset_gives_fresh_engines(make: Make, tmp_path: object) -> None:
    lab = make(1)
    build(lab.engine(1), "mine:1")
    lab.engine(1).removal.remove("alpine")
    lab.reset()
    assert lab.engine(1).images.images() == lab.engine(1).images.store.catalogue.at_first()
    assert list(lab.folder.joinpath("images", "node-1").iterdir()) == []


def test_tasks_run_images_of_their_node(make: Make) -> None:
    lab = make(1)
    lab.swarm(1)
    image = build(lab.engine(1), "mine:1")
    for name in ("mine:1", image.id, image.id[7:19]):
        task = service(lab, name)
        assert (task.state.text, task.status.err) == ("running", "")


def test_tasks_pull_what_the_catalogue_has(make: Make) -> None:
    lab = make(1)
    lab.swarm(1)
    lab.engine(1).removal.remove("nginx:alpine")
    assert service(lab, "nginx:alpine").state.text == "running"
    assert lab.engine(1).images.find("nginx:alpine") is not None
    assert "pull" in [event.action for event in lab.engine(1).events.past()]


def test_a_task_of_an_image_that_is_nowhere_is_rejected(make: Make) -> None:
    lab = make(1)
    lab.swarm(1)
    build(lab.engine(1), "mine:1")
    lab.engine(1).removal.remove("mine:1")
    task = service(lab, "mine:1")
    assert (task.state.text, task.status.err) == ("rejected", "No such image: mine:1")
