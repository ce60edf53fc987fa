"""What holds Python programs back: processes, memory, files, output."""

import asyncio
import os
import resource
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from swarmlab.clock import ScaledClock
from swarmlab.runtime.base import Mount
from swarmlab.runtime.virtual.files import diskguard
from swarmlab.runtime.virtual.files.quota import Quota, used
from swarmlab.runtime.virtual.logs import MAX_BYTES
from swarmlab.runtime.virtual.processes import watch
from swarmlab.runtime.virtual.processes.leftovers import MARK

from .support import Lab, lab, output, ran, wait_for_output, within

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
