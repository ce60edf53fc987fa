"""What scripts run in the background is seen at once, goes on beside them, and can be waited for and ended."""

import asyncio
from pathlib import Path

import pytest

from swarmlab.clock import ScaledClock
from swarmlab.runtime.base import File
from swarmlab.runtime.virtual.shell.jobs import with_live_jobs

from .support import lab, output, run, wait_for_output

_END = "; exit ${PIPESTATUS[0]}; } "


@pytest.mark.parametrize(
    ("script", "text"),
    [
        ("a && b | c &\nd", f"{{ {{ a && b | c; }} | .out{_END} &\nd"),
        ("x & y & wait", f"{{ {{ x; }} | .out{_END} & {{ {{ y; }} | .out{_END} & wait"),
        ("for i in ä; do (s; t) & done", f"for i in ä; do {{ {{ (s; t); }} | .out{_END} & done"),
        ("{ a; } >> /f 2>&1 &", f"{{ {{ exec 2>&1; {{ a; }} ; }} | .to >> /f 2>&1{_END} &"),
        ("a < /f > /g &", f"{{ {{ a < /f > /g; }} | .out{_END} &"),
    ],
)
def test_a_job_hands_on_what_it_writes(script: str, text: str) -> None:
    assert with_live_jobs(script) == (text, True)


@pytest.mark.parametrize(
    ("script", "has_jobs"),
    [
        ("x=$(a & wait)", True),
        ("{ a & wait; } | b", True),
        ("{ a & wait; } > /f", True),
        ("exec > /f; a &", True),
        ("cat <<E &\nx\nE", True),
        ("echo 'a & b' \"c & d\" # e & f", False),
        ("a && b >&2 &> /f", False),
    ],
)
def test_a_script_is_left_as_it_is_when_others_want_what_its_jobs_write(script: str, has_jobs: bool) -> None:
    assert with_live_jobs(script) == (script, has_jobs)


def test_a_containers_job_is_seen_while_its_program_runs(tmp_path: Path) -> None:
    async def main() -> None:
        async with lab(tmp_path, ScaledClock(20)) as made:
            script = "n=0; while true; do n=$((n+1)); echo tick $n; echo tock $n >&2; sleep 1; done & exec sleep 100000"
            container = await made.start("alpine", "sh", "-c", script)
            await wait_for_output(container, b"tick 3")
            await wait_for_output(container, b"tock 3")
            assert b"tock 1\n" in await output(container, "stderr")
            await container.stop(0)

    asyncio.run(main())


def test_a_wrapper_script_ends_as_the_first_of_its_processes_does(tmp_path: Path) -> None:
    files = (
        File("/one", b"#!/bin/sh\nn=0\nwhile true; do n=$((n+1)); echo one $n; sleep 1; done\n", mode=0o755),
        File("/two", b"#!/bin/sh\nsleep 5\necho two\nexit 3\n", mode=0o755),
        File("/run.sh", b"#!/bin/sh\n./one &\n./two &\nnosuch\nwait -n\nexit $?\n", mode=0o755),
    )

    async def main() -> None:
        async with lab(tmp_path, ScaledClock(10)) as made:
            container = await made.start("alpine", "/run.sh", files=files)
            assert await asyncio.wait_for(container.wait(), 20) == 3
            said = await output(container)
            assert b"one 2\n" in said
            assert b"two\n" in said
            assert b"/run.sh: line 4: nosuch: not found\n" in said

    asyncio.run(main())


def test_an_exec_ends_with_its_script_and_its_jobs_go_on(tmp_path: Path) -> None:
    async def main() -> None:
        async with lab(tmp_path, ScaledClock(20)) as made:
            container = await made.start("alpine", "sleep", "1000000")
            script = "while true; do echo x >> /log; sleep 1; done & echo begun; exit 4"
            assert await asyncio.wait_for(run(container, "sh", "-c", script), 10) == (4, b"begun\n")

            async def lines() -> int:
                return int((await run(container, "sh", "-c", "wc -l < /log"))[1])

            before = await lines()
            while await lines() < before + 3:  # noqa: ASYNC110 (nothing else tells)
                await asyncio.sleep(0.02)
            # Between two of them there is none.
            while b"sleep 1\n" not in (await run(container, "ps"))[1]:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            await container.stop(0)

    asyncio.run(main())


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("while :; do date; sleep 1; done > /f 2>&1 & sleep 3.5; [ $(wc -l < /f) -ge 3 ] && echo grew", b"grew\n"),
        ("(exit 4) & wait $!; echo $?; sleep 100 & kill $!; wait $!; echo $?", b"4\n143\n"),
        ("sleep 3 & (sleep 1; exit 5) & wait -n; echo $?; wait -n; echo $?; wait -n; echo $?", b"5\n0\n127\n"),
        ("(echo -e 'a\\tb\\x41\\061\\c' >&2; echo -n c; echo -E 'd\\n') & wait", b"a\tbA1cd\\n\n"),
        ("(echo one; nosuch) 2>&1 & wait", b"one\nsh: nosuch: not found\n"),
    ],
)
def test_jobs_are_the_shells_to_control(tmp_path: Path, script: str, said: bytes) -> None:
    async def main() -> tuple[int, bytes]:
        async with lab(tmp_path, ScaledClock(10)) as made:
            container = await made.start("alpine", "sleep", "1000000")
            return await asyncio.wait_for(run(container, "sh", "-c", script), 20)

    assert asyncio.run(main()) == (0, said)


@pytest.mark.parametrize(
    ("script", "code", "said"),
    [
        ("trap 'echo bye; exit 5' TERM; echo up; (while :; do sleep 1; done) & wait", 5, b"up\nbye\n"),
        ("trap 'kill -TERM $P; wait $P; echo $?; exit 0' TERM; sleep 100000 & P=$!; echo up; wait $P", 0, b"up\n143\n"),
    ],
)
def test_a_trap_need_not_wait_for_jobs(tmp_path: Path, script: str, code: int, said: bytes) -> None:
    async def main() -> None:
        async with lab(tmp_path, ScaledClock()) as made:
            container = await made.start("alpine", "sh", "-c", script)
            await wait_for_output(container, b"up")
            await asyncio.wait_for(container.stop(1000), 10)
            assert (await container.wait(), await output(container)) == (code, said)

    asyncio.run(main())
