import asyncio
import importlib
import os
import resource
import signal
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest

from swarmlab.clock import ScaledClock
from swarmlab.images import Image
from swarmlab.images.layer import Bytes
from swarmlab.runtime.base import Container, File, Mount
from swarmlab.runtime.virtual import VirtualRuntime
from swarmlab.runtime.virtual.files import diskguard
from swarmlab.runtime.virtual.files.quota import Quota, used
from swarmlab.runtime.virtual.logs import MAX_BYTES
from swarmlab.runtime.virtual.processes import watch
from swarmlab.runtime.virtual.processes.leftovers import MARK
from swarmlab.runtime.virtual.shim import landlock

from .support import CATALOGUE, Lab, fetch, lab, output, run, wait_for_output

#: The Python of a Linux system, if it has one; its prefix is /usr.
SYSTEMS = Path("/usr/bin/python3")


def within(state: Path, test: Any) -> None:
    async def main() -> None:
        async with lab(state, ScaledClock()) as made:
            await asyncio.wait_for(test(made), 60)

    asyncio.run(main())


async def ran(made: Lab, *command: str, **changes: Any) -> tuple[int, str]:
    """A container's life: its exit code and what it wrote."""
    container = await made.start("python", *command, **changes)
    return await container.wait(), (await output(container)).decode()


async def listening(container: Container, port: int) -> None:
    while port not in container.ports():  # noqa: ASYNC110 (a server in another process)
        await asyncio.sleep(0.02)


def test_a_program_sees_its_container(tmp_path: Path) -> None:
    script = "import os, socket, sys; print(os.getcwd(), socket.gethostname(), os.uname().nodename, os.getuid(), "
    script += "open('/run/secrets/key').read(), 'www-data' in open('/etc/passwd').read(), os.path.isdir('/var/lib'), "
    script += "sys.argv, os.environ['GREETING'], 'SWARMLAB_SHIM' in os.environ, os.path.exists('/proc/self'))"

    async def test(made: Lab) -> None:
        found = await ran(
            made, "python", "-c", script, "a", "b", env=("GREETING=hello",), user="www-data", working_dir="/srv",
            files=(File("/run/secrets/key", b"geheim", secret=True),),
        )  # fmt: skip
        assert found == (0, "/srv host1 host1 33 geheim True True ['-c', 'a', 'b'] hello False True\n")

    within(tmp_path, test)


def test_a_script_and_the_shell_have_the_same_files(tmp_path: Path) -> None:
    script = """
mkdir /app && cd /app
printf 'import helper\\nprint(__file__, helper.X)\\nopen("/app/out.txt", "w").write("written")\\n1/0\\n' > main.py
echo X=5 > helper.py
python main.py 2> /tmp/complaint; echo "code $?"; cat /tmp/complaint
cat out.txt; ls
python -m json.tool helper.py > /dev/null || echo "no JSON"
echo 'print("from standard input")' | python
python nosuch.py
"""

    async def test(made: Lab) -> None:
        code, shown = await ran(made, "sh", "-c", script)
        assert code == 2
        assert shown.startswith("/app/main.py 5\ncode 1\nTraceback (most recent call last):\n")
        assert '  File "/app/main.py", line 4, in <module>\n    1/0\n' in shown
        assert "ZeroDivisionError: division by zero\nwritten" in shown
        assert "helper.py\nmain.py\nout.txt\n" in shown
        assert "no JSON\n" in shown
        assert "from standard input\n" in shown
        assert shown.endswith("python: can't open file '/app/nosuch.py': [Errno 2] No such file or directory\n")
        assert str(tmp_path) not in shown

    within(tmp_path, test)


def test_mounted_folders_are_read_and_written(tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (project / "app.py").write_text(
        "import os; os.makedirs('made/here'); print(os.getcwd(), sorted(os.listdir('/application')))"
    )

    async def test(made: Lab) -> None:
        mount = Mount(target="/application", source=project)
        found = await ran(made, "python", "app.py", mounts=(mount,), working_dir="/application")
        assert found == (0, "/application ['app.py', 'made']\n")

    within(tmp_path / "state", test)
    assert (project / "made").is_dir()


def test_sqlite_keeps_its_files_in_the_container(tmp_path: Path) -> None:
    script = "import sqlite3; db = sqlite3.connect({}); print(db.execute('create table t (a)').rowcount)"

    async def test(made: Lab) -> None:
        lines = [f'python -c "{script.format(name)}"' for name in ("'/srv/a.db'", "database='/srv/b.db'", "':memory:'")]
        assert await ran(made, "sh", "-c", "; ".join([*lines, "ls /srv"])) == (0, "-1\n-1\n-1\na.db\nb.db\n")

    within(tmp_path, test)


def test_errors_name_paths_as_the_container_does(tmp_path: Path) -> None:
    async def test(made: Lab) -> None:
        code, shown = await ran(made, "python", "-c", "open('/etc/nosuch')")
        assert (code, shown.splitlines()[-1]) == (
            1,
            "FileNotFoundError: [Errno 2] No such file or directory: '/etc/nosuch'",
        )
        assert "shim" not in shown
        assert (await ran(made, "python", "-c", "import sys; sys.exit(7)"))[0] == 7
        assert (await ran(made, "python", "--bad"))[0] == 2
        assert (await ran(made, "python", "-c", "import aiohttp"))[1].splitlines()[-1] == (
            "ModuleNotFoundError: No module named 'aiohttp'"
        )

    within(tmp_path, test)


def test_serves_on_the_container_s_port(tmp_path: Path) -> None:
    async def test(made: Lab) -> None:
        container = await made.start("python", "python", "-u", "-m", "http.server", "8000", working_dir="/etc")
        await listening(container, 8000)
        assert (await fetch(container, 8000, "/hostname"))[1] == b"host1\n"
        assert (await run(container, "wget", "-qO-", "http://localhost:8000/hostname")) == (0, b"host1\n")
        script = "import urllib.request as r; print(r.urlopen('http://127.0.0.1:8000/hostname').read())"
        assert await run(container, "python", "-c", script) == (0, b"b'host1\\n'\n")
        assert b"Serving HTTP on 0.0.0.0 port 8000 (http://0.0.0.0:8000/) ..." in await output(container)
        taken = await run(container, "python", "-c", "import socket; socket.create_server(('', 8000))")
        assert taken[0] == 1
        assert b"Address already in use" in taken[1]
        script = "import socket; s = socket.create_server(('', 81)); print(s.getsockname())"
        assert await run(container, "python", "-c", script) == (0, b"('0.0.0.0', 81)\n")
        assert 81 not in container.ports()
        script = "import socket; socket.create_connection(('localhost', 9))"
        assert b"ConnectionRefusedError: [Errno 111]" in (await run(container, "python", "-c", script))[1]
        script = "import socket; socket.getaddrinfo('nosuch', 80)"
        assert (
            b"socket.gaierror: [Errno -2] Name or service not known"
            in (await run(container, "python", "-c", script))[1]
        )

    within(tmp_path, test)


def test_the_first_process_ignores_what_it_does_not_handle(tmp_path: Path) -> None:
    handler = (
        "import signal, sys, time; signal.signal(15, lambda *a: sys.exit(3)); print('on', flush=True); time.sleep(60)"
    )

    async def test(made: Lab) -> None:
        deaf = await made.start("python", "python", "-c", "print('on', flush=True); import time; time.sleep(60)")
        polite = await made.start("python", "python", "-c", handler)
        for container in (deaf, polite):
            async for _ in container.logs(follow=True):
                break
        await polite.stop(10)
        assert await polite.wait() == 3
        await deaf.stop(0.2)
        assert await deaf.wait() == 137

    within(tmp_path, test)


def test_nothing_runs_on_after_the_container_has_ended(tmp_path: Path) -> None:
    script = "import os, subprocess, time\nchild = subprocess.Popen(['sleep', '600'], start_new_session=True)\n"
    script += "print(child.pid, flush=True)\nif os.fork() == 0: os.setsid(); time.sleep(600)\ntime.sleep(600)"

    async def test(made: Lab) -> None:
        container = await made.start("python", "python", "-c", script)
        async for line in container.logs(follow=True):
            child = psutil.Process(int(line.data))
            break
        family = [*psutil.Process(child.ppid()).children(recursive=True)]
        assert child in family
        container.kill()
        assert await container.wait() == 137
        assert psutil.wait_procs(family, timeout=5)[1] == []

    within(tmp_path, test)


FORKS = (
    "import os, time\nwhile os.fork():\n    pass\nos.setsid()\ntime.sleep(600)",
    "import os\nwhile True:\n    try:\n        os.fork()\n    except OSError:\n        pass",
    "import subprocess, sys\nwhile True:\n    subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])",
)


@pytest.mark.parametrize("script", FORKS)
def test_a_program_that_forks_for_ever_is_killed_and_nothing_else_is(
    tmp_path: Path, script: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "MOST_PROCESSES", 30)
    most = 0

    async def test(made: Lab) -> None:
        nonlocal most
        bystander = await made.start("python", "python", "-c", "import time; time.sleep(600)")
        container = await made.start("python", "python", "-c", script)
        ended = asyncio.ensure_future(container.wait())
        while not ended.done():
            most = max(most, sum("launch.py" in " ".join(process.info["cmdline"] or ()) for process in processes()))
            await asyncio.sleep(0.05)
        assert await ended == 137
        assert (await output(container)).endswith(
            b"swarmlab: more than 30 processes in one container; all of them are killed\n"
        )
        assert bystander.pid

    def processes() -> Iterator[psutil.Process]:
        return (process for process in psutil.process_iter(["cmdline"]) if _is_ours(process))

    def _is_ours(process: psutil.Process) -> bool:
        try:
            return Path(process.environ().get(MARK, "")).is_relative_to(tmp_path)
        except psutil.Error:
            return False

    within(tmp_path, test)
    # The bystander, and those that had been admitted, but had not begun, when somebody looked: each has one parent.
    assert most <= 1 + 2 * 30


def test_a_program_whose_processes_end_may_make_as_many_as_it_likes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "MOST_PROCESSES", 30)

    async def test(made: Lab) -> None:
        script = "import os\nfor _ in range(100):\n    if not os.fork(): os._exit(0)\n    os.wait()\nprint('done')"
        assert await ran(made, "python", "-c", script) == (0, "done\n")

    within(tmp_path, test)


def test_programs_are_nicer_than_the_lab_and_so_is_what_they_start(tmp_path: Path) -> None:
    script = "import os, subprocess; print(os.getpriority(os.PRIO_PROCESS, 0), flush=True); "
    script += "subprocess.run(['python', '-c', 'import os; print(os.getpriority(os.PRIO_PROCESS, 0))'])"

    async def test(made: Lab) -> None:
        expected = min(os.getpriority(os.PRIO_PROCESS, 0) + 10, 19)
        assert await ran(made, "python", "-c", script) == (0, f"{expected}\n{expected}\n")

    within(tmp_path, test)


def test_a_program_that_needs_too_much_memory_is_killed(tmp_path: Path) -> None:
    async def test(made: Lab) -> None:
        script = "import time; kept = bytearray(b'x') * (96 << 20); time.sleep(600)"
        container = await made.start("python", "python", "-c", script, memory=64 << 20)
        assert await container.wait() == 137
        assert container.oom_killed
        modest = await made.start("python", "python", "-c", "import time; time.sleep(1.2)", memory=64 << 20)
        assert await modest.wait() == 0
        assert not modest.oom_killed

    within(tmp_path, test)


def test_a_file_that_grows_for_ever_fails_as_on_a_full_disk(tmp_path: Path) -> None:
    async def test(made: Lab) -> None:
        code, shown = await ran(made, "python", "-c", "import os; f = open('/tmp/f', 'wb'); f.truncate(2 << 30)")
        assert (code, shown.splitlines()[-1]) == (1, "OSError: [Errno 27] File too large")

    within(tmp_path, test)


def test_the_one_that_fills_the_disk_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diskguard, "_LEAST_FREE", 1 << 62)
    monkeypatch.setattr(diskguard, "_MUCH", 3 << 20)
    script = "import time\nopen('/tmp/x', 'wb').write(bytes({}))\ntime.sleep(600)"

    async def test(made: Lab) -> None:
        modest = await made.start("python", "python", "-c", script.format(1 << 20))
        greedy = await made.start("python", "python", "-c", script.format(4 << 20))
        assert await greedy.wait() == 137
        said = await output(greedy)
        assert (
            said == b"swarmlab: this machine's disk is nearly full; this container, which has written 4 MB, is killed\n"
        )
        assert modest.pid

    within(tmp_path, test)


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="the system cannot hold another process back")
def test_what_programs_write_to_volumes_is_bounded_and_they_go_on_when_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(diskguard, "STEP", 1 << 20)
    monkeypatch.setattr(diskguard, "_PAUSE", 0.1)
    monkeypatch.setattr(watch, "_PAUSE", 0.05)
    volume = tmp_path / "volume"
    volume.mkdir()
    greedy = """
import time
number = 0
while True:
    try:
        with open(f"/data/{number}", "wb", buffering=0) as file:
            file.write(bytes(1 << 20))
        number += 1
    except OSError as error:
        print(error.strerror, flush=True)
    time.sleep(0.02)
"""
    modest = "import time\nwhile True:\n    open('/data/modest', 'w').write('x')\n    time.sleep(0.05)"

    async def main() -> None:
        async with lab(tmp_path / "lab", ScaledClock(), Quota((volume,), most=8 << 20)) as made:
            mounts = (Mount("/data", volume),)
            other = await made.start("python", "python", "-c", modest, mounts=mounts)
            container = await made.start("python", "python", "-c", greedy, mounts=mounts)
            await wait_for_output(container, b"File too large")
            assert b"swarmlab: the lab's containers and volumes have 0.0 GB on this machine's disk" in await output(
                container
            )
            full = used(volume)
            for _ in range(5):
                refused = (await output(container)).count(b"too large")
                while (await output(container)).count(b"too large") == refused:  # noqa: ASYNC110 (another process)
                    await asyncio.sleep(0.02)
            assert used(volume) == full
            for path in volume.glob("?"):
                path.unlink()
            while not list(volume.glob("??")):  # noqa: ASYNC110 (another process)
                await asyncio.sleep(0.02)
            assert other.pid
            assert await output(other) == b""

    asyncio.run(asyncio.wait_for(main(), 60))


def test_a_flood_of_output_is_bounded(tmp_path: Path) -> None:
    async def test(made: Lab) -> None:
        container = await made.start("python", "python", "-c", "while True: print('flood' * 20)")
        # What the lab itself does between two turns of its loop, however much else the machine has to do.
        worst, written = 0.0, 0
        attachment = container.attach()
        async for _, data in attachment:
            before = time.thread_time()
            await asyncio.sleep(0)
            worst = max(worst, time.thread_time() - before)
            if (written := written + len(data)) > MAX_BYTES // 4:
                break
        attachment.close()
        assert worst < 0.5
        container.kill()
        assert await container.wait() == 137
        assert 0 < len(await output(container)) <= MAX_BYTES

    within(tmp_path, test)


async def interrupted(container: Container) -> int:
    """The exit code of a program that Ctrl-C ends, typed once it runs: in its first moments Python makes 1 of it."""
    up = asyncio.Event()

    async def collect(stream: str, data: bytes) -> None:
        if b"up" in data:
            up.set()

    async def keys() -> AsyncIterator[bytes]:
        await up.wait()
        yield b"\x03"

    program = "import time; print('up', flush=True); time.sleep(600)"
    return await container.exec(("python", "-c", program), collect, stdin=keys(), tty=True)


def test_the_interpreter_at_a_terminal(tmp_path: Path) -> None:
    async def test(made: Lab) -> None:
        container = await made.start("python", "sleep", "600")
        keys = [b"import sys, os\r", b"print(sys.stdin.isatty(), 6 * 7)\r", b"exit()\r"]
        code, shown = await run(container, "python", tty=True, stdin=keys)
        assert code == 0
        assert b">>> " in shown
        assert b"True 42\r\n" in shown
        assert await interrupted(container) == 130

    within(tmp_path, test)


def test_ctrl_c_reaches_programs_of_a_lab_that_was_started_to_ignore_it(tmp_path: Path) -> None:
    async def test(made: Lab) -> None:
        container = await made.start("python", "sleep", "600")
        assert await interrupted(container) == 130

    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        within(tmp_path, test)
    finally:
        signal.signal(signal.SIGINT, before)


def test_commands_that_are_python_scripts(tmp_path: Path) -> None:
    script = b"#!/usr/bin/env python3\nimport sys\nprint('ran', sys.argv[1:])\n"
    files = (File("/usr/local/bin/tool", script, mode=0o755),)

    async def test(made: Lab) -> None:
        assert await ran(made, "tool", "a", files=files) == (0, "ran ['a']\n")
        assert await ran(made, "sh", "-c", "tool b && echo well", files=files) == (0, "ran ['b']\nwell\n")

    within(tmp_path, test)


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


def test_a_program_can_start_itself_again_with_the_words_it_was_started_with(tmp_path: Path) -> None:
    script = (
        "import os, subprocess, sys\n"
        "print(sys.orig_argv[1:], flush=True)\n"
        "if 'AGAIN' not in os.environ:\n"
        "    subprocess.call([sys.executable, *sys.orig_argv[1:]], env={**os.environ, 'AGAIN': '1'})\n"
    )

    async def main() -> None:
        async with lab(tmp_path, ScaledClock()) as made:
            container = await made.start("python", "python", "-c", script, "word")
            assert await container.wait() == 0
            first, second = (await output(container)).splitlines()
            assert first == second
            assert first.endswith(b"'word']")

    asyncio.run(main())
