"""Python programs in containers and the machine that they run on: its files, its Python, its time zones."""

import asyncio
import importlib
from pathlib import Path

import msgspec
import pytest

from swarmlab.clock import ScaledClock
from swarmlab.images import Image
from swarmlab.images.layer import Bytes
from swarmlab.runtime.base import File, Mount
from swarmlab.runtime.virtual import VirtualRuntime
from swarmlab.runtime.virtual.shim import landlock

from .support import CATALOGUE, Lab, output, ran, within

#: The Python of a Linux system, if it has one; its prefix is /usr.
SYSTEMS = Path("/usr/bin/python3")


_TRIES = """
import os, shutil, sqlite3, pathlib
secret, folder = {secret!r}, {folder!r}
for attempt in (
    lambda: open(secret).read(), lambda: open(folder + "/new", "w"), lambda: open(folder + "/new", "ab"),
    lambda: os.open(folder + "/new", os.O_CREAT), lambda: os.mkdir(folder + "/new"), lambda: os.remove(secret),
    lambda: os.rename(secret, folder + "/new"), lambda: os.symlink("x", folder + "/new"), lambda: os.listdir(folder),
    lambda: os.chdir(folder), lambda: os.truncate(secret, 0), lambda: shutil.rmtree(folder),
    lambda: pathlib.Path(folder, "new").touch(), lambda: os.utime(secret), lambda: os.chmod(secret, 0),
    lambda: open("../" * 50 + secret).read(), lambda: os.listdir("../" * 50 + folder),
    lambda: open("/.." * 50 + secret).read(), lambda: open("/etc/.." * 9 + "/.." * 50 + secret).read(),
    lambda: open("etc/" + "../" * 50 + secret).read(),
):
    try:
        print("got", attempt())
    except FileNotFoundError:
        pass
os.makedirs("/made/deep/er")
os.symlink("/made/deep/er", "/link")
print(os.path.exists(folder), os.access(secret, os.R_OK), sorted(os.listdir("../../..")) == sorted(os.listdir("/")))
print(os.listdir("/link/.."), os.listdir("/link/../.."), os.listdir("made/deep/.."))
deep = os.open("/made/deep", os.O_RDONLY)
print(os.listdir(os.open("..", os.O_RDONLY, dir_fd=deep)), os.stat("../deep", dir_fd=deep).st_nlink > 1)
os.rename("er", "../er", src_dir_fd=deep, dst_dir_fd=deep)
print(sorted(os.listdir("/made")))
try:
    print("got", os.stat(secret, dir_fd=deep))
except FileNotFoundError:
    pass
try:
    sqlite3.connect(folder + "/new").execute("create table t (a)")
except sqlite3.OperationalError as error:
    print(error)
"""


def test_a_program_neither_sees_nor_changes_what_this_machine_has_elsewhere(tmp_path: Path) -> None:
    """An absolute path is the container's, whether there is something or not; nothing is above its root directory."""
    (tmp_path / "mine").mkdir()
    secret = tmp_path / "mine" / "secret"
    secret.write_text("mine")
    script = _TRIES.format(secret=str(secret), folder=str(secret.parent))

    async def test(made: Lab) -> None:
        assert await ran(made, "python", "-c", script) == (
            0,
            "False False True\n['er'] ['deep'] ['deep']\n['deep'] True\n['deep', 'er']\nunable to open database file\n",
        )

    within(tmp_path / "state", test)
    assert secret.read_text() == "mine"
    assert list(secret.parent.iterdir()) == [secret]


@pytest.mark.skipif(not landlock.rights(), reason="no Landlock in this kernel")
def test_programs_of_this_machine_that_python_starts_change_nothing_outside_of_the_lab(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    mine = tmp_path / "mine" / "file"
    mine.write_text("mine")
    bound = tmp_path / "bound"
    bound.mkdir()
    script = (
        "import os, subprocess, sys\n"
        f"print([subprocess.run(['/bin/sh', '-c', line], stderr=subprocess.DEVNULL).returncode != 0 for line in "
        f"('rm {mine}', 'echo x >> {mine}', 'mkdir {mine}s', 'mv {mine} /data/got')], flush=True)\n"
        "os.system('echo made > /dev/null && echo made > made')\n"
        "print(open('/data/made').read())"
    )

    async def test(made: Lab) -> None:
        mounts = (Mount("/data", bound),)
        assert await ran(made, "python", "-c", script, mounts=mounts, working_dir="/data") == (
            0,
            "[True, True, True, True]\nmade\n\n",
        )

    within(tmp_path / "state", test)
    assert mine.read_text() == "mine"
    assert [path.name for path in bound.iterdir()] == ["made"]


def test_what_a_container_lacks_of_time_zones_is_this_machines(tmp_path: Path) -> None:
    async def test(made: Lab) -> None:
        script = "import zoneinfo; print(zoneinfo.ZoneInfo('Europe/Berlin').key)"
        assert await ran(made, "python", "-c", script) == (0, "Europe/Berlin\n")

    within(tmp_path, test)


@pytest.mark.skipif(not SYSTEMS.exists(), reason="no Python in /usr/bin")
def test_a_python_of_the_system_sees_the_containers_files_beside_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the lab runs on the system's Python, `/usr` is its prefix, and the container has a `/usr`, too."""
    program = importlib.import_module("swarmlab.runtime.virtual.programs.python")
    monkeypatch.setattr(program, "interpreter", lambda: SYSTEMS)
    files = (File("/usr/local/share/motd", b"hello"), File("/usr/lib/motd", b"again"))
    script = (
        "import sys, json, email.message, _ssl\n"
        "print(sys.base_prefix, open('/usr/local/share/motd').read(), open('/usr/lib/motd').read())\n"
        "open('/usr/made', 'w').write('made')"
    )

    async def test(made: Lab) -> None:
        container = await made.start("python", "python", "-c", script, files=files)
        assert (await container.wait(), await output(container)) == (0, b"/usr hello again\n")
        assert "/usr/made" in [change.path for change in container.changes()]

    within(tmp_path, test)
    assert not Path("/usr/made").exists()


def test_a_program_that_writes_a_package_writes_its_own(tmp_path: Path) -> None:
    package = "/usr/local/lib/python3/site-packages/shared.py"
    image = CATALOGUE.find("python")
    assert image is not None
    tree = image.tree()
    tree = tree._replace(files={**tree.files, package: Bytes(b"X = 1\n")})
    image = msgspec.structs.replace(image, id="sha256:1", tree=lambda: tree)
    ways = (
        f"open({package!r}, 'a').write('X = 2')",
        f"import os; os.truncate({package!r}, 0)",
        f"import os; os.write(os.open({package!r}, os.O_WRONLY), b'Y')",
        f"import pathlib; pathlib.Path({package!r}).chmod(0o600)",
    )

    class Only:
        def find(self, reference: str) -> Image | None:
            return image

    async def test() -> None:
        runtime = VirtualRuntime(ScaledClock(), Only(), tmp_path)
        made = Lab(runtime)
        for way in ways:
            container = await made.start("python", "python", "-c", way)
            assert await container.wait() == 0, await output(container)
            assert [change.path for change in container.changes()][-1:] == [package] or "chmod" in way
            code, found = await ran(
                made, "python", "-c", f"import shared, os; print(shared.X, os.stat({package!r}).st_mode)"
            )
            assert (code, found) == (0, f"1 {0o100644}\n")
        await runtime.close()

    asyncio.run(asyncio.wait_for(test(), 60))
