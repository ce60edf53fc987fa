import gzip
import hashlib
import io
import json
import tarfile
from pathlib import Path

import pytest
from support.tars import image, special, tar

from swarmlab.images import Catalogue, Layer
from swarmlab.images.archive import Loaded, Saved, load, manifest, repository_digest, save
from swarmlab.images.layers import LayerStore

CATALOGUE = Catalogue()
LAYER = tar(("hello", b"hi\n"))


class Reader:
    """Loads archives into an empty store."""

    def __init__(self, folder: Path) -> None:
        self.store = LayerStore(folder)
        self.arrived: list[Layer] = []

    def __call__(self, data: bytes) -> list[Loaded]:
        return load(io.BytesIO(data), self.store, self.store.get, self.arrived.append)


@pytest.fixture
def read(tmp_path: Path) -> Reader:
    return Reader(tmp_path / "layers")


def saved(name: str) -> Saved:
    found = CATALOGUE.find(name)
    assert found is not None
    layers = [layer for layer in map(CATALOGUE.layer, found.layers) if layer is not None]
    return Saved(found, layers, found.tags)


def test_what_is_saved_is_loaded(read: Reader) -> None:
    nginx, alpine = saved("nginx:alpine"), saved("alpine")
    loaded = read(b"".join(save([nginx, alpine])))
    assert [(found.image.id, tuple(found.names)) for found in loaded] == [
        (nginx.image.id, nginx.names), (alpine.image.id, alpine.names)
    ]  # fmt: skip
    # They have the base in common.
    assert [layer.id for layer in read.arrived] == [*nginx.image.layers, alpine.image.layers[-1]]
    assert [layer.archive.read_bytes() for layer in read.arrived] == [
        layer.archive.read_bytes() for layer in (*nginx.layers, alpine.layers[-1])
    ]
    assert read(b"".join(save([nginx])))
    assert len(read.arrived) == 3


def test_an_archive_has_both_of_dockers_layouts() -> None:
    alpine = saved("alpine")
    with tarfile.open(fileobj=io.BytesIO(b"".join(save([alpine])))) as archive:
        files = {member.name: archive.extractfile(member).read() for member in archive if member.isfile()}  # type: ignore[union-attr]
    blobs = {name: data for name, data in files.items() if name.startswith("blobs/sha256/")}
    assert all(name == f"blobs/sha256/{hashlib.sha256(data).hexdigest()}" for name, data in blobs.items())
    (entry,) = json.loads(files["manifest.json"])
    assert entry["RepoTags"] == ["alpine:latest"]
    assert files[entry["Config"]] == alpine.image.document
    assert [f"sha256:{hashlib.sha256(files[path]).hexdigest()}" for path in entry["Layers"]] == list(
        alpine.image.layers
    )
    assert json.loads(files["repositories"]) == {"alpine": {"latest": alpine.image.layers[-1][7:]}}
    assert json.loads(files["oci-layout"]) == {"imageLayoutVersion": "1.0.0"}
    (listed,) = json.loads(files["index.json"])["manifests"]
    assert listed["digest"] == repository_digest(alpine.image, alpine.layers)
    assert listed["annotations"]["io.containerd.image.name"] == "docker.io/library/alpine:latest"
    assert blobs[f"blobs/sha256/{listed['digest'][7:]}"] == manifest(alpine.image, alpine.layers)


def test_an_archive_of_nothing_is_one() -> None:
    with tarfile.open(fileobj=io.BytesIO(b"".join(save([])))) as archive:
        assert archive.extractfile("manifest.json").read() == b"null"  # type: ignore[union-attr]


def test_what_docker_20_10_saves_is_loaded(read: Reader) -> None:
    data = image(LAYER, "a:1", "example.org/b:2")
    for archive in (data, gzip.compress(data)):
        (found,) = read(archive)
        assert found.names == ["a:1", "example.org/b:2"]
        assert (found.image.config.cmd, found.image.created) == (("sh",), 1_500_000_000_500_000_000)
    assert [layer.archive.read_bytes() for layer in read.arrived] == [LAYER]


def test_a_layer_may_be_a_link_to_another(read: Reader) -> None:
    data = io.BytesIO(image(LAYER, "a:1"))
    with tarfile.open(fileobj=data) as old:
        members = {member.name: old.extractfile(member) for member in old}
        files = {name: file.read() for name, file in members.items() if file is not None}
    del files["l/layer.tar"]
    files["other/layer.tar"] = LAYER
    link = special("l/layer.tar", tarfile.SYMTYPE, "../other/layer.tar")
    assert read(tar(*files.items(), link))[0].names == ["a:1"]
    assert len(read.arrived) == 1


def entry(**fields: object) -> bytes:
    whole = {"Config": "c.json", "RepoTags": ["a:1"], "Layers": [], **fields}
    return json.dumps([whole]).encode()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"junk", "Error processing tar file(exit status 1): unexpected EOF"),
        (b"", "/repositories: no such file or directory"),
        (tar(), "/repositories: no such file or directory"),
        (tar(("app", None), ("app/x", b"")), "/app/json: no such file or directory"),
        (tar(("manifest.json", b"not json")), "invalid character 'o' in literal null (expecting 'u')"),
        (tar(("manifest.json", b"{}")), "json: cannot unmarshal object into Go value of type []tarexport.manifestItem"),
        (tar(("manifest.json", entry())), "/c.json: no such file or directory"),
        (tar(("manifest.json", entry(Config="../c.json"))), "/../c.json: no such file or directory"),
        (tar(("manifest.json", entry(Layers=1))), "json: cannot unmarshal"),
        (tar(("manifest.json", entry()), ("c.json", b"{}")), "invalid image JSON, no RootFS key"),
        (image(LAYER, "a:1", os="windows"), "cannot load windows image on linux"),
        (image(LAYER, "a:1", rootfs={"diff_ids": []}), "invalid manifest, layers length mismatch: expected 1, got 0"),
        (image(LAYER, "Bad Name"), "invalid reference format: repository name must be lowercase"),
        (image(LAYER, "bare"), 'invalid tag "bare"'),
        (image(b"junk", "a:1"), "Error processing tar file(exit status 1): unexpected EOF"),
        (
            image(LAYER, "a:1", rootfs={"diff_ids": ["sha256:" + "0" * 64]}),
            f'expected "sha256:{"0" * 64}", got "sha256:{hashlib.sha256(LAYER).hexdigest()}"',
        ),
    ],
)
def test_bad_archives_are_refused_in_dockers_words(read: Reader, data: bytes, message: str) -> None:
    with pytest.raises(ValueError) as error:
        read(data)
    assert message in str(error.value)
