import asyncio
from pathlib import Path

import pytest

from .support import lab, run


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (("sh", "-ec", "false; echo on"), (1, b"")),
        (("/bin/sh", "-euc", "echo $nope"), (2, b"/bin/sh: nope: parameter not set\n")),
        (("sh", "-e", "-c", "echo $1 $0; false; echo on", "zero", "one"), (1, b"one zero\n")),
        (("sh", "-o", "pipefail", "-c", "false | true"), (1, b"")),
        (("sh", "-lc", "echo a"), (0, b"a\n")),
        (("/plain",), (1, b"exec /plain: exec format error\n")),
    ],
)
def test_how_a_shell_is_set_and_what_is_no_program(
    tmp_path: Path, command: tuple[str, ...], expected: tuple[int, bytes]
) -> None:
    async def play() -> None:
        async with lab(tmp_path) as runtime:
            container = await runtime.start("alpine", "sleep", "1000")
            await run(container, "sh", "-c", "echo 'echo hi' > /plain; chmod +x /plain")
            assert await run(container, *command) == expected

    asyncio.run(play())
