"""Scripts that call themselves for ever end, and the lab does not end with them."""

import asyncio
from pathlib import Path

import pytest

from swarmlab.runtime.virtual.shell.names import is_no_script
from swarmlab.runtime.virtual.shell.nesting import may_nest

from .support import lab, run

MAKE = "printf '#!/bin/sh\\n%s\\n' \"$S\" > /tmp/x.sh; chmod +x /tmp/x.sh; /tmp/x.sh"


@pytest.mark.parametrize(
    "script",
    ["/tmp/x.sh", "exec /tmp/x.sh", "env /tmp/x.sh", "PATH=/tmp x.sh", "sh /tmp/x.sh", ". /tmp/x.sh",
     "/tmp/x.sh | cat", "echo $(/tmp/x.sh)", "(/tmp/x.sh)", "f() { /tmp/x.sh; }; f"],
)  # fmt: skip
@pytest.mark.parametrize("user", ["root", "nobody"])
def test_a_script_that_calls_itself_fails_in_the_end(tmp_path: Path, script: str, user: str) -> None:
    async def test() -> None:
        async with lab(tmp_path) as here:
            box = await here.start("alpine", "sleep", "1000")
            await run(box, "sh", "-c", MAKE, env=(f"S={script}",), user=user)
            assert await run(box, "echo", "alive") == (0, b"alive\n")

    asyncio.run(test())


def test_it_is_told_why(tmp_path: Path) -> None:
    async def test() -> None:
        async with lab(tmp_path) as here:
            box = await here.start("alpine", "sleep", "1000")
            code, said = await run(box, "sh", "-c", MAKE, env=("S=/tmp/x.sh",))
            assert code
            assert said.endswith(b": can't fork: Resource temporarily unavailable\n")

    asyncio.run(test())


def test_scripts_may_call_each_other_some_dozens_deep(tmp_path: Path) -> None:
    script = "D=$((${D:-0} + 1)); export D; if [ $D -lt 30 ]; then /tmp/x.sh; else echo bottom; fi"

    async def test() -> None:
        async with lab(tmp_path) as here:
            box = await here.start("alpine", "sleep", "1000")
            assert await run(box, "sh", "-c", MAKE, env=(f"S={script}",)) == (0, b"bottom\n")

    asyncio.run(test())


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("while true; do echo hi; sleep 1; done", False),
        ("f() { g; }; g() { echo; }; f", False),
        ("cd / && export A=1; trap 'exit' TERM; wait", False),
        ("nginx -g 'daemon off;'", False),
        ("/start.sh", True),
        ("start", True),
        ("exec \"$@\"", True),
        ("$COMMAND", True),
        ("sh -c x", True),
        ("xargs start", True),
        ("echo $(start)", True),
        ("trap 'rm x' EXIT; if start; then :; fi", True),
        ("if", False),
    ],
)  # fmt: skip
def test_which_scripts_may_begin_others(tmp_path: Path, script: str, expected: bool) -> None:
    async def test() -> None:
        async with lab(tmp_path) as here:
            box = here.create("alpine", "sleep", "1000")
            assert may_nest(script, lambda name: is_no_script(box._machine, name)) is expected

    asyncio.run(test())
