"""`chmod`, `wc`, `install` and `realpath`, as on a real engine's alpine."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from .support import lab, run

CASES: Sequence[tuple[str, str]] = (
    ("touch f; chmod 600 f; chmod u+x,g+r f; stat -c %a f; chmod o+r f; stat -c %a f", "740\n744\n"),
    ("touch f; chmod 4755 f; stat -c %a,%A f; chmod g=,o= f; chmod +t f; stat -c %a f", "4755,-rwsr-xr-x\n5700\n"),
    ("mkdir -p d/e; touch d/f; chmod -R 700 d; stat -c %a d d/e d/f", "700\n700\n700\n"),
    ("mkdir -p d/e; touch d/f; chmod -R u=rwX,go= .; stat -c '%a %n' d d/e d/f", "700 d\n700 d/e\n600 d/f\n"),
    ("touch f; chmod -x f; chmod nope f; chmod 644 no; echo $?",
     "chmod: invalid mode 'nope'\nchmod: no: No such file or directory\n1\n"),
    ("echo 'a b c' | wc; echo abc | wc -c; printf 'a\\nb' | wc -l; echo a b | wc -w",
     "        1         3         6\n4\n1\n2\n"),
    ("echo x > f; wc f f; wc -l f no", "        1         1         2 f\n        1         1         2 f\n"
     "        2         2         4 total\nwc: no: No such file or directory\n1 f\n1 total\n"),
    ("mkdir d; echo 1 > d/f; ln -s d l; ln -s f d/k; realpath l l/k d/../l no; echo $?",
     "/w/d\n/w/d/f\n/w/d\nrealpath: no: No such file or directory\n1\n"),
    ("echo 1 > a; install -m 640 -o 1000 -g 7 a b; stat -c '%a %u %g' b; install -d -m 700 x/y; stat -c %a x/y; "
     "install -D a new/place; cat new/place; install a b x; ls x; install no x",
     "640 1000 7\n700\n1\na\nb\ny\ninstall: can't stat 'no': No such file or directory\n"),
    ("printf '#!/bin/sh\\nnosuch\\n' > s; chmod +x s; ./s; nosuch 2>&1; echo $((1+)); echo never",
     "./s: line 2: nosuch: not found\nsh: nosuch: not found\nsh: arithmetic syntax error\n"),
    ("touch a; ls -s a; man ls", "     0 a\nsh: man: not found\n"),
)  # fmt: skip


@pytest.mark.parametrize("image", ["alpine", "python:3-alpine"])
def test_what_is_printed(tmp_path: Path, image: str) -> None:
    async def play() -> None:
        async with lab(tmp_path) as runtime:
            container = await runtime.start(image, "sleep", "1000")
            for script, expected in CASES:
                await run(container, "sh", "-c", "rm -rf /w; mkdir /w")
                _, said = await run(container, "sh", "-c", script, working_dir="/w")
                # Two streams come in any order.
                assert (script, sorted(said.decode().splitlines())) == (script, sorted(expected.splitlines()))

    asyncio.run(play())
