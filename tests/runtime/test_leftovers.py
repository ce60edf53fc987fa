import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from swarmlab.runtime.virtual.processes.leftovers import MARK, PIDS, forget, kill_left_behind, kill_marked, remember

SLEEPER = [sys.executable, "-c", "import time; time.sleep(600)"]


@pytest.fixture
def container(tmp_path: Path) -> Path:
    directory = tmp_path / "state" / "container"
    directory.mkdir(parents=True)
    return directory


@pytest.fixture
def stranger() -> Iterator["subprocess.Popen[bytes]"]:
    with subprocess.Popen(SLEEPER) as process:
        yield process
        assert process.poll() is None
        process.kill()


def test_kills_what_was_remembered_and_its_children(container: Path, stranger: "subprocess.Popen[bytes]") -> None:
    script = f"import subprocess; subprocess.Popen({SLEEPER!r}); print(flush=True); import time; time.sleep(600)"
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as process:
        remember(container, process.pid)
        assert process.stdout is not None
        process.stdout.readline()
        family = [psutil.Process(process.pid), *psutil.Process(process.pid).children()]
        assert len(family) == 2
        kill_left_behind(container.parent)
        assert psutil.wait_procs(family, timeout=10)[1] == []
    assert not container.exists()


def test_kills_what_has_lost_its_parent_by_its_mark(container: Path, stranger: "subprocess.Popen[bytes]") -> None:
    (container / PIDS).mkdir()
    script = (
        "import os, time\nif os.fork() == 0:\n    os.setsid()\n    print(os.getpid(), flush=True)\n    time.sleep(600)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, env={**os.environ, MARK: str(container)}
    ) as process:
        assert process.stdout is not None
        orphan = psutil.Process(int(process.stdout.readline()))
        process.wait()
        kill_left_behind(container.parent)
        assert psutil.wait_procs([orphan], timeout=10)[1] == []


def test_a_mark_of_another_container_is_left_alone(container: Path) -> None:
    other = container.parent / "container-2"
    with subprocess.Popen(SLEEPER, env={**os.environ, MARK: str(other)}) as process:
        kill_marked(container)
        assert process.poll() is None
        kill_marked(other)
        assert process.wait(10) < 0


def test_what_has_ended_is_forgotten(container: Path, stranger: "subprocess.Popen[bytes]") -> None:
    remember(container, stranger.pid)
    forget(container, stranger.pid)
    kill_left_behind(container.parent)
