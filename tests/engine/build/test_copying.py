import io
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest

from swarmlab.engine.build.copying import Copier, absolute, find_sources, new_directory, source_digest
from swarmlab.engine.build.files import Files
from swarmlab.engine.errors import EngineError
from swarmlab.images import Bytes, Entry
from swarmlab.images.layers import LayerStore


def file(path: str, data: bytes = b"x") -> Entry:
    return Entry(path, "file", 0o644, Bytes(data))


CONTEXT = Files(
    [file("/a.txt", b"a"), file("/b.txt", b"b"), file("/sub/c.txt", b"c"), Entry("/l", "link", 0o777, None, "a.txt")]
)
TARGET = Files(
    [
        Entry("/tmp", "directory", 0o1777),
        Entry("/run", "directory", 0o755),
        Entry("/var/run", "link", 0o777, None, "../run"),
        file("/etc/passwd", b"root:x:0:0::/root:/bin/sh\n"),
    ]
)


def copied(paths: Sequence[str], dest: str) -> dict[str, str]:
    """What COPY makes: the paths, and what is at each."""
    with Copier(TARGET) as copier:
        made = copier.entries(find_sources("COPY", paths, dest, CONTEXT, is_context=True), dest)
        return {
            e.path: e.content.read_bytes().decode() if e.content is not None else e.target or oct(e.mode) for e in made
        }


@pytest.mark.parametrize(
    ("paths", "dest", "expected"),
    [
        (["a.txt"], "/x", {"/x": "a"}),
        (["a.txt"], "/x/", {"/x": "0o755", "/x/a.txt": "a"}),
        (["a.txt"], "/tmp", {"/tmp": "0o1777", "/tmp/a.txt": "a"}),
        (["a.txt"], "/var/run/", {"/run": "0o755", "/run/a.txt": "a"}),
        (["a.txt"], "/var/run/deep/y", {"/run": "0o755", "/run/deep": "0o755", "/run/deep/y": "a"}),
        (["sub"], "/x", {"/x": "0o755", "/x/c.txt": "c"}),
        (["*.txt"], "/x/", {"/x": "0o755", "/x/a.txt": "a", "/x/b.txt": "b"}),
        (["l"], "/x/", {"/x": "0o755", "/x/l": "a"}),
        (
            ["."],
            "/x",
            {"/x": "0o755", "/x/a.txt": "a", "/x/b.txt": "b", "/x/l": "a.txt", "/x/sub": "0o755", "/x/sub/c.txt": "c"},
        ),
        (["a.txt"], "/etc/passwd", {"/etc": "0o755", "/etc/passwd": "a"}),
    ],
)
def test_where_things_go(paths: list[str], dest: str, expected: dict[str, str]) -> None:
    assert copied(paths, dest) == expected


@pytest.mark.parametrize(
    ("paths", "dest", "reason"),
    [
        (
            ["no"], "/x",
            "COPY failed: file not found in build context or excluded by .dockerignore: stat no: file does not exist",
        ),
        (["no*"], "/x", "COPY failed: no source files were specified"),
        (["../../etc/passwd"], "/x", "COPY failed: forbidden path outside the build context: ../../etc/passwd ()"),
        (["http://x/y"], "/x", "COPY failed: source can't be a URL for COPY"),
        (
            ["a.txt", "b.txt"], "/x",
            "When using COPY with more than one source file, the destination must be a directory and end with a /",
        ),
        (["sub"], "/etc/passwd", "failed to copy files: failed to copy directory: mkdir /etc/passwd: not a directory"),
        (
            ["a.txt"], "/etc/passwd/x",
            "failed to copy files: failed to create new directory: mkdir /etc/passwd: not a directory",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_copied(paths: list[str], dest: str, reason: str) -> None:
    with pytest.raises(EngineError) as error:
        copied(paths, dest)
    assert str(error.value) == reason


def test_other_images_have_no_dockerignore() -> None:
    with pytest.raises(EngineError, match=r"^COPY failed: stat no: file does not exist$"):
        find_sources("COPY", ["/no"], "/x", TARGET, is_context=False)


def test_digests_tell_one_from_many() -> None:
    def kind(*paths: str) -> str:
        return source_digest(find_sources("COPY", paths, "/x/", CONTEXT, is_context=True)).partition(":")[0]

    assert [kind("a.txt"), kind("sub"), kind("a.txt", "sub")] == ["file", "dir", "multi"]


def archive(*names: str) -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as tar:
        for name in names:
            info = tarfile.TarInfo(name)
            info.size = 1
            tar.addfile(info, io.BytesIO(b"x"))
    return data.getvalue()


def test_add_extracts_archives_within_their_place(tmp_path: Path) -> None:
    store = LayerStore(tmp_path)
    context = Files([file("/x.tgz", archive("in/one", "../../etc/evil")), file("/plain", b"no archive")])
    with Copier(TARGET, store.unpacked) as copier:
        made = copier.entries(find_sources("ADD", ["x.tgz", "plain"], "/t/", context, is_context=True), "/t/")
        assert [e.path for e in made if e.kind == "file"] == ["/t/in/one", "/t/etc/evil", "/t/plain"]
        assert all(e.content is None or e.content.read_bytes() for e in made)
    assert list(tmp_path.iterdir()) == []


def test_an_archive_that_cannot_be_read(tmp_path: Path) -> None:
    @contextmanager
    def refuse(source: IO[bytes]) -> Iterator[Sequence[Entry]]:
        from swarmlab.images import LayerError

        raise LayerError("no space left on device")
        yield []

    context = Files([file("/x.tgz", archive("a"))])
    with Copier(TARGET, refuse) as copier, pytest.raises(EngineError, match="no space left on device"):
        copier.entries(find_sources("ADD", ["x.tgz"], "/t/", context, is_context=True), "/t/")


def test_directories_of_workdir() -> None:
    assert [(e.path, oct(e.mode)) for e in new_directory("/tmp/a/b", TARGET)] == [
        ("/tmp", "0o1777"), ("/tmp/a", "0o755"), ("/tmp/a/b", "0o755")
    ]  # fmt: skip
    assert new_directory("/var/run", TARGET) == []
    with pytest.raises(EngineError, match="Cannot mkdir: /etc/passwd is not a directory"):
        new_directory("/etc/passwd", TARGET)


def test_destinations_keep_their_slash() -> None:
    assert [absolute(d, "/w") for d in ("x", "x/", "./", ".", "/x/")] == ["/w/x", "/w/x/", "/w/", "/w", "/x/"]
