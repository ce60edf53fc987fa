"""`diff` of BusyBox, which knows unified differences only."""

import difflib
import getopt
import posixpath
from collections.abc import Callable, Iterator, Sequence

from swarmlab.runtime.virtual.context import Context

_LETTERS = "abBdiNqrstTwuL:U:"
_LONG = ["brief", "unified", "recursive", "new-file", "ignore-case", "color="]


async def diff(context: Context) -> int:
    """`diff [-qruNibw] [-U LINES] ONE OTHER`; directories are compared file by file."""
    try:
        given, names = getopt.gnu_getopt(context.argv[1:], _LETTERS, _LONG)
    except getopt.GetoptError as error:
        await context.err(f"diff: invalid option -- '{error.opt}'\n")
        return 2
    if len(names) != 2:
        await context.err("diff: missing operand\n")
        return 2
    comparison = _Comparison(context, dict(given))
    if "-" in names:
        comparison.input = b"".join([chunk async for chunk in context.stdin])
    for name in names:
        if name != "-" and not comparison.is_there(name):
            await context.err(f"diff: can't stat '{name}': No such file or directory\n")
            return 2
    text = "".join(comparison.of(*names))
    await context.out(text)
    return 1 if text else 0


class _Comparison:
    def __init__(self, context: Context, options: dict[str, str]) -> None:
        self._context = context
        self._root = context.machine.root
        self._brief = bool(options.keys() & {"-q", "--brief"})
        self._deep = bool(options.keys() & {"-r", "--recursive"})
        self._all = bool(options.keys() & {"-N", "--new-file"})
        around = options.get("-U", "3")
        self._around = int(around) if around.isdecimal() else 3
        self._key = _normal({*options})
        #: What `-` stands for.
        self.input = b""

    def is_there(self, name: str) -> bool:
        """Whether there is anything at a path."""
        fs, inner = self._root.seen(self._context.path(name))
        return bool(fs.exists(inner))

    def of(self, one: str, other: str) -> Iterator[str]:
        """The differences of two files or directories."""
        are_folders = [name != "-" and self._root.is_directory(self._context.path(name)) for name in (one, other)]
        if all(are_folders):
            yield from self._folders(one, other)
        elif any(are_folders):
            # The file of that name in the directory is meant.
            folder, file = (one, other) if are_folders[0] else (other, one)
            inside = posixpath.join(folder, posixpath.basename(file))
            yield from self._files(*((inside, file) if are_folders[0] else (file, inside)))
        else:
            yield from self._files(one, other)

    def _folders(self, one: str, other: str) -> Iterator[str]:
        names = [self._names(folder) for folder in (one, other)]
        for name in sorted(names[0] | names[1]):
            missing = next((folder for folder, known in zip((one, other), names, strict=True) if name not in known), "")
            first, second = posixpath.join(one, name), posixpath.join(other, name)
            if missing and not self._all:
                yield f"Only in {other if missing == one else one}: {name}\n"
            elif not self._root.is_directory(self._context.path(second if missing == one else first)):
                yield from self._files(first, second)
            elif self._deep:
                yield from self._folders(first, second)
            else:
                yield f"Common subdirectories: {first} and {second}\n"

    def _files(self, one: str, other: str) -> Iterator[str]:
        before, after = self._lines(one), self._lines(other)
        matcher = difflib.SequenceMatcher(None, [*map(self._key, before)], [*map(self._key, after)], autojunk=False)
        if all(tag == "equal" for tag, *_ in matcher.get_opcodes()):
            return
        if self._brief:
            yield f"Files {one} and {other} differ\n"
        else:
            yield f"--- {one}\n+++ {other}\n"
            yield from _unified(matcher, before, after, self._around)

    def _names(self, folder: str) -> set[str]:
        fs, inner = self._root.seen(self._context.path(folder))
        return {entry["name"] for entry in fs.read_dir(inner)} if fs.exists(inner) else set()

    def _lines(self, name: str) -> list[str]:
        if name == "-":
            data = self.input
        else:
            try:
                data = self._root.read(self._context.path(name))
            except FileNotFoundError:
                data = b""
        return data.decode("utf-8", "surrogateescape").splitlines(keepends=True)


def _normal(options: set[str]) -> Callable[[str], str]:
    """What lines are compared by."""

    def key(line: str) -> str:
        if "-w" in options:
            line = "".join(line.split())
        elif "-b" in options:
            line = " ".join(line.split())
        return line.lower() if {"-i", "--ignore-case"} & options else line

    return key


def _unified(
    matcher: "difflib.SequenceMatcher[str]", before: Sequence[str], after: Sequence[str], around: int
) -> Iterator[str]:
    for group in matcher.get_grouped_opcodes(around):
        first, last = group[0], group[-1]
        yield f"@@ -{_range(first[1], last[2])} +{_range(first[3], last[4])} @@\n"
        for tag, start, end, begin, stop in group:
            if tag == "equal":
                yield from (_line(" ", line) for line in before[start:end])
                continue
            yield from (_line("-", line) for line in before[start:end])
            yield from (_line("+", line) for line in after[begin:stop])


def _line(mark: str, line: str) -> str:
    return f"{mark}{line}" if line.endswith("\n") else f"{mark}{line}\n\\ No newline at end of file\n"


def _range(start: int, end: int) -> str:
    count = end - start
    return str(start + 1) if count == 1 else f"{start + bool(count)},{count}"
