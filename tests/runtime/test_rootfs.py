"""The files of a container as others get them: an export, a layer for an image."""

import asyncio
import io
import os
import stat
import tarfile
from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest

from swarmlab.images import Tree
from swarmlab.images.layer import Bytes, Slice
from swarmlab.runtime.base import File
from swarmlab.runtime.virtual.files.archive import Archive
from swarmlab.runtime.virtual.files.files import RootFs
from swarmlab.runtime.virtual.files.private import private_folder, remove_private_folders
from swarmlab.runtime.virtual.files.roots import Roots
from swarmlab.runtime.virtual.processes.leftovers import kill_left_behind

from .support import CATALOGUE, lab

SECRET = File("/run/secrets/key", b"hush", mode=0o440, secret=True)
ODD = File("/app/odd", b"pst", secret=True)
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
    return RootFs(
        image,
        (SECRET, CONFIG),
        tmp_path,
        roots=Roots(tmp_path / "roots"),
        private=lambda: tmp_path / "private",
        identity=(HOSTS,),
    )


def test_what_the_engine_puts_in_is_in_neither(tmp_path: Path) -> None:
    fs = root(tmp_path)
    with pytest.raises(PermissionError):
        fs.write("/run/secrets/key", b"hush, changed")
    fs.write("/etc/hosts", b"changed\n")
    fs.write("/etc/motd", b"new\n")
    exported, layer = Archive(fs).rootfs(), Archive(fs).layer()
    assert b"hush" not in exported + layer
    assert not {"run/secrets/key", "etc/app.conf"} & {*files(exported), *files(layer)}
    assert set(files(layer)) == {"etc", "etc/motd"}
    assert {"etc/motd", "etc/alpine-release", "bin/sh"} <= set(files(exported))
    # What is beneath that: the image has none of its own.
    assert (files(exported)["etc/hosts"].size, files(exported)["dev/console"].size) == (0, 0)
    assert not {"dev/null", "dev/random"} & set(files(exported))


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
    assert found["tmp"].mode == stat.S_IFDIR | 0o1777
    assert found["made/link"].linkname == "/etc"


def test_a_file_with_another_mode_has_changed(tmp_path: Path) -> None:
    """`RUN chmod +x` is all that many a layer is about."""
    fs = root(tmp_path)
    fs.memory.chmod("/etc/alpine-release", 0o755)
    found = files(Archive(fs).layer())
    assert list(found) == ["etc", "etc/alpine-release"]
    assert found["etc/alpine-release"].mode == stat.S_IFREG | 0o755


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


def packaged(tmp_path: Path, number: int, roots: Roots, tree: Tree) -> RootFs:
    image = CATALOGUE.find("python")
    assert image is not None
    image = msgspec.structs.replace(image, id="sha256:1", tree=lambda: tree)
    private = tmp_path / "private"
    return RootFs(image, (SECRET, ODD), tmp_path / str(number), roots=roots, private=lambda: private, identity=(HOSTS,))


PACKAGE = "/usr/local/lib/python3/site-packages/p/__init__.py"


def test_real_files_of_one_image_are_shared_until_somebody_changes_them(tmp_path: Path) -> None:
    roots = Roots(tmp_path / "roots")
    tree = Tree(
        {PACKAGE: Bytes(b"X = 1\n"), "/app/main.py": Bytes(b"1\n"), "/app/old": Bytes(b"o")},
        {"/app/link": "/app/main.py"}, {"/app/main.py": 0o750}, {"/tmp": 0o1777},
    )  # fmt: skip
    one, other = (packaged(tmp_path, number, roots, tree) for number in (1, 2))
    first, second = one.make_all_real(), other.make_all_real()
    assert (first / PACKAGE[1:]).samefile(second / PACKAGE[1:])
    assert not (first / "app/main.py").samefile(second / "app/main.py")
    assert (first / "app/main.py").stat().st_mode & 0o777 == 0o750
    assert (first / "run/secrets/key").stat().st_mode & 0o777 == 0o440
    assert Archive(one).layer() == Archive(other).layer() == b""
    one.write(PACKAGE, b"X = 2\n")
    one.write("/app/main.py", b"2\n")
    one.write("/etc/hosts", b"mine\n")
    (first / "app/old").unlink()
    (first / "app/new").symlink_to(first / "app/main.py")
    assert (other.read(PACKAGE), other.read("/app/main.py")) == (b"X = 1\n", b"1\n")
    found = files(Archive(one).layer())
    assert {"app/main.py", "app/.wh.old", "app/new", PACKAGE[1:]} < set(found)
    assert not {"run/secrets/key", "etc/hosts", "app/link"} & set(found)
    assert found["app/new"].linkname == "/app/main.py"
    assert Archive(other).layer() == b""


def test_a_spare_copy_is_as_good_as_one_that_is_made(tmp_path: Path) -> None:
    roots = Roots(tmp_path / "roots")
    tree = Tree(
        {PACKAGE: Bytes(b"X = 1\n"), "/app/main.py": Bytes(b"1\n"), "/etc/hosts": Bytes(b"the image's")},
        {"/app/link": "/app/main.py", "/app/near": "main.py"}, {"/app/main.py": 0o750}, {"/tmp": 0o1777},
    )  # fmt: skip
    one, other = (packaged(tmp_path, number, roots, tree) for number in (1, 2))
    roots.spare(one._image)
    waiting = [path for path in (tmp_path / "roots").iterdir() if (path / "app").is_dir()]
    inode = (waiting[0] / "app").stat().st_ino
    first, second = one.make_all_real(), other.make_all_real()
    assert (first / "app").stat().st_ino == inode
    assert not waiting[0].exists()

    def seen(root: Path) -> dict[str, object]:
        return {
            str(path.relative_to(root)): (
                os.readlink(path).replace(str(root), "ROOT") if path.is_symlink() else path.stat().st_mode
            )
            for path in root.rglob("*")
            # Secrets have a place of their own for each container.
            if path.name not in {"odd", "secrets"}
        }

    assert seen(first) == seen(second)
    assert (first / "etc/hosts").read_bytes() == HOSTS.data
    assert Archive(one).layer() == b""
    # The next image's takes the place of one that nobody wanted.
    roots.spare(one._image)
    roots.spare(msgspec.structs.replace(one._image, id="sha256:2"))
    assert len([path for path in (tmp_path / "roots").iterdir() if (path / "app").is_dir()]) == 1


def test_what_is_made_real_later_has_what_was_written_before(tmp_path: Path) -> None:
    fs = packaged(tmp_path, 1, Roots(tmp_path / "roots"), Tree({PACKAGE: Bytes(b"")}, {}, {}, {}))
    fs.write("/etc/motd", b"hello\n")
    assert (fs.make_all_real() / "etc/motd").read_bytes() == b"hello\n"
    assert [change.path for change in Archive(fs).changes()] == ["/etc", "/etc/motd"]


def test_an_image_shares_files_with_the_one_that_it_was_made_of(tmp_path: Path) -> None:
    roots = Roots(tmp_path / "roots")
    archive = tmp_path / "layer"
    archive.write_bytes(b"1abc")
    below = Tree({PACKAGE: Slice(archive, 0, 1), "/a": Slice(archive, 1, 1)}, {}, {}, {})
    packaged(tmp_path, 1, roots, below).make_all_real()
    image = CATALOGUE.find("python")
    assert image is not None
    above = Tree({PACKAGE: Slice(archive, 0, 1), "/a": Slice(archive, 2, 1)}, {}, {}, {})
    derived = msgspec.structs.replace(image, id="sha256:2", layers=(*image.layers, "top"), tree=lambda: above)
    target = tmp_path / "2"
    target.mkdir()
    roots.copy(derived, target, lambda path: False)
    assert (target / PACKAGE[1:]).samefile(tmp_path / "1/root" / PACKAGE[1:])
    assert (target / "a").read_bytes() == b"b"


def test_a_copy_for_the_next_container_goes_from_image_to_image(tmp_path: Path) -> None:
    roots, image = Roots(tmp_path / "roots"), CATALOGUE.find("python")
    assert image is not None
    archive = tmp_path / "layer"
    archive.write_bytes(b"1abc")
    first, second = Slice(archive, 0, 1), Slice(archive, 1, 1)
    steps = (
        Tree({PACKAGE: first, "/a": first}, {"/l": "/a"}, {}, {}),
        Tree({PACKAGE: first, "/a": second, "/d/b": second}, {"/l": "/d/b"}, {}, {}),
        Tree({PACKAGE: first, "/d/b": first}, {}, {"/d/b": 0o755}, {"/d": 0o700}),
    )
    folders = []
    for number, tree in enumerate(steps):
        step = msgspec.structs.replace(image, id=f"sha256:{number}", layers=(str(number),), tree=lambda tree=tree: tree)
        roots.spare(step)
        (spare,) = (path for path in (tmp_path / "roots").iterdir() if (path / "bin").is_dir())
        folders.append(spare)
    assert folders[0] == folders[1] != folders[2]
    target = tmp_path / "container"
    target.mkdir()
    copy = roots.copy(step, target, lambda path: False)
    assert copy.changes({}, ()) == {}
    assert (target / "d/b").read_bytes() == b"1"
    assert (target / "d/b").stat().st_mode & 0o777 == 0o755
    assert (target / "d").stat().st_mode & 0o777 == 0o700
    assert not (target / "a").exists()


@pytest.mark.parametrize("mode", [0o644, 0o600])
def test_a_copy_that_goes_on_has_what_the_next_image_has(tmp_path: Path, mode: int) -> None:
    roots, image = Roots(tmp_path / "roots"), CATALOGUE.find("python")
    assert image is not None
    before = Tree({PACKAGE: Bytes(b"1"), "/a": Bytes(b"1")}, {"/l": "/a"}, {}, {})
    after = Tree({PACKAGE: Bytes(b"1"), "/a": Bytes(b"2"), "/d/b": Bytes(b"3")}, {"/l": "/d/b"}, {"/a": mode}, {})
    for number, tree in enumerate((before, after)):
        image = msgspec.structs.replace(image, id=f"sha256:{number}", tree=lambda tree=tree: tree)
        roots.spare(image)
    target = tmp_path / "container"
    target.mkdir()
    assert roots.copy(image, target, lambda path: False).changes({}, ()) == {}
    assert (target / "a").read_bytes() == b"2"
    assert (target / "a").stat().st_mode & 0o777 == mode
    assert (target / "l").readlink() == target / "d/b"


def test_files_that_are_alike_are_two_files_in_a_container(tmp_path: Path) -> None:
    other = PACKAGE.replace("/p/", "/q/")
    root = packaged(tmp_path, 1, Roots(tmp_path / "roots"), Tree({PACKAGE: Bytes(b""), other: Bytes(b"")}, {}, {}, {}))
    real = root.make_all_real()
    assert not (real / PACKAGE[1:]).samefile(real / other[1:])


def test_real_files_of_an_image_outlive_the_lab_unless_something_is_wrong_with_them(tmp_path: Path) -> None:
    archive = tmp_path / "layer"
    archive.write_bytes(b"X = 1\n")
    image = CATALOGUE.find("python")
    assert image is not None
    tree = Tree({PACKAGE: Slice(archive, 0, 6), "/app/main.py": Bytes(b"1\n")}, {}, {PACKAGE: 0o640}, {})
    image = msgspec.structs.replace(image, id="sha256:1", tree=lambda: tree)

    def life(number: int) -> os.stat_result:
        """A lab that has one container; what its package's file is."""
        roots, target = Roots(tmp_path / "roots"), tmp_path / str(number)
        roots.prepare(image)
        target.mkdir()
        roots.copy(image, target, lambda path: False)
        assert (target / PACKAGE[1:]).read_bytes() == b"X = 1\n"
        assert (target / "app/main.py").read_bytes() == b"1\n"
        found = (target / PACKAGE[1:]).stat()
        assert found.st_mode & 0o777 == 0o640
        return found

    first = life(1)
    unknown = tmp_path / "roots/2.new"
    unknown.mkdir()
    assert life(2).st_ino == first.st_ino
    assert not unknown.exists()
    (kept,) = (tmp_path / "roots/layer.layer").iterdir()
    for number, spoil in enumerate((lambda: kept.write_bytes(b"half"), lambda: kept.chmod(0o600)), 3):
        before = life(10 + number)
        spoil()
        # The containers that have the spoilt one keep it.
        assert life(number).st_ino != before.st_ino
    for path in (tmp_path / "roots/others").iterdir():
        path.write_bytes(b"other")
    life(5)


def test_only_layers_of_images_that_were_used_lately_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("swarmlab.runtime.virtual.files.roots._KEPT", 2)
    roots, image = Roots(tmp_path / "roots"), CATALOGUE.find("python")
    assert image is not None
    for number in range(3):
        archive = tmp_path / f"layer{number}"
        archive.write_bytes(b"x")
        tree = Tree({"/x": Slice(archive, 0, 1)}, {}, {}, {})
        roots.prepare(msgspec.structs.replace(image, id=f"sha256:{number}", tree=lambda tree=tree: tree))
    assert {path.name for path in (tmp_path / "roots").iterdir()} == {"layer1.layer", "layer2.layer", "others"}


def test_secrets_are_real_only_as_long_as_the_container_runs(tmp_path: Path) -> None:
    fs = packaged(tmp_path, 1, Roots(tmp_path / "roots"), Tree({}, {}, {}, {}))
    root = fs.make_all_real()
    for _ in range(2):
        assert (root / "run/secrets/key").read_bytes() == fs.read("/run/secrets/key") == b"hush"
        assert (root / "app/odd").read_bytes() == fs.read("/app/odd") == b"pst"
        both = root / "run/secrets/key", root / "app/odd"
        assert [path.stat().st_mode & 0o777 for path in both] == [0o440, 0o444]
        # Both are where secrets may be, and not in the container's directory.
        assert [path.resolve().is_relative_to(tmp_path / "private") for path in both] == [True, True]
        shown, inner = fs.at("/app/odd")
        assert shown.stat(inner)["file_type"] == "file"
        with pytest.raises(RuntimeError, match="Read-only file system"):
            shown.write_file(inner, b"x")
        with pytest.raises(RuntimeError, match="resource busy"):
            shown.remove(inner)
        assert (root / "run/secrets").resolve().is_relative_to(tmp_path / "private")
        assert (root / "run/secrets").stat().st_mode & 0o777 == 0o700
        assert Archive(fs).layer() == b""
        fs.stop()
        assert not any(b"hush" in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
        assert not (root / "app/odd").exists()
        fs.start()


def test_secrets_are_in_memory_where_there_is_a_folder_for_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = tmp_path / "state"
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    found = private_folder(state)
    if Path("/dev/shm").is_dir():
        assert found.parent == tmp_path
        found.chmod(0o755)
        other = private_folder(state)
        assert other != found
        assert other.stat().st_mode & 0o777 == 0o700
    (private_folder(state) / "key").write_bytes(b"hush")
    # As the next life does, whatever ended this one.
    kill_left_behind(state)
    assert not found.exists()
    assert not (private_folder(state) / "key").exists()
    remove_private_folders(state)


def test_a_file_that_goes_while_it_is_packed_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fs = packaged(tmp_path, 1, Roots(tmp_path / "roots"), Tree({"/d/a": Bytes(b"1"), "/d/b": Bytes(b"2")}, {}, {}, {}))
    kept, read = fs.memory, fs.read

    def read_late(path: str) -> bytes:
        if path == "/d/a":
            kept.remove(path)
        return read(path)

    monkeypatch.setattr(fs, "read", read_late)
    with tarfile.open(fileobj=io.BytesIO(Archive(fs).pack("/d"))) as archive:
        assert archive.getnames() == ["d", "d/b"]


def test_whether_a_file_is_somewhere_is_told_without_making_the_files(tmp_path: Path) -> None:
    """A container of an image with thousands of files would take seconds to be made."""

    async def test() -> None:
        async with lab(tmp_path) as here:
            box = here.create("python:3-alpine", "sleep", "1000")
            found = [box.has_file(path) for path in ("/etc/passwd", "/etc", "/nowhere", "/etc/passwd/x", "/bin")]
            assert found == [True, False, False, False, False]
            assert box._machine.root._memory is None

    asyncio.run(test())
