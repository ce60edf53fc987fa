"""`mount` in containers, line by line as in a real one; what is particular to a machine is left out."""

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest

from swarmlab.runtime.base import File, Mount

from .support import lab, output, run

_SECRET = File(path="/run/secrets/key", data=b"1", mode=0o400, secret=True)
_CONFIG = File(path="/one", data=b"2")
_DEEP = File(path="/etc/app/two.conf", data=b"2")


def listed(state: Path, command: str = "mount", **config: Any) -> list[str]:
    """What a command prints, without what is different in each container."""

    async def main() -> str:
        async with lab(state) as made:
            container = await made.start("alpine", "sh", "-c", command, **config)
            await asyncio.wait_for(container.wait(), 30)
            return (await output(container)).decode()

    text = asyncio.run(main()).replace("\r\n", "\n")
    return re.sub(r"lowerdir=\S+,upperdir=\S+/diff,workdir=\S+/work", "<layers>", text).splitlines()


def test_a_container_with_nothing_of_its_own(tmp_path: Path) -> None:
    strict = "nosuid,nodev,noexec,relatime"
    assert listed(tmp_path) == [
        "overlay on / type overlay (rw,relatime,<layers>)",
        f"proc on /proc type proc (rw,{strict})",
        "tmpfs on /dev type tmpfs (rw,nosuid,size=65536k,mode=755)",
        "devpts on /dev/pts type devpts (rw,nosuid,noexec,relatime,gid=5,mode=620,ptmxmode=666)",
        f"sysfs on /sys type sysfs (ro,{strict})",
        f"cgroup on /sys/fs/cgroup type cgroup2 (ro,{strict})",
        f"mqueue on /dev/mqueue type mqueue (rw,{strict})",
        f"shm on /dev/shm type tmpfs (rw,{strict},size=65536k)",
        "/dev/vda1 on /etc/resolv.conf type ext4 (rw,relatime)",
        "/dev/vda1 on /etc/hostname type ext4 (rw,relatime)",
        "/dev/vda1 on /etc/hosts type ext4 (rw,relatime)",
        f"proc on /proc/bus type proc (ro,{strict})",
        f"proc on /proc/fs type proc (ro,{strict})",
        f"proc on /proc/irq type proc (ro,{strict})",
        f"proc on /proc/sys type proc (ro,{strict})",
        "tmpfs on /proc/acpi type tmpfs (ro,relatime)",
        "tmpfs on /proc/keys type tmpfs (rw,nosuid,size=65536k,mode=755)",
        "tmpfs on /proc/timer_list type tmpfs (rw,nosuid,size=65536k,mode=755)",
        "tmpfs on /sys/firmware type tmpfs (ro,relatime)",
    ]


def test_secrets_and_configs_are_on_a_tmpfs_volumes_on_a_disk(tmp_path: Path) -> None:
    (tmp_path / "volume").mkdir()
    mounts = (
        Mount("/data", tmp_path / "volume"),
        Mount("/ro", tmp_path / "volume", read_only=True),
        Mount("/scratch", options=("size=980k", "mode=700")),
    )
    lines = listed(tmp_path / "lab", mounts=mounts, files=(_CONFIG, _DEEP, _SECRET), read_only=True)
    begin = next(n for n, line in enumerate(lines) if line.startswith("shm ")) + 1
    assert lines[begin:-8] == [
        "/dev/vda1 on /data type ext4 (rw,relatime)",
        "/dev/vda1 on /ro type ext4 (ro,relatime)",
        "tmpfs on /scratch type tmpfs (rw,nosuid,nodev,noexec,relatime,size=980k,mode=700)",
        "tmpfs on /one type tmpfs (ro,relatime)",
        "/dev/vda1 on /etc/resolv.conf type ext4 (ro,relatime)",
        "/dev/vda1 on /etc/hostname type ext4 (ro,relatime)",
        "/dev/vda1 on /etc/hosts type ext4 (ro,relatime)",
        "tmpfs on /run/secrets/key type tmpfs (ro,relatime)",
        "tmpfs on /etc/app/two.conf type tmpfs (ro,relatime)",
    ]
    assert lines[0].startswith("overlay on / type overlay (ro,relatime,")


def test_a_terminal_has_a_console(tmp_path: Path) -> None:
    lines = listed(tmp_path, tty=True)
    assert lines[-9] == "devpts on /dev/console type devpts (rw,nosuid,noexec,relatime,gid=5,mode=620,ptmxmode=666)"


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("mount -t sysfs,mqueue | cut -d' ' -f3", ["/sys", "/dev/mqueue"]),
        ("mount -t tmpfs none /mnt; echo $?", ["mount: permission denied (are you root?)", "1"]),
        ("mount -o remount,rw /x /", ["mount: permission denied (are you root?)"]),
        ("mount /mnt; echo $?", ["mount: can't read '/etc/fstab': No such file or directory", "1"]),
        ("mount -a", ["mount: can't read '/etc/fstab': No such file or directory"]),
        ("mount -x; echo $?", ["mount: invalid option -- 'x'", "1"]),
        (
            "umount -l /mnt /x; echo $?",
            [f"umount: can't unmount {p}: Operation not permitted" for p in ("/mnt", "/x")] + ["1"],
        ),
    ],
)
def test_what_is_asked_for_and_refused(tmp_path: Path, command: str, said: list[str]) -> None:
    assert listed(tmp_path, f"exec 2>&1; {command}") == said


def test_as_a_command_without_a_shell(tmp_path: Path) -> None:
    async def main() -> None:
        async with lab(tmp_path) as made:
            container = await made.start("busybox", "sleep", "1000")
            code, said = await run(container, "/bin/mount", "-t", "proc")
            assert (code, said.count(b"\n")) == (0, 5)

    asyncio.run(main())
