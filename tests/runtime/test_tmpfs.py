"""A tmpfs of a certain size and mode is what was asked for, as the tools of a real container see it."""

import asyncio
import re
from pathlib import Path

import pytest

from swarmlab.clock import ScaledClock
from swarmlab.runtime.base import Mount
from swarmlab.runtime.virtual.files.private import private_folder

from .support import lab, output, run


def seen(state: Path, script: str, *options: str, image: str = "alpine") -> str:
    """What a script prints in a container with a tmpfs at /t."""

    async def main() -> str:
        async with lab(state, ScaledClock()) as made:
            container = await made.start(image, "sh", "-c", script, mounts=(Mount("/t", options=options),))
            await asyncio.wait_for(container.wait(), 30)
            return ((await output(container, "stdout")) + (await output(container, "stderr"))).decode()

    return re.sub(r"[A-Z][a-z]{2} [ \d]\d \d\d:\d\d", "<when>", asyncio.run(main()))


def test_a_full_one_takes_as_much_as_it_has_room_for(tmp_path: Path) -> None:
    script = """
ls -ld /t; dd if=/dev/zero of=/t/x bs=1024 count=200 status=noxfer; echo $?; ls -l /t; df /t
echo more > /t/y; echo $?; rm /t/x; echo more > /t/y; echo $?; chmod 711 /t; ls -ld /t
"""
    assert seen(tmp_path, script, "size=64k", "mode=700") == (
        "drwx------    2 root     root            40 <when> /t\n"
        "1\n"
        "total 64\n-rw-r--r--    1 root     root         65536 <when> x\n"
        "Filesystem           1K-blocks      Used Available Use% Mounted on\n"
        "tmpfs                       64        64         0 100% /t\n"
        "1\n0\n"
        "drwx--x--x    2 root     root            60 <when> /t\n"
        "dd: error writing '/t/x': No space left on device\n"
        "65+0 records in\n64+0 records out\n"
        "sh: write error: No space left on device\n"
    )


@pytest.mark.parametrize(
    ("options", "shown"),
    [((), "drwxrwxrwt    2 root     root "), (("size=1024k", "uid=7", "gid=8"), "drwxrwxrwt    2 7        8    ")],
)
def test_one_belongs_to_root_and_everybody_may_write_unless_something_else_is_asked_for(
    tmp_path: Path, options: tuple[str, ...], shown: str
) -> None:
    assert seen(tmp_path, "ls -ldn /t" if options else "ls -ld /t", *options).startswith(shown)


def test_python_sees_the_same_files(tmp_path: Path) -> None:
    script = """
echo one > /t/a
python -c "import os; print(os.path.ismount('/t'), oct(os.stat('/t').st_mode), os.listdir('/t'))
open('/t/b', 'w').write('two')"
cat /t/b
"""
    assert seen(tmp_path, script, "size=64k", "mode=750", image="python") == "True 0o40750 ['a']\ntwo"


def test_it_is_empty_at_each_start_and_nowhere_when_the_container_is_gone(tmp_path: Path) -> None:
    async def main() -> None:
        async with lab(tmp_path, ScaledClock()) as made:
            mounts = (Mount("/t", options=("size=64k",)),)
            container = made.create("alpine", "sh", "-c", "ls /t; echo x > /t/file", mounts=mounts)
            for _ in range(2):
                await container.start()
                await container.wait()
                assert await output(container) == b""
                assert list(private_folder(tmp_path).iterdir()) == []
            await container.start()
            container.kill()
            assert await run(await made.start("alpine", "sleep", "9", mounts=mounts), "ls", "/t") == (0, b"")

    asyncio.run(main())
