"""The arguments of `docker top`, as the machine's `ps` reads them (procps: ps/parser.c, sortformat.c)."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from swarmlab.api.errors import internal

#: The columns that can be asked for, and what stands above each.
HEADERS: Mapping[str, str] = {
    "addr": "ADDR", "args": "COMMAND", "bsdtime": "TIME", "c": "C", "cmd": "CMD", "comm": "COMMAND", "egroup": "EGROUP",
    "etime": "ELAPSED", "etimes": "ELAPSED", "euser": "EUSER", "f": "F", "fname": "COMMAND", "gid": "GID",
    "group": "GROUP", "lstart": "STARTED", "lwp": "LWP", "ni": "NI", "nlwp": "NLWP", "pcpu": "%CPU", "pgid": "PGID",
    "pid": "PID", "pmem": "%MEM", "ppid": "PPID", "pri": "PRI", "psr": "PSR", "rgroup": "RGROUP", "rss": "RSS",
    "ruser": "RUSER", "s": "S", "sid": "SID", "start": "START", "stat": "STAT", "stime": "STIME", "sz": "SZ",
    "time": "TIME", "tname": "TTY", "tt": "TT", "ucmd": "CMD", "uid": "UID", "user": "USER", "vsz": "VSZ",
    "wchan": "WCHAN",
}  # fmt: skip
_SAME = {
    "%cpu": "pcpu", "%mem": "pmem", "blocked": "s", "command": "args", "cputime": "time", "flag": "f", "flags": "f",
    "nice": "ni", "pgrp": "pgid", "rssize": "rss", "rsz": "rss", "sess": "sid", "session": "sid", "spid": "lwp",
    "state": "s", "thcount": "nlwp", "tid": "lwp", "tty": "tt", "uname": "user", "vsize": "vsz",
}  # fmt: skip
_LAYOUTS: Mapping[str, str] = {
    "": "pid tname time ucmd",
    "bsd": "pid tname stat bsdtime args",
    "user": "user pid pcpu pmem vsz rss tname stat start bsdtime args",
    "f": "uname pid ppid c stime tname time cmd",
    "F": "uname pid ppid c sz rss psr stime tname time cmd",
    "l": "f s uid pid ppid c pri ni addr sz wchan tname time ucmd",
}
#: What says who is to be shown: all are.
_SELECTING = frozenset("aeAdNTrx")
_LOOKS = frozenset("wcHnyM")
_LISTS = frozenset("CpqUuGgst")
_LONG = frozenset({"forest", "no-headers", "no-heading", "headers", "cumulative"})
_LONG_LISTS = frozenset(
    {"sort", "cols", "columns", "width", "lines", "rows", "pid", "ppid", "user", "User", "group", "Group", "tty"}
)


class Listing(NamedTuple):
    """What to show: pairs of a column and what stands above it; with `tree` commands are drawn as branches.

    `only` are the lists of those to be shown, by their kind: `C` (names of commands), `p` (numbers), `u` (users).
    """

    columns: tuple[tuple[str, str], ...]
    tree: bool
    only: Mapping[str, frozenset[str]]


def parse(text: str) -> Listing:
    """What the arguments ask for. Raises ApiError (500) with the words of `ps`."""
    return _Parser(text).listing()


class _Parser:
    def __init__(self, text: str) -> None:
        self._words = text.split() or ["-ef"]
        self._layout = ""
        self._own: list[tuple[str, str]] = []
        self._tree = False
        self._headless = False
        self._threads = False
        self._only: dict[str, frozenset[str]] = {}

    def listing(self) -> Listing:
        while self._words:
            word = self._words.pop(0)
            if word.startswith("--"):
                self._long(word[2:])
            elif word.startswith("-") and len(word) > 1:
                self._short(word[1:])
            elif word.isdecimal():
                self._only["p"] = self._only.get("p", frozenset()) | {word}
            else:
                self._bsd(word)
        columns = tuple(self._own or self._usual())
        if self._headless or "PID" not in (header for _, header in columns):
            raise internal("Couldn't find PID field in ps output")
        return Listing(columns, self._tree, self._only)

    def _usual(self) -> Iterator[tuple[str, str]]:
        for name in _LAYOUTS[self._layout].split():
            # Users stand for numbers there.
            yield ("user", "UID") if name == "uname" else (name, HEADERS[name])
            if name == "ppid" and self._threads:
                yield "lwp", "LWP"
            if name == "c" and self._threads:
                yield "nlwp", "NLWP"

    def _long(self, word: str) -> None:
        name, equals, value = word.partition("=")
        if name == "format":
            self._columns(value if equals else self._next("format specification must follow --format"))
        elif name in _LONG_LISTS:
            if not equals:
                self._next(f"option --{name} requires an argument")
        elif name in _LONG:
            self._tree |= name == "forest"
            self._headless |= name.startswith("no-head")
        else:
            raise internal("ps: error: unknown gnu long option")

    def _short(self, letters: str) -> None:
        for at, letter in enumerate(letters):
            rest = letters[at + 1 :]
            if letter in "oO":
                self._columns(rest or self._next("format specification must follow -o"))
                return
            if letter in _LISTS:
                listed = rest or self._next("list of process IDs must follow -p" if letter == "p" else "list missing")
                kind = {"q": "p", "U": "u"}.get(letter, letter)
                self._only[kind] = frozenset(listed.split(","))
                return
            if letter in "fFl":
                self._layout = letter if (self._layout, letter) != ("F", "f") else "F"
            elif letter == "L":
                self._threads = True
            elif letter == "H":
                self._tree = True
            elif letter not in _SELECTING | _LOOKS | {"j"}:
                raise internal("ps: error: unsupported SysV option")

    def _bsd(self, letters: str) -> None:
        self._layout = self._layout or "bsd"
        for at, letter in enumerate(letters):
            if letter in "oO":
                self._columns(letters[at + 1 :] or self._next("format specification must follow o"))
                return
            if letter == "u":
                self._layout = "user"
            elif letter == "f":
                self._tree = True
            elif letter == "h":
                self._headless = True
            elif letter not in _SELECTING | _LOOKS | set("ejlmvS"):
                raise internal("ps: error: unsupported option (BSD syntax)")

    def _next(self, complaint: str) -> str:
        if not self._words:
            raise internal(f"ps: error: {complaint}")
        return self._words.pop(0)

    def _columns(self, text: str) -> None:
        for name in filter(None, text.split(",")):
            key, equals, header = name.partition("=")
            found = _SAME.get(key, key)
            if found not in HEADERS:
                raise internal(f'ps: error: unknown user-defined format specifier "{key}"')
            self._own.append((found, header if equals else HEADERS[found]))
