from pathlib import Path

import pytest

from .support import Lab, run, within

#: As a real busybox says it.
SYNTAX = (
    ("if", "syntax error: unexpected end of file"),
    ("echo )", 'syntax error: unexpected ")"'),
    ("fi", 'syntax error: unexpected "fi"'),
    ('echo "a', "syntax error: unterminated quoted string"),
    ("for", "syntax error: bad for loop variable"),
    ("echo $(ls", 'syntax error: unexpected end of file (expecting ")")'),
)


@pytest.mark.parametrize(("script", "says"), SYNTAX)
def test_a_script_that_is_none(tmp_path: Path, script: str, says: str) -> None:
    async def test(made: Lab) -> None:
        container = await made.start("busybox", "sleep", "1000")
        code, shown = await run(container, "sh", "-c", script)
        assert (code, shown.decode()) == (2, f"sh: {says}\n")

    within(tmp_path, test)


#: What would take the machine's memory, and what is said instead of that.
GREEDY = (
    ("x=aaaaaaaa; while true; do x=$x$x; done", "sh: swarmlab: too much for a shell: variable byte limit"),
    ("f() { f; }; f", "sh: swarmlab: too much for a shell: maximum function depth exceeded"),
    ("x=$(dd if=/dev/zero bs=1M count=3000 | tr '\\0' a)", "sh: swarmlab: too much for a shell: "),
    ("dd if=/dev/zero of=/tmp/x bs=1M count=3000", "dd: error writing '/tmp/x': File too large"),
    ("dd if=/dev/zero of=/tmp/x bs=1M count=20", "dd: error writing '/tmp/x': File too large"),
    (
        "i=0; while head -c 9000000 /dev/zero > /tmp/$i; do i=$((i+1)); [ $i -lt 100 ] || break; done",
        "No space left on device",
    ),
)


@pytest.mark.parametrize(("script", "says"), GREEDY)
def test_a_greedy_script_is_told_why_it_ends(tmp_path: Path, script: str, says: str) -> None:
    async def test(made: Lab) -> None:
        container = await made.start("busybox", "sleep", "1000")
        assert says in (await run(container, "sh", "-c", script))[1].decode()
        # Nothing of that is in anybody's way.
        assert await run(container, "sh", "-c", "rm -f /tmp/*; echo well > /tmp/x; cat /tmp/x") == (0, b"well\n")

    within(tmp_path, test)
