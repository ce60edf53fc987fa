"""The files of a container as others get them: an export, a layer for an image."""

import io
import tarfile
from collections.abc import Mapping
from pathlib import Path

from swarmlab.images import Tree
from swarmlab.images.layer import Bytes
from swarmlab.runtime.base import File
from swarmlab.runtime.virtual.archive import Archive
from swarmlab.runtime.virtual.files import RootFs

from .support import CATALOGUE

SECRET = File("/run/secrets/key", b"hush", secret=True)
CONFIG = File("/etc/app.conf", b"conf")
HOSTS = File("/etc/hosts", b"127.0.0.1 localhost\n", mode=0o644)


def files(data: bytes) -> Mapping[str, tarfile.TarInfo]:
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        return {member.name: member for member in archive}


def root(tmp_path: Path, tree: Tree | None = None) -> RootFs:
    image = CATALOGUE.find("alpine")
    assert image is not None
    if tree is not None:
        image = type(image)(id="sha256:1", document=b"", config=image.config, created=0, size=0, layers=(), history=(),
                            tree=lambda: tree)  # fmt: skip
    return RootFs(image, (SECRET, CONFIG), tmp_path, identity=(HOSTS,))


def test_what_the_engine_puts_in_is_in_neither(tmp_path: Path) -> None:
    fs = root(tmp_path)
    fs.write("/run/secrets/key", b"hush, changed")
    fs.write("/etc/hosts", b"changed\n")
    fs.write("/etc/motd", b"new\n")
    exported, layer = Archive(fs).rootfs(), Archive(fs).layer()
    assert b"hush" not in exported + layer
    assert not {"run/secrets/key", "etc/app.conf", "etc/hosts"} & {*files(exported), *files(layer)}
    assert set(files(layer)) == {"etc", "etc/motd"}
    assert {"etc/motd", "etc/alpine-release", "bin/sh"} <= set(files(exported))


def test_nothing_changed_is_no_layer(tmp_path: Path) -> None:
    fs = root(tmp_path)
    assert Archive(fs).layer() == b""
    fs.write("/etc/hosts", b"changed\n")
    assert Archive(fs).layer() == b""


def test_a_layer_has_what_is_new_what_is_gone_and_the_directories_above(tmp_path: Path) -> None:
    fs = root(tmp_path)
    fs.write("/tmp/new", b"n")
    fs.memory.remove("/etc/alpine-release")
    fs.memory.mkdir("/made/empty", recursive=True)
    fs.memory.symlink("/etc", "/made/link")
    found = files(Archive(fs).layer())
    assert list(found) == ["etc", "etc/.wh.alpine-release", "made", "made/empty", "made/link", "tmp", "tmp/new"]
    assert found["tmp"].mode == 0o1777
    assert found["made/link"].linkname == "/etc"


def test_programs_for_a_processor_have_the_shells_in_their_places(tmp_path: Path) -> None:
    binary = Bytes(b"\x7fELF" + bytes(8))
    tree = Tree(
        {"/bin/ls": binary, "/bin/box": binary, "/bin/other": binary, "/app": binary, "/run.sh": Bytes(b"#!/bin/sh\n")},
        {"/usr/bin/cat": "/bin/box", "/usr/bin/odd": "/bin/box"},
        {"/bin/ls": 0o755, "/run.sh": 0o700},
        {"/data": 0o700},
    )
    fs = root(tmp_path, tree).memory
    assert fs.read_file("/bin/ls") == b'#!/bin/sh\nexec ls "$@"\n'
    assert fs.read_file("/usr/bin/cat") == b'#!/bin/sh\nexec cat "$@"\n'
    assert fs.read_file("/bin/box") == binary.data
    assert fs.read_link("/bin/other") == fs.read_link("/app") == "/bin/box"
    assert fs.read_link("/usr/bin/odd") == "/bin/box"
    assert (fs.stat("/run.sh")["mode"], fs.stat("/data")["mode"]) == (0o700, 0o700)


def test_a_file_that_is_too_large_is_left_out(tmp_path: Path) -> None:
    fs = root(tmp_path, Tree({"/huge": Bytes(bytes(11_000_000)), "/small": Bytes(b"s")}, {}, {}, {})).memory
    assert (fs.exists("/huge"), fs.exists("/small")) == (False, True)
