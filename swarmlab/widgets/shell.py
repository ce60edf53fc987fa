r"""Shell lines (`!docker …`) in notebooks as they are in a terminal.

Two things differ without this. Notebooks know no cursor movement, so docker's progress bars come out as a heap of
stale lines. And IPython takes `{{ … }}` for its own, so `--format "{{ .Status.State }}"` arrives broken.
"""

import re
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from io import TextIOBase
from typing import Any, TextIO

from IPython.core.interactiveshell import InteractiveShell
from IPython.utils import process

_UP = re.compile(r"\x1b\[\d*A")
_TOKEN = re.compile(r"\x1b\[([\d;?]*)([@-~])|(\r)|(\n)|([^\x1b\r\n]+)|\x1b")
_UNFINISHED = re.compile(r"(\x1b(\[[\d;?]*)?|\r+)\Z")
#: Lines of a protocol, such as HTTP's, that end with a carriage return of their own before the terminal's. Front ends
#: that take every carriage return for the begin of a redrawn line would show nothing of them.
_LINE_END = re.compile(r"\r+\n")
#: Exactly two braces: who writes four has already doubled them for IPython.
_TEMPLATE = re.compile(r"(?<!\{)\{\{(?!\{)(.*?)(?<!\})\}\}(?!\})")


def attach(shell: InteractiveShell) -> None:
    """Let a notebook's shell lines behave. Attaching again changes nothing."""
    untyped: Any = shell
    if sys.platform == "win32" or isinstance(untyped.system, _System):
        return
    expand = untyped.var_expand

    def var_expand(command: str, depth: int = 0, **options: Any) -> str:
        protected = _TEMPLATE.sub(r"{{{{\1}}}}", command)
        expanded: str = expand(protected, depth=depth + 1, **options)
        # IPython returns a line that it cannot expand as it was.
        return command if expanded == protected else expanded

    untyped.var_expand = var_expand
    untyped.system = _System(untyped)


def detach(shell: InteractiveShell) -> None:
    """Undo `attach`."""
    untyped: Any = shell
    if isinstance(untyped.system, _System):
        del untyped.var_expand
        untyped.system = untyped.system.before


class Screen:
    """The lines that a program draws on by moving the cursor up and down."""

    def __init__(self) -> None:
        self._rows = [""]
        self._row = 0
        self._column = 0

    @property
    def text(self) -> str:
        """What there is to see, without trailing blanks."""
        return "\n".join(row.rstrip() for row in self._rows).rstrip("\n")

    def feed(self, text: str) -> None:
        """Draw. Colours are left out."""
        for parameters, final, carriage, newline, plain in _TOKEN.findall(text):
            if plain:
                row = self._rows[self._row].ljust(self._column)
                self._rows[self._row] = row[: self._column] + plain + row[self._column + len(plain) :]
                self._column += len(plain)
            elif carriage:
                self._column = 0
            elif newline:
                self._move(1)
                self._column = 0
            elif final == "K":
                self._rows[self._row] = "" if parameters == "2" else self._rows[self._row][: self._column]
            elif final in {"A", "B"}:
                count = int(parameters or 1)
                self._move(-count if final == "A" else count)

    def _move(self, rows: int) -> None:
        self._row += rows
        while self._row < 0:
            self._rows.insert(0, "")
            self._row += 1
        while self._row >= len(self._rows):
            self._rows.append("")


class Cell(TextIOBase):
    """Standard output of a program, for a notebook cell.

    Passes everything on until the program moves the cursor up. From then on one line shows how things stand, and
    `finish` puts what the program has drawn in its place.
    """

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._screen: Screen | None = None
        self._held = ""
        self._shown = ""

    def write(self, text: str) -> int:
        """Take what the program wrote; escape sequences may come in pieces."""
        whole = self._held + text
        unfinished = _UNFINISHED.search(whole)
        self._held = unfinished[0] if unfinished else ""
        whole = _LINE_END.sub("\r\n", whole.removesuffix(self._held))
        if self._screen is None:
            up = _UP.search(whole)
            if up is None:
                self._out.write(whole)
                return len(text)
            self._out.write(whole[: up.start()])
            whole = whole[up.start() :]
            self._screen = Screen()
        self._screen.feed(whole)
        self._show("  ".join(filter(None, map(str.strip, self._screen.text.splitlines()))))
        return len(text)

    def flush(self) -> None:
        """Pass it on."""
        self._out.flush()

    def finish(self) -> None:
        """The program has ended."""
        if self._screen is None:
            self._out.write(self._held)
        else:
            self._show("")
            self._out.write(self._screen.text + "\n")
        self._out.flush()

    def _show(self, line: str) -> None:
        if line != self._shown:
            self._out.write(f"\r{line.ljust(len(self._shown))}\r")
            self._shown = line


class _System:
    """`InteractiveShell.system` with a `Cell` for standard output."""

    def __init__(self, shell: Any) -> None:
        self._shell = shell
        self.before: Callable[[str], None] = shell.system
        self._run: Callable[[str], int] = vars(process)["system"]

    def __call__(self, command: str) -> None:
        if command.rstrip().endswith("&"):
            self.before(command)
            return
        shell = self._shell
        # The depth leads from here to the frame of the cell, whose variables the line may name.
        expanded = shell.var_expand(command, depth=1)
        cell = Cell(sys.stdout)
        try:
            with redirect_stdout(cell):
                shell.user_ns["_exit_code"] = self._run(expanded)
        finally:
            cell.finish()
