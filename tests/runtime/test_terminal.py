import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from swarmlab.runtime.base import Container
from swarmlab.runtime.streams import Pipe
from swarmlab.runtime.virtual.shell.terminal import Terminal

from .support import Lab, output, run, within


def typed(*keys: str) -> tuple[str, list[bytes], int]:
    """What the screen shows, the lines that a program gets, and how often it is interrupted."""
    screen = bytearray()
    interrupts = 0

    async def show(stream: str, data: bytes) -> None:
        assert stream == "stdout"
        screen.extend(data)

    async def press() -> AsyncIterator[bytes]:
        for key in keys:
            yield key.encode() if key.isascii() else key.encode()[:1]
            if not key.isascii():
                yield key.encode()[1:]

    async def interrupted() -> None:
        nonlocal interrupts
        interrupts += 1

    async def main() -> list[bytes]:
        terminal = Terminal(show)
        terminal.interrupted = interrupted
        await terminal.type(press())
        return [line async for line in terminal.lines]

    lines = asyncio.run(main())
    return screen.decode(), lines, interrupts


@pytest.mark.parametrize(
    ("keys", "screen", "lines"),
    [
        (["ab\r"], "ab\r\n", [b"ab\n"]),
        (["ab\r\ncd\n"], "ab\r\ncd\r\n", [b"ab\n", b"cd\n"]),
        (["abx\x7f\r"], "abx\b \b\r\n", [b"ab\n"]),
        (["\x7f\r"], "\r\n", [b"\n"]),
        (["ab\x15c\r"], "ab\b \b\b \bc\r\n", [b"c\n"]),
        (["a bc\x17\r"], "a bc\b \b\b \b\b \b\b \ba\r\n", [b"a\n"]),
        (["é", "\r"], "é\r\n", ["é\n".encode()]),
        (["rest"], "rest", [b"rest"]),
        (["one\r", "\x04", "two\r"], "one\r\ntwo\r\n", [b"one\n"]),
        (["a\x04b\r"], "ab\r\n", [b"ab\n"]),
        (["\t\x1b[3~\x1b[Cx\r"], "x\r\n", [b"x\n"]),
        (["one\r", "\x1b[A", "\r"], "one\r\none\r\n", [b"one\n", b"one\n"]),
        (["a\r", "b\r", "\x1b", "[", "A\x1bOA\r"], "a\r\nb\r\nb\b \ba\r\n", [b"a\n", b"b\n", b"a\n"]),
        (["a\r", "\x1b[A\x1b[B\r"], "a\r\na\b \b\r\n", [b"a\n", b"\n"]),
        (["a\x0c\r"], "a\x1b[H\x1b[Ja\r\n", [b"a\n"]),
    ],
)
def test_keys_become_lines(keys: Sequence[str], screen: str, lines: list[bytes]) -> None:
    assert typed(*keys) == (screen, lines, 0)


def test_an_interrupt_forgets_the_line() -> None:
    assert typed("ab\x03c\r") == ("ab^Cc\r\n", [b"c\n"], 1)


class Talk:
    """A shell in a container, and somebody at its terminal (or at the end of a pipe)."""

    def __init__(self, container: Container, *command: str, tty: bool = True) -> None:
        self.keys: Pipe[bytes] = Pipe()
        self.screen = bytearray()
        self.changed = asyncio.Event()
        self.done = asyncio.ensure_future(container.exec(command, self._show, stdin=self.keys, tty=tty))

    async def _show(self, stream: str, data: bytes) -> None:
        self.screen.extend(data)
        self.changed.set()

    async def type(self, keys: bytes) -> None:
        await self.keys.write(keys)

    async def until(self, text: bytes) -> bytes:
        """What the screen shows, once it ends with `text`; the screen is clean then."""
        while not self.screen.endswith(text):
            self.changed.clear()
            await self.changed.wait()
        shown = bytes(self.screen)
        self.screen.clear()
        return shown


def test_a_shell_keeps_its_state_from_line_to_line(tmp_path: Path) -> None:
    async def test(made: Lab) -> None:
        talk = Talk(await made.start("alpine", "sleep", "1000"), "sh")
        await talk.until(b"/ # ")
        for line, shown in (
            (b"cd /root; x='a b'", b"~ # "),
            (b'echo "$x"', b"a b\r\n~ # "),
            (b"f() { echo in f; return 4; }", b"~ # "),
            (b"f", b"in f\r\n~ # "),
            (b"echo $?", b"4\r\n~ # "),
            (b"", b"~ # "),
            (b"echo $?", b"0\r\n~ # "),
            (b"nosuch", b"sh: nosuch: not found\r\n~ # "),
            (b"echo $? $USER.", b"127 .\r\n~ # "),
            (b"alias say='echo said'; break", b"~ # "),
            (b"say it", b"said it\r\n~ # "),
        ):
            await talk.type(line + b"\r")
            assert await talk.until(shown) == line + b"\r\n" + shown
        await talk.type(b"exit 7\r")
        assert await talk.done == 7

    within(tmp_path, test)


def test_a_command_may_take_several_lines(tmp_path: Path) -> None:
    async def test(made: Lab) -> None:
        talk = Talk(await made.start("alpine", "sleep", "1000"), "/bin/sh", "-i")
        await talk.until(b"# ")
        for line, shown in (
            (b"for i in 1 2; do", b"> "),
            (b"echo $i", b"> "),
            (b"done", b"1\r\n2\r\n/ # "),
            (b"cat <<X", b"> "),
            (b"text", b"> "),
            (b"X", b"text\r\n/ # "),
            (b"echo $((1<<2)) \\", b"> "),
            (b"5", b"4 5\r\n/ # "),
        ):
            await talk.type(line + b"\r")
            assert await talk.until(shown) == line + b"\r\n" + shown
        await talk.type(b"echo )\r")
        assert b'sh: syntax error: unexpected ")"' in await talk.until(b"/ # ")
        await talk.type(b"\x04")
        assert await talk.done == 2

    within(tmp_path, test)


def test_ctrl_c_ends_the_command_and_not_the_shell(tmp_path: Path) -> None:
    async def test(made: Lab) -> None:
        talk = Talk(await made.start("alpine", "sleep", "1000"), "sh")
        await talk.until(b"# ")
        await talk.type(b"echo up; sleep 1000\r")
        await talk.until(b"up\r\n")
        await talk.type(b"\x03")
        await talk.until(b"^C\r\n/ # ")
        await talk.type(b"echo $?; x=kept\r")
        await talk.until(b"130\r\n/ # ")
        await talk.type(b"not this\x03")
        await talk.until(b"^C\r\n/ # ")
        await talk.type(b"echo $x\r")
        await talk.until(b"kept\r\n/ # ")
        talk.keys.close()
        assert await talk.done == 0

    within(tmp_path, test)


def test_a_job_runs_on_while_more_is_typed(tmp_path: Path) -> None:
    async def test(made: Lab) -> None:
        talk = Talk(await made.start("alpine", "sleep", "1000"), "sh")
        await talk.until(b"# ")
        await talk.type(b"(sleep 1; echo up; sleep 100000) &\r")
        await talk.until(b"&\r\n/ # ")
        await talk.until(b"up\r\n")
        await talk.type(b"jobs | wc -l; kill %1; wait $!; echo $?\r")
        assert b"1\r\n143\r\n/ # " in await talk.until(b"# ")
        await talk.type(b"sleep 100000 &\r")
        await talk.until(b"&\r\n/ # ")
        await talk.type(b"exit 6\r")
        assert await talk.done == 6

    within(tmp_path, test)


def test_ctrl_c_ends_a_program_that_does_not_handle_it(tmp_path: Path) -> None:
    async def test(made: Lab) -> None:
        container = await made.start("alpine", "sleep", "1000")
        talk = Talk(container, "sh", "-c", "echo up; sleep 1000")
        await talk.until(b"up\r\n")
        await talk.type(b"\x03")
        assert await talk.done == 130
        assert container.pid

    within(tmp_path, test)


def test_a_shell_reads_commands_from_a_pipe_without_prompt(tmp_path: Path) -> None:
    async def test(made: Lab) -> None:
        container = await made.start("alpine", "sleep", "1000")
        talk = Talk(container, "sh", tty=False)
        await talk.type(b"x=1\necho $x\n")
        assert await talk.until(b"1\n") == b"1\n"
        await talk.type(b"false")
        talk.keys.close()
        assert await talk.done == 1
        assert await run(container, "sh", stdin=[b"echo a; exit 3\necho b\n"]) == (3, b"a\n")

    within(tmp_path, test)


def test_an_ordinary_user_has_another_prompt_and_a_terminal_has_a_name(tmp_path: Path) -> None:
    async def test(made: Lab) -> None:
        container = await made.start("alpine", "sleep", "1000", user="nobody")
        talk = Talk(container, "sh")
        await talk.until(b"~ $ ")
        await talk.type(b"echo $TERM\r")
        await talk.until(b"xterm\r\n~ $ ")
        container.kill()
        assert await talk.done == 137

    within(tmp_path, test)


def test_a_main_program_can_be_talked_to(tmp_path: Path) -> None:
    async def test(made: Lab) -> None:
        container = made.create("alpine", "sh", tty=True, open_stdin=True)
        heard = container.attach()
        await container.start()
        pieces = aiter(heard)
        prompt = (await anext(pieces))[1]
        await container.feed(b"echo hello; exit 6\r")
        said = prompt + b"".join([data async for _, data in pieces])
        assert said == b"/ # echo hello; exit 6\r\nhello\r\n"
        assert await container.wait() == 6
        assert await output(container) == said

    within(tmp_path, test)


@pytest.mark.parametrize(("command", "said"), [(("sh",), b"/ # "), (("sh", "-c", "echo on; cat; echo off"), b"on\r\n")])
def test_the_input_of_a_terminal_is_open_though_nobody_types(
    tmp_path: Path, command: tuple[str, ...], said: bytes
) -> None:
    """`docker run -dt alpine` stays (compared with engine 20.10)."""

    async def test(made: Lab) -> None:
        container = made.create("alpine", *command, tty=True)
        heard = container.attach()
        await container.start()
        pieces = aiter(heard)
        assert (await anext(pieces))[1] == said
        # Nobody types, and an input that is not open is not closed.
        await container.feed(b"exit 6\r")
        container.close_stdin()
        exec_ended = asyncio.ensure_future(container.exec(("cat",), _nowhere, tty=True))
        assert await container.exec(("true",), _nowhere) == 0
        assert not exec_ended.done()
        container.kill()
        assert (await container.wait(), await exec_ended) == (137, 137)

    within(tmp_path, test)


async def _nowhere(stream: str, data: bytes) -> None:
    pass


def test_input_of_a_main_program_comes_and_ends(tmp_path: Path) -> None:
    async def test(made: Lab) -> None:
        container = made.create("alpine", "cat", open_stdin=True)
        await container.start()
        await container.feed(b"one\ntwo")
        container.close_stdin()
        assert await container.wait() == 0
        assert await output(container) == b"one\ntwo"
        # A second run begins with a fresh input.
        await container.start()
        await container.feed(b"three\n")
        container.close_stdin()
        assert await container.wait() == 0
        assert await output(container) == b"one\ntwothree\n"

    within(tmp_path, test)


def test_a_container_without_input_swallows_what_it_is_fed(tmp_path: Path) -> None:
    async def test(made: Lab) -> None:
        container = made.create("alpine", "cat")
        for _ in range(1000):
            await container.feed(b"x")
        await container.start()
        assert await container.wait() == 0
        assert await output(container) == b""

    within(tmp_path, test)


def test_those_who_listen_hear_all_and_those_who_leave_hold_nobody_up(tmp_path: Path) -> None:
    async def test(made: Lab) -> None:
        container = made.create("alpine", "sh", "-c", "for i in $(seq 1 500); do echo $i; done; echo bad >&2")
        idle, keen = container.attach(), container.attach()
        await container.start()
        heard = asyncio.ensure_future(_lines(keen))
        await asyncio.sleep(0)
        idle.close()
        numbers, errors = await heard
        assert numbers == b"".join(b"%d\n" % number for number in range(1, 501))
        assert errors == b"bad\n"
        assert await container.wait() == 0

    async def _lines(source: Any) -> tuple[bytes, bytes]:
        found = {"stdout": b"", "stderr": b""}
        async for stream, data in source:
            found[stream] += data
        return found["stdout"], found["stderr"]

    within(tmp_path, test)


def test_what_runs_is_listed(tmp_path: Path) -> None:
    async def test(made: Lab) -> None:
        container = await made.start("nginx:alpine")
        talk = Talk(container, "sh", "-c", "echo up; sleep 1000")
        await talk.until(b"up\r\n")
        found = container.processes()
        assert [process.command for process in found] == [
            "nginx: master process nginx -g daemon off;",
            "nginx: worker process",
            "sh -c echo up; sleep 1000",
        ]
        # The worker's user has a name in the container only.
        assert [process.user for process in found] == ["root", "101", "root"]
        await talk.type(b"\x03")
        await talk.done
        assert len(container.processes()) == 2

    within(tmp_path, test)
