"""`dd`, as on a real engine's alpine; the third line of what it reports is Alpine's own, and its times are chance."""

import asyncio
import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from swarmlab.clock import ScaledClock
from swarmlab.runtime.base import Mount
from swarmlab.runtime.virtual.files.quota import Quota

from .support import lab, run

#: Scripts with what they print and what they complain of, times left out.
CASES: Sequence[tuple[str, str]] = (
    ("dd if=/dev/zero of=/f bs=1M count=5; stat -c %s /f",
     "5+0 records in\n5+0 records out\n5242880 bytes (5.0MB) copied\n5242880\n"),
    ("echo hello | dd of=/f; cat /f", "0+1 records in\n0+1 records out\n6 bytes (6B) copied\nhello\n"),
    ("echo 0123456789 | dd bs=1 skip=3 count=4 status=none", "3456"),
    ("dd if=/nosuch of=/f", "dd: can't open '/nosuch': No such file or directory\n"),
    ("dd if=/dev/zero of=/nosuch/f count=1", "dd: can't open '/nosuch/f': No such file or directory\n"),
    ("dd if=/etc of=/f", "dd: /etc: Is a directory\n"),
    ("dd if=/dev/zero of=/etc", "dd: can't open '/etc': Is a directory\n"),
    ("chmod 600 /etc/passwd; su nobody -s /bin/sh -c 'dd if=/etc/passwd of=/dev/null; dd if=/dev/zero of=/etc/passwd'",
     "dd: can't open '/etc/passwd': Permission denied\n" * 2),
    ("echo hello > /f; ln -s /f /l; printf J | dd of=/l conv=notrunc status=none; cat /f", "Jello\n"),
    ("dd if=/proc/meminfo bs=8 count=1 status=none", "MemTotal"),
    ("dd bs=x", "dd: invalid number 'x'\n"),
    ("dd bs=0", "dd: number 0 is not in 1..9223372036854775807 range\n"),
    ("dd conv=ucase", "dd: invalid argument 'ucase' to 'conv'\n"),
    ("dd status=progress", "dd: invalid argument 'progress' to 'status'\n"),
    ("dd if=/dev/zero of=/f bs=2k count=3 status=noxfer", "3+0 records in\n3+0 records out\n"),
    ("dd if=/dev/zero ibs=10 obs=20 count=25 of=/dev/null status=noxfer", "25+0 records in\n12+1 records out\n"),
    ("echo hello > /f; echo XX | dd of=/f conv=notrunc status=none; cat /f", "XX\nlo\n"),
    ("echo hello > /f; echo XX | dd of=/f status=none; cat /f", "XX\n"),
    ("echo hello > /f; echo ab | dd of=/f bs=1 seek=8 status=none; od -An -c /f",
     "   h   e   l   l   o  \\n  \\0  \\0   a   b  \\n\n"),
    ("echo a > /f; echo b | dd of=/f oflag=append conv=notrunc status=none; cat /f", "a\nb\n"),
    ("printf abc | dd bs=2 conv=sync status=none | od -An -c", "   a   b   c  \\0\n"),
    ("dd if=/dev/zero bs=1M count=1 status=none | wc -c", "1048576\n"),
    ("dd if=/dev/zero of=/f bs=64k; stat -c %s /f",
     "dd: error writing '/f': File too large (a file in memory has 10000000 bytes at most)\n"
     "153+0 records in\n152+0 records out\n9961472 bytes (9.5MB) copied\n9961472\n"),
    ("timeout 0.2 dd if=/dev/zero of=/dev/null; echo $?", "143\n"),
)  # fmt: skip


@pytest.mark.parametrize(("script", "said"), CASES, ids=[script for script, _ in CASES])
def test_busyboxs_dd(tmp_path: Path, script: str, said: str) -> None:
    assert _timeless(_said(tmp_path, "alpine", script)) == said


def test_gnus_dd_says_sizes_both_ways(tmp_path: Path) -> None:
    script = "for n in 5 1000 104857; do dd if=/dev/zero of=/f bs=$n count=1 2>&1 | tail -1; done; dd foo=1"
    assert _timeless(_said(tmp_path, "debian", script)).splitlines() == [
        "5 bytes copied",
        "1000 bytes (1.0 kB) copied",
        "104857 bytes (105 kB, 102 KiB) copied",
        "dd: unrecognized operand 'foo=1'",
        "Try 'dd --help' for more information.",
    ]


def test_a_volume_takes_more_than_a_shell_can_hold_and_no_more_than_there_is_room(tmp_path: Path) -> None:
    volume = tmp_path / "volume"
    volume.mkdir()

    async def main() -> str:
        async with lab(tmp_path / "lab", ScaledClock(), quota=Quota((volume,), most=100 << 20)) as made:
            container = await made.start("alpine", "sleep", "1000", mounts=(Mount("/data", volume),))
            script = "dd if=/dev/zero of=/data/a bs=1M count=80; dd if=/dev/zero of=/data/b bs=1M"
            return (await run(container, "sh", "-c", f"{{ {script}; }} 2>&1"))[1].decode()

    assert _timeless(asyncio.run(main())) == (
        "80+0 records in\n80+0 records out\n83886080 bytes (80.0MB) copied\n"
        "dd: error writing '/data/b': No space left on device\n"
        "21+0 records in\n20+0 records out\n20971520 bytes (20.0MB) copied\n"
    )
    assert (volume / "b").stat().st_size == 20 << 20


def _said(folder: Path, image: str, script: str) -> str:
    async def main() -> str:
        async with lab(folder, ScaledClock()) as made:
            container = await made.start(image, "sleep", "1000")
            return (await run(container, "sh", "-c", f"{{ {script}; }} 2>&1"))[1].decode()

    return asyncio.run(main())


def _timeless(text: str) -> str:
    return re.sub(r"(copied), .*", r"\1", text)
