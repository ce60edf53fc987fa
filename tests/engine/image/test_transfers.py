"""Images on their way to and from a registry that runs in the lab."""

import tarfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest

from swarmlab.engine import DockerEngine, EngineError, Pulled, PushedTag, Pushing
from swarmlab.engine.image import transfers
from swarmlab.images import HistoryEntry, Image, parse_reference
from tests.engine.net import ACTOR, Net

NAME = "127.0.0.1:5000/app"


@pytest.fixture
def net(tmp_path: Path) -> Iterator[Net]:
    made = Net(tmp_path)
    made.service("registry", "registry:2", 1, port=5000, target=5000)
    yield made
    made.close()


def built(engine: DockerEngine, text: str, name: str = NAME) -> Image:
    """An image of alpine and a file, under a name."""
    data = BytesIO()
    with tarfile.open(fileobj=data, mode="w") as tar:
        info = tarfile.TarInfo("greeting")
        info.size = len(text)
        tar.addfile(info, BytesIO(text.encode()))
    data.seek(0)
    parent = engine.images.get("alpine")
    with engine.images.layer(data) as layer:
        image = engine.images.create(parent.config, HistoryEntry(created_by=text), parent=parent, layer=layer)
    engine.images.name(image, parse_reference(name), name)
    return image


def push(net: Net, engine: DockerEngine, name: str = NAME, *, every: bool = False) -> list[Pushing | PushedTag]:
    async def pushed() -> list[Pushing | PushedTag]:
        return [step async for step in transfers.push(engine.images, parse_reference(name), every=every)]

    return net.run(pushed())


def pull(net: Net, engine: DockerEngine, name: str = NAME) -> Pulled:
    return net.run(transfers.fetch(engine.images, name))


def test_what_one_node_pushes_another_one_pulls(net: Net) -> None:
    one, other = net.lab.engines["node-1"], net.lab.engines["node-2"]
    image = built(one, "hello")
    steps = push(net, one)
    assert [step.state for step in steps if isinstance(step, Pushing) and step.layer == image.layers[-1]] == [
        "Preparing", "Pushing", "Pushing", "Pushed"
    ]  # fmt: skip
    done = steps[-1]
    assert isinstance(done, PushedTag)
    assert done.tag == "latest"
    assert one.images.get(NAME).digests == (f"{NAME}@{done.digest}",)
    assert other.images.find(NAME) is None
    pulled = pull(net, other)
    assert (pulled.image.id, pulled.digest, pulled.is_new) == (image.id, done.digest, True)
    # Alpine's own layers are there already.
    assert pulled.missing == {image.layers[-1]}
    here = other.images.get(f"{NAME}@{done.digest}")
    assert (here.id, here.tags) == (image.id, (f"{NAME}:latest",))
    assert here.files["/greeting"].read_bytes() == b"hello"
    again = pull(net, other)
    assert (again.is_new, again.layers) == (False, ())
    # Under another name nothing is fetched either.
    other.images.store.untag(image.id, f"{NAME}:latest")
    again = pull(net, other)
    assert (again.is_new, again.layers) == (True, ())
    # A second time there is nothing to send.
    assert [step.state for step in push(net, one) if isinstance(step, Pushing)][len(image.layers) :] == [
        "Layer already exists"
    ] * len(image.layers)
    actions = [(event.action, event.actor_id) for event in other.events.past() if event.type == "image"]
    assert actions[-2:] == [("pull", f"{NAME}:latest")] * 2
    with pytest.raises(EngineError, match=r"^manifest unknown: manifest unknown$"):
        net.run(transfers.describe(one.images, parse_reference(f"{NAME}:no")))


def test_a_service_gets_the_newest_of_a_tag_and_the_very_one_of_a_digest(net: Net) -> None:
    engine = net.lab.engines["node-1"]
    built(engine, "old")
    old = push(net, engine)[-1]
    assert isinstance(old, PushedTag)
    first = net.service("first", NAME, 2, command=("sleep", "100000"))
    assert {net.exec(first, "cat", "/greeting", number=number) for number in (0, 1)} == {"old"}
    built(engine, "new")
    push(net, engine)
    second = net.service("second", NAME, 2, command=("sleep", "100000"))
    assert {net.exec(second, "cat", "/greeting", number=number) for number in (0, 1)} == {"new"}
    third = net.service("third", f"{NAME}:latest@{old.digest}", 2, command=("sleep", "100000"))
    assert {net.exec(third, "cat", "/greeting", number=number) for number in (0, 1)} == {"old"}


def test_tasks_do_with_what_is_there_when_the_registry_is_not(net: Net) -> None:
    engine = net.lab.engines["node-1"]
    built(engine, "here")
    (registry,) = (service for service in net.control.services() if service.spec.name == "registry")
    net.control.remove_service(registry.id, ACTOR)
    net.run(net.until(lambda: net.lab.reach.published_at("node-1", 5000) is None))
    service = net.service("app", NAME, 1, command=("sleep", "100000"))
    assert net.exec(service, "cat", "/greeting") == "here"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (NAME, f"manifest for {NAME}:latest not found: manifest unknown: manifest unknown"),
        ("127.0.0.1:5001/app", 'Get "http://127.0.0.1:5001/v2/": dial tcp 127.0.0.1:5001: connect: connection refused'),
        ("localhost:81/app", 'Get "http://localhost:81/v2/": dial tcp 127.0.0.1:81: connect: connection refused'),
        ("example.org/app", 'Get "https://example.org/v2/": dial tcp: lookup example.org: no such host'),
        ("172.17.0.1:5000/app", 'Get "https://172.17.0.1:5000/v2/": http: server gave HTTP response to HTTPS client'),
        ("10.255.1.1/app", 'Get "https://10.255.1.1/v2/": net/http: request canceled while waiting for connection '
         "(Client.Timeout exceeded while awaiting headers)"),
    ],
)  # fmt: skip
def test_what_cannot_be_pulled(net: Net, name: str, text: str) -> None:
    with pytest.raises(EngineError) as refused:
        pull(net, net.lab.engines["node-1"], name)
    assert str(refused.value) == text


def test_what_cannot_be_pushed(net: Net) -> None:
    engine = net.lab.engines["node-1"]
    with pytest.raises(EngineError, match=r"^An image does not exist locally with the tag: 127\.0\.0\.1:5000/app$"):
        push(net, engine)
    built(engine, "one", f"{NAME}:1")
    with pytest.raises(EngineError, match=r"^tag does not exist: 127\.0\.0\.1:5000/app:latest$"):
        push(net, engine)
    built(engine, "two", f"{NAME}:2")
    assert [step.tag for step in push(net, engine, every=True) if isinstance(step, PushedTag)] == ["1", "2"]


def test_a_registry_tells_of_an_image(net: Net) -> None:
    engine = net.lab.engines["node-1"]
    image = built(engine, "hello")
    done = push(net, engine)[-1]
    assert isinstance(done, PushedTag)
    found, told = net.run(transfers.describe(engine.images, parse_reference(NAME)))
    assert (found.digest, len(found.body), told.id) == (done.digest, done.size, image.id)
    net.run(transfers.check(engine.images, "127.0.0.1:5000"))
    with pytest.raises(EngineError, match="connection refused"):
        net.run(transfers.check(engine.images, "127.0.0.1:5001"))


def test_nodes_that_are_cut_off_reach_no_registry_of_the_others(net: Net) -> None:
    engine = net.lab.engines["node-1"]
    built(engine, "hello")
    with pytest.raises(EngineError, match=r"127\.0\.0\.2:5001/v2/.*connection refused"):
        pull(net, engine, "127.0.0.2:5001/app")
    net.lab.partition(["node-2"])
    with pytest.raises(EngineError, match="request canceled while waiting for connection"):
        pull(net, engine, "127.0.0.2:5000/app")
