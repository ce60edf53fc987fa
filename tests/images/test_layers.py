import gzip
import hashlib
import io
import tarfile
from pathlib import Path

import pytest
from support.tars import special, tar

from swarmlab.images import Entry, LayerError, pack, with_parents
from swarmlab.images import layer as layers
from swarmlab.images.layer import Bytes, Layer, flatten
from swarmlab.images.layers import LayerStore
from swarmlab.images.links import resolved


@pytest.fixture
def store(tmp_path: Path) -> LayerStore:
    return LayerStore(tmp_path / "layers")


def add(store: LayerStore, data: bytes) -> Layer:
    return store.add(io.BytesIO(data))


def test_a_layer_is_kept_under_the_digest_of_its_archive(store: LayerStore, tmp_path: Path) -> None:
    data = tar(("etc", None), ("etc/motd", b"hello\n"), ("run.sh", b"#!/bin/sh\n"))
    layer = add(store, data)
    assert layer.id == "sha256:" + hashlib.sha256(data).hexdigest()
    assert (layer.size, layer.archive_size) == (16, len(data))
    assert layer.archive.read_bytes() == data
    tree = flatten([layer])
    assert {path: content.read_bytes() for path, content in tree.files.items()} == {
        "/etc/motd": b"hello\n", "/run.sh": b"#!/bin/sh\n"
    }  # fmt: skip
    assert (tree.modes["/run.sh"], tree.directories) == (0o755, {"/etc": 0o755})
    assert LayerStore(tmp_path / "layers").get(layer.id) == layer
    assert add(store, gzip.compress(data)).id == layer.id
    assert len(list((tmp_path / "layers").iterdir())) == 1


def test_an_upper_layer_hides_what_is_beneath(store: LayerStore) -> None:
    lower = add(store, tar(("a/1", b"1"), ("a/2", b"2"), ("b/1", b"1"), ("c", b"c"), ("d/deep/x", b"x")))
    upper = add(store, tar(("a/.wh.1", b""), ("b/.wh..wh..opq", b""), ("b/new", b"n"), (".wh.d", b""), ("c/now", b"!")))
    assert sorted(flatten([lower, upper]).files) == ["/a/2", "/b/new", "/c", "/c/now"]
    assert sorted(flatten([lower, add(store, tar(("c", None)))]).files) == ["/a/1", "/a/2", "/b/1", "/d/deep/x"]
    assert "/a" in flatten([lower, add(store, tar(("a", None), ("a", b"file")))]).files


def test_nothing_leaves_the_root_file_system(store: LayerStore) -> None:
    layer = add(
        store,
        tar(
            ("../../evil", b"1"),
            ("/abs", b"2"),
            ("a/../../b", b"3"),
            special("dev/sda", tarfile.BLKTYPE),
            special("pipe", tarfile.FIFOTYPE),
            special("out", tarfile.SYMTYPE, "/../../etc/shadow"),
        ),
    )
    tree = flatten([layer])
    assert sorted(tree.files) == ["/abs", "/b", "/evil"]
    assert tree.links == {"/out": "/../../etc/shadow"}


def test_a_hard_link_is_the_file_again(store: LayerStore) -> None:
    layer = add(store, tar(("bin/box", b"box"), special("bin/ls", tarfile.LNKTYPE, "bin/box")))
    assert flatten([layer]).files["/bin/ls"].read_bytes() == b"box"
    with pytest.raises(LayerError, match=r"link /etc/shadow /x: no such file or directory"):
        add(store, tar(special("x", tarfile.LNKTYPE, "../../etc/shadow")))


def huge() -> bytes:
    info = tarfile.TarInfo("huge")
    info.size = 1 << 40
    return info.tobuf(tarfile.GNU_FORMAT) + b"x" * 1024


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"not a tar", "unexpected EOF"),
        (b"x" * 2048, "archive/tar: invalid tar header"),
        (huge(), "unexpected EOF"),
        (tar(a=b"a")[:1024] + b"y" * 512, "archive/tar: invalid tar header"),
        (gzip.compress(tar(a=b"a"))[:-20], "unexpected EOF"),
    ],
    # Compressed data has the time in it: processes that share the suite would know this test by several names.
    ids=["text", "no header", "too short", "wrong header", "compressed and cut off"],
)
def test_damage_is_told_in_dockers_words_and_leaves_nothing(
    store: LayerStore, tmp_path: Path, data: bytes, reason: str
) -> None:
    with pytest.raises(LayerError) as error:
        add(store, data)
    assert str(error.value) == f"Error processing tar file(exit status 1): {reason}"
    assert list((tmp_path / "layers").iterdir()) == []


def test_a_bomb_is_refused(store: LayerStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("swarmlab.images.layers.MAX_LAYER", 1 << 20)
    with pytest.raises(LayerError, match="no space left on device"):
        add(store, gzip.compress(tar(zeros=bytes(2 << 20))))
    monkeypatch.setattr(layers, "MAX_MEMBERS", 3)
    with pytest.raises(LayerError, match="no space left on device"):
        add(store, tar(*((str(number), b"") for number in range(5))))
    assert list((tmp_path / "layers").iterdir()) == []


def test_only_what_is_wanted_stays_unless_more_is_on_its_way(store: LayerStore, tmp_path: Path) -> None:
    one, two = add(store, tar(a=b"1")), add(store, tar(a=b"2"))
    with store.arriving():
        store.keep({one.id})
        assert store.get(two.id) is not None
    store.keep({one.id})
    assert store.get(two.id) is None
    assert store.get(one.id) is not None
    (tmp_path / "layers" / "half.new").write_bytes(b"x")
    LayerStore(tmp_path / "layers")
    assert not (tmp_path / "layers" / "half.new").exists()


def test_links_lead_where_they_lead_from_the_root() -> None:
    links = {"/bin": "usr/bin", "/etc/alias": "/bin/../bin/tool", "/up": "../../../etc", "/loop": "loop"}
    assert resolved("/bin/tool", links.get) == "/usr/bin/tool"
    assert resolved("/etc/alias", links.get) == "/usr/bin/tool"
    assert resolved("/up/alias", links.get, last=False) == "/etc/alias"
    assert resolved("up/./", links.get) == "/etc"
    assert resolved("/loop", links.get, last=False) == "/loop"
    with pytest.raises(OSError, match="Too many levels of symbolic links"):
        resolved("/loop/x", links.get)


def test_a_link_is_as_large_as_its_target_is_long(store: LayerStore) -> None:
    """As `du` counts it, and so Docker (MB: pkg/directory)."""
    link = Entry("/l", "link", 0o777, None, "/where/it/leads")
    assert add(store, pack([Entry("/f", "file", 0o644, Bytes(b"abc")), link])).size == 3 + len("/where/it/leads")


def test_times_are_those_of_the_highest_layer_that_tells_one(store: LayerStore) -> None:
    def layer(*times: tuple[str, int]) -> Layer:
        return add(store, pack(Entry(path, "file", 0o644, Bytes(b""), modified=when) for path, when in times))

    second = 1_000_000_000
    lower = layer(("/a", 10 * second), ("/b", 10 * second + 7), ("/c", 10 * second))
    tree = flatten([lower, layer(("/b", 20 * second), ("/c", 0))])
    assert tree.times == {"/a": 10 * second, "/b": 20 * second}, "whole seconds; 1970 is not told"


def test_owners_are_kept_until_somebody_elses_file_takes_the_place(store: LayerStore) -> None:
    lower = add(
        store,
        pack(
            [
                Entry("/d", "directory", 0o755, owner=(7, 8)),
                Entry("/d/f", "file", 0o644, Bytes(b"1"), owner=(9, 9)),
                Entry("/l", "link", 0o777, None, "d/f", (5, 6)),
            ]
        ),
    )
    assert flatten([lower]).owners == {"/d": (7, 8), "/d/f": (9, 9), "/l": (5, 6)}
    upper = add(store, pack([Entry("/d/f", "file", 0o644, Bytes(b"2")), Entry("/l", "whiteout")]))
    assert flatten([lower, upper]).owners == {"/d": (7, 8)}
    assert flatten([lower, add(store, pack([Entry("/d", "file", 0o644, Bytes(b"f"), owner=(1, 1))]))]).owners == {
        "/d": (1, 1),
        "/l": (5, 6),
    }


def test_what_is_packed_is_what_is_read(store: LayerStore) -> None:
    entries = with_parents(
        [
            Entry("/etc/app/conf", "file", 0o600, Bytes(b"conf")),
            Entry("/etc/gone", "whiteout"),
            Entry("/cleared", "opaque"),
            Entry("/link", "link", 0o777, None, "/etc/app"),
        ]
    )
    assert [entry.path for entry in entries] == ["/cleared", "/etc", "/etc/app", "/etc/app/conf", "/etc/gone", "/link"]
    layer = add(store, pack(entries))
    assert [(e.path, e.kind, e.target) for e in layer.entries] == [(e.path, e.kind, e.target) for e in entries]
    assert pack(entries) == pack(entries)
    assert pack(entries, "apart") != pack(entries)
    assert [e.path for e in add(store, pack(entries, "apart")).entries] == [e.path for e in entries]


def test_an_archive_can_be_looked_into_without_being_kept(store: LayerStore, tmp_path: Path) -> None:
    data = tar(("a", b"hello"))
    # The docker command ends a context like this when the Dockerfile comes from elsewhere.
    for shortened in (data, gzip.compress(data), data[: 512 + 5]):
        with store.unpacked(io.BytesIO(shortened)) as (entry,):
            assert entry.content is not None
            assert (entry.path, entry.content.read_bytes()) == ("/a", b"hello")
    assert list((tmp_path / "layers").iterdir()) == []
    for cut in (data[: 512 + 4], b"garbage"):
        with pytest.raises(LayerError, match="unexpected EOF"), store.unpacked(io.BytesIO(cut)):
            pass
    assert list((tmp_path / "layers").iterdir()) == []
