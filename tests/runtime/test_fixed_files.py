"""Configs and secrets in a container's shell: mounted read-only, one by one."""

import asyncio
import io
import tarfile
from pathlib import Path

import pytest

from swarmlab.runtime.base import Change, File

from .support import lab, run

FILES = (File("/etc/app.conf", b"conf\n", 70, 70, 0o400), File("/run/secrets/key", b"key\n", secret=True))


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("echo x > /run/secrets/key", "sh: can't create /run/secrets/key: Read-only file system\n"),
        ("echo x >> /etc/app.conf; cat /etc/app.conf", "sh: can't create /etc/app.conf: Read-only file system\nconf\n"),
        ("rm -f /etc/app.conf", "rm: can't remove '/etc/app.conf': Device or resource busy\n"),
        ("rm -rf /run/secrets; cat /run/secrets/key",
         "rm: can't remove '/run/secrets': Device or resource busy\nkey\n"),
        ("touch /etc/app.conf", "touch: /etc/app.conf: Read-only file system\n"),
        ("chmod 777 /etc/app.conf", "chmod: /etc/app.conf: Read-only file system\n"),
        ("cp /etc/app.conf /tmp/a && cat /tmp/a && stat -c '%a %u %g' /etc/app.conf", "conf\n400 70 70\n"),
        ("su nobody -s /bin/sh -c 'cat /run/secrets/key /etc/app.conf'",
         "key\ncat: can't open '/etc/app.conf': Permission denied\n"),
    ],
)  # fmt: skip
def test_nobody_changes_them(tmp_path: Path, script: str, expected: str) -> None:
    async def test() -> None:
        async with lab(tmp_path) as here:
            box = await here.start("alpine", "sleep", "1000", files=FILES)
            _, said = await run(box, "sh", "-c", script)
            # The streams come by themselves.
            assert sorted(said.decode().splitlines()) == sorted(expected.splitlines())

    asyncio.run(test())


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ('touch "$(printf "a\\nb")"', ": Invalid argument"),
        ("mkdir -p $(printf 'd/%.0s' $(seq 120))", "File name too long"),
        ("touch /tmp/$(head -c 300 /dev/zero | tr '\\0' a)", "File name too long"),
    ],
)
def test_what_a_file_cannot_be_called_is_told_in_the_systems_words(tmp_path: Path, script: str, expected: str) -> None:
    async def test() -> None:
        async with lab(tmp_path) as here:
            box = await here.start("alpine", "sleep", "1000")
            code, said = await run(box, "sh", "-c", script)
            assert code
            assert expected in said.decode()
            assert "RuntimeError" not in said.decode()

    asyncio.run(test())


def test_who_copies_a_container_finds_what_they_are_mounted_on(tmp_path: Path) -> None:
    files = (*FILES, File("/own/deep/file", b"own\n"), File("/etc/passwd", b"hidden\n"))

    async def test() -> None:
        async with lab(tmp_path) as here:
            box = await here.start("alpine", "sleep", "1000", files=files)
            assert await run(box, "cat", "/run/secrets/key") == (0, b"key\n")
            for path in ("/run/secrets/key", "/etc/app.conf", "/own/deep/file"):
                with tarfile.open(fileobj=io.BytesIO(box.pack(path))) as archive:
                    (member,) = archive.getmembers()
                assert (member.size, member.mode & 0o777, member.uid) == (0, 0o755, 0)
                assert box.stat(path).size == 0
            with tarfile.open(fileobj=io.BytesIO(box.pack("/etc/passwd"))) as archive:
                content = archive.extractfile("passwd")
                assert content is not None
                assert content.read().startswith(b"root:")
            added = ("/etc/app.conf", "/own", "/own/deep", "/own/deep/file", "/run/secrets", "/run/secrets/key")
            changes = box.changes()
            assert [change.path for change in changes if change.kind == 1] == list(added)
            assert Change(0, "/etc") in changes
            assert "/etc/passwd" not in {change.path for change in changes}

    asyncio.run(test())
