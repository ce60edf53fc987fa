import io
from pathlib import Path

import pytest
from support.tars import tar

from swarmlab.clock import VirtualClock
from swarmlab.images import Catalogue, HistoryEntry, Image, ImageConfig, ImageStore, chain_ids, compose
from swarmlab.objects.local import LocalImage
from swarmlab.store import Kind, Store

CATALOGUE = Catalogue()


class Engine:
    """A store of images, and another on the same records and files."""

    def __init__(self, folder: Path) -> None:
        self.records = Store(VirtualClock(), "test")
        self.folder = folder
        self.images = self.again()

    def again(self) -> ImageStore:
        return ImageStore("node-1", CATALOGUE, self.records, self.folder)

    def make(self, data: bytes, parent: Image | None = None, *names: str) -> Image:
        layer = self.images.layers.add(io.BytesIO(data))
        layers = (*(parent.layers if parent else ()), layer.id)
        document = compose(
            ImageConfig(cmd=("sh",)), created=9, layers=layers, history=[HistoryEntry(created=9)] * len(layers)
        )
        image = self.images.add(document, parent.id if parent else "")
        for name in names:
            self.images.tag(image.id, name)
        return self.find(image.id)

    def find(self, reference: str) -> Image:
        image = self.images.find(reference)
        assert image is not None, reference
        return image


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    return Engine(tmp_path)


def test_a_new_engine_has_the_catalogue_and_no_records(engine: Engine) -> None:
    assert engine.images.images() == CATALOGUE.at_first()
    assert len(engine.records.tables.images) == 0


def test_names_come_and_go_and_have_one_owner(engine: Engine) -> None:
    nginx, alpine = engine.find("nginx"), engine.find("alpine")
    engine.records.clock.advance(1)  # type: ignore[attr-defined]
    engine.images.tag(alpine.id, "mine:1")
    assert engine.find("mine:1").tags == ("alpine:latest", "mine:1")
    assert engine.find("mine:1").tagged_at == engine.records.clock.now()
    engine.images.tag(alpine.id, "nginx:latest")
    assert engine.find("nginx").id == alpine.id
    assert engine.find(nginx.id).tags == ()
    engine.images.untag(alpine.id, "alpine:latest")
    assert engine.images.find("alpine") is None
    assert engine.find(alpine.id[7:19]).tags == ("mine:1", "nginx:latest")
    engine.images.tag(alpine.id, f"alpine@sha256:{'1' * 64}")
    assert engine.find(f"alpine:latest@sha256:{'1' * 64}").id == alpine.id
    assert engine.again().images() == engine.images.images()


def test_an_image_is_its_parents_files_and_its_own(engine: Engine) -> None:
    parent = engine.find("alpine")
    image = engine.make(tar(("etc/.wh.alpine-release", b""), ("new", b"new")), parent, "mine:1")
    assert image.files["/new"].read_bytes() == b"new"
    assert "/etc/alpine-release" not in image.files
    assert "/etc/os-release" in image.files
    assert (image.absent, image.size, image.parent) == (parent.absent, parent.size + 3, parent.id)
    assert [row.size for row in image.history][-1] == 3
    assert engine.images.children(parent.id) == [image]


def test_what_is_removed_is_gone_with_its_layers(engine: Engine, tmp_path: Path) -> None:
    image = engine.make(tar(a=b"1"), None, "mine:1")
    engine.images.tag(image.id, f"mine@sha256:{'1' * 64}")
    assert engine.images.remove(image.id, ()) == [image.layers[0]]
    for name in ("mine:1", image.id, f"mine@sha256:{'1' * 64}"):
        assert engine.images.find(name) is None
    assert engine.images.kept.find(image.id) is None
    assert list(tmp_path.iterdir()) == []
    assert len(engine.records.tables.images) == 0


def test_layers_that_others_have_stay(engine: Engine) -> None:
    alpine = engine.find("alpine")
    image = engine.make(tar(a=b"1"), alpine, "mine:1")
    assert engine.images.remove(image.id, ()) == [chain_ids(image.layers)[-1]]
    assert engine.images.remove(alpine.id, ()) == [chain_ids(alpine.layers)[-1]]
    assert engine.images.find("alpine") is None
    assert len(engine.images.images()) == len(CATALOGUE.at_first()) - 1
    assert engine.again().find("alpine") is None


def test_containers_keep_what_they_live_on(engine: Engine, tmp_path: Path) -> None:
    image = engine.make(tar(a=b"1"), None, "mine:1")
    nginx = engine.find("nginx")
    assert engine.images.remove(image.id, {image.id}) == []
    engine.images.remove(nginx.id, {nginx.id, image.id})
    assert engine.images.find(image.id) is None
    kept = engine.again().kept.find(image.id)
    assert kept is not None
    assert kept.files["/a"].read_bytes() == b"1"
    assert engine.images.kept.find(nginx.id) is not None
    engine.images.sweep({nginx.id})
    assert engine.images.kept.find(image.id) is None
    assert list(tmp_path.iterdir()) == []


def test_what_was_removed_can_come_back(engine: Engine) -> None:
    nginx = engine.find("nginx")
    engine.images.remove(nginx.id, ())
    assert engine.images.add(nginx.document).tags == ()
    engine.images.tag(nginx.id, "nginx:latest")
    assert engine.find("nginx").files.keys() == nginx.files.keys()
    image = engine.make(tar(a=b"1"), None, "mine:1")
    engine.images.remove(image.id, {image.id})
    assert engine.images.add(image.document).id == image.id


def test_an_image_that_is_here_is_not_added_again(engine: Engine) -> None:
    engine.images.add(engine.find("alpine").document)
    assert engine.find("alpine").tags == ("alpine:latest",)
    assert len(engine.records.tables.of(Kind.IMAGE)) == 0


def test_an_id_prefix_that_fits_two_means_neither(engine: Engine) -> None:
    assert engine.images.find("sha256:") is None
    assert engine.images.find("") is None


def test_chains_of_layers_are_named_as_in_the_specification() -> None:
    one, two, three = chain_ids(["sha256:1", "sha256:2", "sha256:3"])
    assert one == "sha256:1"
    # echo -n "sha256:1 sha256:2" | sha256sum
    assert two == "sha256:86095f8fe4f778dd9cd1eaa8351228c07b0476d1635c04d136b40abfd6fa0fef"
    assert three not in (one, two)


def test_records_of_images_that_are_no_more_take_no_names(engine: Engine) -> None:
    """The catalogue of a newer swarmlab has other images of the same names."""
    with engine.records.transaction("test") as tx:
        tx.create(Kind.IMAGE, LocalImage(id="sha256:" + "0" * 64, tags=("alpine:latest", "mine:1")))
    assert engine.find("alpine").tags == ("alpine:latest",)
    assert engine.images.find("mine:1") is None


def test_what_is_on_demand_is_here_once_it_was_pulled(engine: Engine) -> None:
    there = CATALOGUE.find("python:3.8-slim")
    assert there is not None
    assert engine.images.find("python:3.8-slim") is None
    assert there.id not in {image.id for image in engine.images.images()}
    engine.images.add(there.document)
    engine.images.tag(there.id, "python:3.8-slim")
    # What the catalogue has is no second time in the journal.
    record = engine.records.tables.images.get(there.id)
    assert record is not None
    assert record.document == ""
    again = engine.again().find("python:3.8-slim")
    assert again is not None
    assert again.files.keys() == there.files.keys()
    engine.images.remove(there.id, ())
    assert engine.again().find("python:3.8-slim") is None
    assert there.id not in {image.id for image in engine.again().images()}


def test_a_point_release_outlives_the_process_also_under_another_name(engine: Engine) -> None:
    found = engine.images.catalogue.find("nginx:1.19.7")
    assert found is not None
    image = engine.images.add(found.document)
    engine.images.tag(image.id, "mine:1")
    above = engine.make(tar(("a", b"a")), engine.find("mine:1"))
    later = ImageStore("node-1", Catalogue(), engine.records, engine.folder)
    child = later.by_id(above.id)
    assert child is not None
    assert child.absent == found.absent
    for again, expected in ((later.find("mine:1"), found), (later.find(above.id), above)):
        assert again is not None
        assert again.config.env == expected.config.env
        assert again.absent == found.absent
        assert len(later.layers_of(again)) == len(expected.layers)
    assert later.find("nginx:1.19.7") is None
    later.remove(image.id, ())
    last = ImageStore("node-1", Catalogue(), engine.records, engine.folder)
    assert last.find(image.id) is None
    again = last.find(above.id)
    assert again is not None
    assert len(last.layers_of(again)) == len(above.layers)
