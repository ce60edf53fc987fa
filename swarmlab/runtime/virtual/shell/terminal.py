"""The terminal between a person and a program: echo, the editing of a line, and control keys."""

import codecs
from collections.abc import AsyncIterator, Awaitable, Callable

from swarmlab.runtime.base import Output
from swarmlab.runtime.streams import Pipe

_INTERRUPT, _END, _REDRAW, _ERASE_LINE, _ERASE_WORD = "\x03", "\x04", "\x0c", "\x15", "\x17"
_BACKSPACE = frozenset("\x7f\b")
_ESCAPE = "\x1b"
_OLDER, _NEWER = "A", "B"


async def _ignore() -> None:
    """Nobody cares for Ctrl-C."""


class Terminal:
    r"""Turns keys into lines, and a program's output into what a screen wants (`\n` becomes `\r\n`).

    `interrupted` is called for Ctrl-C. Lines that a program asks for come from `lines`.
    """

    def __init__(self, output: Output) -> None:
        self._output = output
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._line = ""
        self._escape = ""
        self._history: list[str] = []
        #: How far back in the history the line on the screen is; 0 is the one that is being typed.
        self._back = 0
        self._after_return = False
        self.lines: Pipe[bytes] = Pipe()
        self.interrupted: Callable[[], Awaitable[None]] = _ignore
        self.prompt = ""

    async def write(self, stream: str, data: bytes) -> None:
        """Show what a program writes; both streams end on the same screen."""
        await self._output("stdout", data.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))

    async def ask(self, prompt: str) -> None:
        """Show a prompt, which is shown again when the line changes as a whole."""
        self.prompt = prompt
        await self._show(prompt)

    async def type(self, keys: AsyncIterator[bytes]) -> None:
        """Take keys until there are no more; then the input has ended."""
        async for data in keys:
            for key in self._decoder.decode(data):
                await self._press(key)
        if self._line:
            await self.lines.write(self._line.encode())
        self.lines.close()

    async def _press(self, key: str) -> None:
        if self._escape or key == _ESCAPE:
            await self._escaped(key)
        elif key == "\n" and self._after_return:
            self._after_return = False
        elif key in "\r\n":
            self._after_return = key == "\r"
            await self._show("\r\n")
            await self._enter()
        else:
            self._after_return = False
            await self._edit(key)

    async def _enter(self) -> None:
        line, self._line, self._back, self.prompt = self._line, "", 0, ""
        if line.strip() and self._history[-1:] != [line]:
            self._history.append(line)
        await self.lines.write(f"{line}\n".encode())

    async def _edit(self, key: str) -> None:
        if key == _INTERRUPT:
            self._line = ""
            await self._show("^C")
            await self.interrupted()
        elif key == _END:
            if not self._line:
                self.lines.close()
        elif key in _BACKSPACE:
            if self._line:
                self._line = self._line[:-1]
                await self._show("\b \b")
        elif key == _ERASE_LINE:
            await self._replace("")
        elif key == _ERASE_WORD:
            await self._replace(self._line.rstrip().rpartition(" ")[0])
        elif key == _REDRAW:
            await self._show(f"\x1b[H\x1b[J{self.prompt}{self._line}")
        elif key.isprintable():
            self._line += key
            await self._show(key)

    async def _escaped(self, key: str) -> None:
        """Arrow keys come as `ESC [ A`; all others of that kind do nothing."""
        self._escape += key
        if len(self._escape) < 3 and self._escape in {"\x1b", "\x1b[", "\x1bO"}:
            return
        if len(self._escape) >= 3 and not key.isalpha() and key != "~":
            return
        self._escape = ""
        if key in {_OLDER, _NEWER}:
            self._back = min(len(self._history), max(0, self._back + (1 if key == _OLDER else -1)))
            await self._replace(self._history[-self._back] if self._back else "")

    async def _replace(self, line: str) -> None:
        await self._show("\b \b" * len(self._line) + line)
        self._line = line

    async def _show(self, text: str) -> None:
        await self._output("stdout", text.encode())
