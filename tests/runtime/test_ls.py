"""`ls`, as busybox prints it; compared with a real container."""

import asyncio
import re
from pathlib import Path

import pytest

from swarmlab.clock import ScaledClock
from swarmlab.runtime.base import File

from .support import lab, output, run

_SETUP = "mkdir -p /t/d; cd /t; echo hi > a; echo x > .h; ln -s a l; chmod 4755 a; touch old; chmod 1777 d; "
_WHEN = "<when>"


def listed(state: Path, script: str) -> str:
    """What a script prints in a container with a secret, dates replaced."""

    async def main() -> bytes:
        async with lab(state) as made:
            secret = File(path="/run/secrets/key", data=b"12345", uid=65534, gid=65534, mode=0o400, secret=True)
            container = await made.start("alpine", "sh", "-c", _SETUP + script, files=(secret,))
            await asyncio.wait_for(container.wait(), 30)
            return await output(container)

    said = asyncio.run(main()).decode()
    return re.sub(r"[A-Z][a-z]{2} [ \d]\d \d\d:\d\d", _WHEN, said)


@pytest.mark.parametrize(
    ("script", "text"),
    [
        ("ls", "a\nd\nl\nold\n"),
        ("ls -a", ".\n..\n.h\na\nd\nl\nold\n"),
        ("ls -A", ".h\na\nd\nl\nold\n"),
        ("ls -r", "old\nl\nd\na\n"),
        ("ls -F", "a*\nd/\nl@\nold\n"),
        ("ls -S", "d\na\nl\nold\n"),
        ("ls -d d", "d\n"),
        ("ls a d", "a\n\nd:\n"),
        ("ls -R /t", "/t:\na\nd\nl\nold\n\n/t/d:\n"),
        ("ls nosuch; echo $?", "ls: nosuch: No such file or directory\n1\n"),
        ("ls -z", "ls: invalid option -- 'z'\n"),
        (
            "ls -la",
            "total 20\n"
            f"drwxr-xr-x    3 root     root          4096 {_WHEN} .\n"
            f"drwxr-xr-x    1 root     root          4096 {_WHEN} ..\n"
            f"-rw-r--r--    1 root     root             2 {_WHEN} .h\n"
            f"-rwsr-xr-x    1 root     root             3 {_WHEN} a\n"
            f"drwxrwxrwt    2 root     root          4096 {_WHEN} d\n"
            f"lrwxrwxrwx    1 root     root             1 {_WHEN} l -> a\n"
            f"-rw-r--r--    1 root     root             0 {_WHEN} old\n",
        ),
        (
            # The engine's directory is the container's alone, the one above it the image's, too.
            "ls -la /run/secrets",
            "total 12\n"
            f"drwxr-xr-x    2 root     root          4096 {_WHEN} .\n"
            f"drwxr-xr-x    1 root     root          4096 {_WHEN} ..\n"
            f"-r--------    1 nobody   nobody           5 {_WHEN} key\n",
        ),
        ("ls -l /run/secrets", f"total 4\n-r--------    1 nobody   nobody           5 {_WHEN} key\n"),
        ("ls -n /run/secrets/key", f"-r--------    1 65534    65534            5 {_WHEN} /run/secrets/key\n"),
        ("head -c 2000 /dev/zero > b; ls -lh b", f"-rw-r--r--    1 root     root        2.0K {_WHEN} b\n"),
    ],
)
def test_what_is_listed(tmp_path: Path, script: str, text: str) -> None:
    assert listed(tmp_path, script) == text


def test_a_unix_socket_is_listed_as_one(tmp_path: Path) -> None:
    script = "import os, socket, time; os.mkdir('/srv/s'); held = socket.socket(socket.AF_UNIX); "
    script += "held.bind('/srv/s/ctl'); held.listen(); print('bound', flush=True); time.sleep(60)"

    async def main() -> None:
        async with lab(tmp_path, ScaledClock()) as made:
            container = await made.start("python", "python", "-c", script)
            while not await output(container):  # noqa: ASYNC110 (another process)
                await asyncio.sleep(0.02)

            code, listing = await run(container, "ls", "-lF", "/srv/s")
            assert code == 0
            assert re.fullmatch(rb"total 0\nsrwxr-xr-x    1 root     root             0 [\w :]+ ctl=\n", listing)
            assert await run(container, "ls", "/srv/s") == (0, b"ctl\n")

    asyncio.run(asyncio.wait_for(main(), 60))
