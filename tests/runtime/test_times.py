"""When files were modified: the image says it, then whoever writes them (MB: pkg/archive keeps the times of files)."""

import asyncio
import io
import os
import tarfile
from pathlib import Path

import pytest

from swarmlab.images import HistoryEntry, Image, TarHeader, Tree
from swarmlab.images.layer import Bytes
from swarmlab.runtime.base import File
from swarmlab.runtime.virtual.files.archive import Archive
from swarmlab.runtime.virtual.files.files import RootFs
from swarmlab.runtime.virtual.files.roots import Roots

from .support import CATALOGUE, lab, run

SECOND = 1_000_000_000
#: In Unix seconds.
IN_LAYER, CREATED, GIVEN = 1_500_000_000, 1_600_000_000, 981_173_106
TREE = Tree({"/etc/a": Bytes(b"a"), "/b": Bytes(b"b")}, {}, {}, {"/d": 0o755}, times={"/etc/a": IN_LAYER * SECOND})
FIRST = 1_400_000_000


@pytest.fixture
def root(tmp_path: Path) -> RootFs:
    alpine = CATALOGUE.find("alpine")
    assert alpine is not None
    image = Image(
        id="sha256:1",
        document=b"",
        config=alpine.config,
        created=CREATED * SECOND,
        size=0,
        layers=(),
        history=(HistoryEntry(FIRST * SECOND), HistoryEntry(CREATED * SECOND)),
        tree=lambda: TREE,
    )
    return RootFs(
        image,
        (),
        tmp_path / "container",
        roots=Roots(tmp_path / "roots"),
        private=lambda: tmp_path / "private",
        identity=(File("/etc/hosts", b"127.0.0.1 localhost\n"),),
    )


def modified(root: RootFs, path: str) -> int:
    """In seconds, as `docker cp` tells it."""
    return Archive(root).stat(path).modified // SECOND


@pytest.fixture(params=["in memory", "on the disk"])
def kept(request: pytest.FixtureRequest, root: RootFs) -> RootFs:
    if request.param == "on the disk":
        root.make_all_real()
    return root


def test_a_file_of_the_image_is_as_old_as_its_layer_says(kept: RootFs) -> None:
    assert modified(kept, "/etc/a") == IN_LAYER
    assert modified(kept, "/b") == FIRST, "where no layer tells of it, as old as the first one"


def test_what_is_written_is_new(kept: RootFs) -> None:
    kept.write("/etc/a", b"changed")
    kept.write("/etc/new", b"new")
    assert min(modified(kept, "/etc/a"), modified(kept, "/etc/new")) > CREATED


def test_what_the_engine_puts_in_is_new(kept: RootFs) -> None:
    assert modified(kept, "/etc/hosts") > CREATED
    assert modified(kept, "/etc") > CREATED


def test_a_directory_is_new_when_something_is_put_into_it(kept: RootFs) -> None:
    assert modified(kept, "/d") == CREATED
    kept.write("/d/new", b"new")
    assert modified(kept, "/d") > CREATED


def test_a_time_that_is_given_lasts_until_the_file_is_written(kept: RootFs) -> None:
    kept.touch("/etc/a", GIVEN * SECOND, create=False)
    kept.touch("/d/made", GIVEN * SECOND, create=True)
    assert [modified(kept, path) for path in ("/etc/a", "/d/made")] == [GIVEN, GIVEN]
    kept.write("/etc/a", b"changed")
    assert modified(kept, "/etc/a") > CREATED


def test_times_go_along_to_the_disk(root: RootFs) -> None:
    root.touch("/d/made", GIVEN * SECOND, create=True)
    root.make_all_real()
    assert [modified(root, path) for path in ("/etc/a", "/d/made")] == [IN_LAYER, GIVEN]


def test_times_go_along_to_real_processes(root: RootFs) -> None:
    """A web server tells them in headers, the same in every container of an image."""
    assert os.stat(root.export("/etc") / "a").st_mtime == IN_LAYER


def test_what_is_copied_in_is_as_old_as_the_archive_says(kept: RootFs) -> None:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as tar:
        member = tarfile.TarInfo("copied")
        member.size, member.mtime = 1, GIVEN
        tar.addfile(member, io.BytesIO(b"c"))
    data.seek(0)
    Archive(kept).unpack("/d", data, replace=True)
    assert modified(kept, "/d/copied") == GIVEN


def test_an_archive_has_the_times_and_says_what_each_member_is(kept: RootFs) -> None:
    data = Archive(kept).pack("/etc/a")
    assert len(data) == 4 * tarfile.BLOCKSIZE, "two blocks of zeros at its end"
    assert data[100:108] == b"0100644\0"
    assert data[329:345] == b"0000000\0" * 2
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        assert [(member.name, member.mtime) for member in tar] == [("a", IN_LAYER)]


@pytest.mark.parametrize(
    ("kind", "mode"),
    [(tarfile.DIRTYPE, b"0040755\0"), (tarfile.SYMTYPE, b"0120755\0"), (tarfile.REGTYPE, b"0100755\0")],
)
def test_the_mode_says_what_a_member_is_whatever_its_name_is(kind: bytes, mode: bytes) -> None:
    info = TarHeader("long/" * 60)
    info.type, info.mode = kind, 0o755
    assert info.tobuf()[-tarfile.BLOCKSIZE :][100:108] == mode
    assert tarfile.TarInfo.frombuf(info.tobuf()[-tarfile.BLOCKSIZE :], "utf-8", "strict").mode & 0o7777 == 0o755


def test_a_layer_has_the_times(kept: RootFs) -> None:
    kept.touch("/d/made", GIVEN * SECOND, create=True)
    with tarfile.open(fileobj=io.BytesIO(Archive(kept).layer())) as tar:
        assert {member.name: member.mtime for member in tar}["d/made"] == GIVEN


def test_scripts_see_them_and_set_them(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with lab(tmp_path) as made:
            container = await made.start("alpine", command=("sleep", "100"))
            script = (
                "stat -c %Y /etc/alpine-release; touch -d '2001-02-03 04:05:06' /tmp/a; stat -c %Y /tmp/a; "
                "touch -r /tmp/a /tmp/b; ls -l /tmp/b; cp /tmp/b /tmp/c; echo >> /tmp/b; ls -t /tmp | head -1"
            )
            alpine = CATALOGUE.find("alpine")
            assert alpine is not None
            code, told = await run(container, "sh", "-c", script)
            assert code == 0
            assert told.decode().splitlines() == [
                str(alpine.created // SECOND),
                str(GIVEN),
                "-rw-r--r--    1 root     root             0 Feb  3  2001 /tmp/b",
                "b",
            ]

    asyncio.run(scenario())
