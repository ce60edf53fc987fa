"""What stands for the commands of an image, as one who looks around sees it."""

import asyncio
from pathlib import Path

import pytest

from .support import CATALOGUE, Lab, lab, run


async def shell(here: Lab, image: str, script: str) -> str:
    box = await here.start(image, "sleep", "1000")
    return (await run(box, "sh", "-c", script))[1].decode()


def test_alpines_commands_are_links_to_busybox(tmp_path: Path) -> None:
    async def test() -> None:
        async with lab(tmp_path) as here:
            said = await shell(here, "alpine", "readlink /bin/sh /usr/bin/env /sbin/ip; which ps env ip; ls /bin/bash")
            assert said.splitlines() == [
                *["/bin/busybox"] * 3, "/bin/ps", "/usr/bin/env", "/sbin/ip",
                "ls: /bin/bash: No such file or directory",
            ]  # fmt: skip

    asyncio.run(test())


@pytest.mark.parametrize("image", ["alpine", "busybox", "python:3-alpine"])
def test_busybox_is_what_it_is_called(tmp_path: Path, image: str) -> None:
    script = (
        "echo abc > /tmp/x; /bin/cat /tmp/x; /bin/busybox cat /tmp/x; busybox wc -c < /tmp/x; "
        "echo x | $(which tr) x y; ln -s /bin/busybox /tmp/tac; /tmp/tac /tmp/x; busybox --list | grep -c .; "
        "busybox nope 2>&1; echo $?; busybox | head -n 1; cd /bin && ./echo here; /bin/ash -c 'echo ash'"
    )

    async def test() -> None:
        async with lab(tmp_path) as here:
            said = (await shell(here, image, script)).splitlines()
            assert said[:5] == ["abc", "abc", "4", "y", "abc"]
            assert int(said[5]) > 100
            assert said[6:] == ["nope: applet not found", "127", "BusyBox v1.37.0 multi-call binary.", "here", "ash"]

    asyncio.run(test())


@pytest.mark.parametrize("image", ["alpine", "busybox"])
def test_whatever_busybox_is_said_to_have_is_there(tmp_path: Path, image: str) -> None:
    """None of them leads to itself."""
    script = (
        "for each in $(busybox --list | grep -vxE 'ps|setsid'); do "
        "found=$(which $each) || { echo no $each; continue; }; "
        'timeout 1 $found --help </dev/null 2>&1 | grep -E "fork|not found"; done; echo end'
    )

    async def test() -> None:
        async with lab(tmp_path) as here:
            assert await shell(here, image, script) == "end\n"

    asyncio.run(test())


def test_an_exec_of_a_link_is_the_command(tmp_path: Path) -> None:
    async def test() -> None:
        async with lab(tmp_path) as here:
            box = await here.start("alpine", "sleep", "1000")
            await run(box, "sh", "-c", "echo abc > /tmp/x")
            for command in (("/bin/cat",), ("/bin/busybox", "cat"), ("busybox", "cat")):
                assert await run(box, *command, "/tmp/x") == (0, b"abc\n")

    asyncio.run(test())


def test_images_of_debian_have_no_busybox(tmp_path: Path) -> None:
    assert CATALOGUE.find("debian") is not None

    async def test() -> None:
        async with lab(tmp_path) as here:
            said = await shell(here, "debian", "ls /bin/busybox 2>&1 | wc -l; test -L /bin/cat; echo $?; /bin/echo x")
            assert said == "1\n1\nx\n"

    asyncio.run(test())
