"""Files on this machine's disk: what containers do to one at a time, and how much there may be."""

import asyncio
import errno
import io
import os
import tarfile
from pathlib import Path

import pytest

from swarmlab.clock import ScaledClock
from swarmlab.runtime.base import Mount
from swarmlab.runtime.virtual.files.quota import LEAST_FREE, Quota, used
from swarmlab.runtime.virtual.files.realtree import RealTree
from tests.runtime.support import lab, output, run

_PLENTY = LEAST_FREE + (1 << 40)


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    folder = tmp_path / "volume"
    folder.mkdir()
    return folder


def test_lines_of_two_containers_in_one_file_are_all_kept(tmp_path: Path, volume: Path) -> None:
    script = "i=0; while [ $i -lt 300 ]; do echo $HOSTNAME $i >> /data/log; i=$((i+1)); done"

    async def main() -> None:
        async with lab(tmp_path / "lab", ScaledClock()) as made:
            mounts = (Mount("/data", volume),)
            both = [await made.start("alpine", "sh", "-c", script, mounts=mounts) for _ in range(2)]
            assert await asyncio.gather(*(each.wait() for each in both)) == [0, 0]

    asyncio.run(main())
    assert len((volume / "log").read_text().splitlines()) == 600


def test_a_full_disk_is_told_to_who_writes_and_room_that_is_made_is_room(tmp_path: Path, volume: Path) -> None:
    quota = Quota((volume,), most=100_000, free=lambda path: _PLENTY)

    async def main() -> None:
        async with lab(tmp_path / "lab", ScaledClock(), quota=quota) as made:
            container = await made.start("alpine", "sleep", "1000", mounts=(Mount("/data", volume),))
            assert (await run(container, "sh", "-c", "head -c 40000 /dev/zero > /data/a; cp /data/a /data/b"))[0] == 0
            code, text = await run(container, "sh", "-c", "cat /data/a > /data/c")
            assert (code, text) == (1, b"cat: write error: No space left on device\n")
            code, text = await run(container, "sh", "-c", "cp /data/a /data/d")
            assert (code, text) == (1, b"cp: write error: No space left on device\n")
            assert (await run(container, "sh", "-c", "rm /data/b /data/c; cp /data/a /data/d"))[0] == 0

    asyncio.run(main())
    assert used(volume) <= 100_000


def test_what_a_disk_has_left_is_never_used_up(volume: Path) -> None:
    free = LEAST_FREE + 5_000
    elsewhere = Quota((), free=lambda path: free)
    elsewhere.take(str(volume), 5_000)
    with pytest.raises(OSError, match="No space left on device") as caught:
        elsewhere.take(str(volume), 5_001)
    assert caught.value.errno == errno.ENOSPC


def test_no_path_and_no_link_leads_out_of_a_directory(tmp_path: Path, volume: Path) -> None:
    (tmp_path / "outside").write_text("not yours")
    tree = RealTree(volume, Quota(()), is_whole=False)
    with pytest.raises(FileNotFoundError):
        tree.read("/../outside")
    for target in ("/etc/passwd", "../outside"):
        with pytest.raises(PermissionError):
            tree.symlink(target, "/link")
    os.symlink(tmp_path / "outside", volume / "link")
    for reach in (lambda: tree.read("/link"), lambda: tree.write("/link", b"x"), lambda: tree.append("/link", b"x")):
        with pytest.raises(PermissionError):
            reach()
    assert (tmp_path / "outside").read_text() == "not yours"


def test_a_hard_link_is_written_by_one_side_only(tmp_path: Path, volume: Path) -> None:
    (tmp_path / "package.py").write_text("shared")
    os.link(tmp_path / "package.py", volume / "package.py")
    RealTree(volume, Quota(()), is_whole=True).append("/package.py", b", and changed")
    assert (tmp_path / "package.py").read_text() == "shared"
    assert (volume / "package.py").read_text() == "shared, and changed"


def test_a_unix_socket_of_python_is_in_no_archive(tmp_path: Path) -> None:
    script = (
        "import socket, time; s = socket.socket(socket.AF_UNIX); s.bind('/srv/ctl'); print('bound', flush=True); "
        "time.sleep(99)"
    )

    async def main() -> None:
        async with lab(tmp_path, ScaledClock()) as made:
            container = await made.start("python", "python", "-c", script)
            while not await output(container):  # noqa: ASYNC110 (another process)
                await asyncio.sleep(0.02)
            assert container.stat("/srv/ctl").kind == "socket"
            with tarfile.open(fileobj=io.BytesIO(container.pack("/srv"))) as tar:
                assert tar.getnames() == ["srv"]
            assert b"ctl" not in container.rootfs() + container.layer()

    asyncio.run(main())


def test_the_time_of_a_file_can_be_set(tmp_path: Path, volume: Path) -> None:
    async def main() -> None:
        async with lab(tmp_path / "lab", ScaledClock()) as made:
            container = await made.start("alpine", "sleep", "1000", mounts=(Mount("/data", volume),))
            assert await run(container, "touch", "/data/new", "/tmp/new") == (0, b"")
            assert await run(container, "touch", "-d", "2001-02-03 04:05:06", "/data/old") == (0, b"")
            assert await run(container, "touch", "-c", "/data/none") == (0, b"")
            assert (await run(container, "touch", "/no/such"))[1] == b"touch: /no/such: No such file or directory\n"

    asyncio.run(main())
    assert sorted(os.listdir(volume)) == ["new", "old"]
    assert (volume / "old").stat().st_mtime == 981173106
