"""`chmod`: the shell's own knows no `-R`."""

import getopt
import posixpath
import re
from collections.abc import Iterator

from swarmlab.runtime.virtual.context import Context

_CLAUSE = re.compile(r"(?P<who>[ugoa]*)(?P<changes>(?:[-+=][rwxXst]*)+)")
_CHANGE = re.compile(r"([-+=])([rwxXst]*)")
_SHIFTS = {"u": 6, "g": 3, "o": 0}
_BITS = {"r": 4, "w": 2, "x": 1}
#: What the letter `s` stands for, by whose it is.
_SET_ID = {"u": 0o4000, "g": 0o2000, "o": 0}


async def chmod(context: Context) -> int:
    """`chmod [-Rcvf] MODE[,MODE]… FILE…`; a mode is octal or symbolic."""
    # A mode like `-x` looks like an option.
    argv = [word for word in context.argv[1:] if word not in {"-R", "--recursive", "-c", "-v", "-f"}]
    options = {word for word in context.argv[1:] if word in {"-R", "--recursive", "-f"}}
    is_mode = argv and _changed(argv[0], 0, is_directory=False) is not None
    try:
        words = argv if is_mode else getopt.gnu_getopt(argv, "Rcvf")[1]
    except getopt.GetoptError as error:
        await context.err(f"chmod: invalid option -- '{error.opt}'\n")
        return 1
    if len(words) < 2:
        await context.err("chmod: missing operand\n")
        return 1
    if _changed(words[0], 0, is_directory=False) is None:
        await context.err(f"chmod: invalid mode '{words[0]}'\n")
        return 1
    failed = False
    for word in words[1:]:
        path = context.machine.root.followed(context.path(word))
        for one in _below(context, path) if options & {"-R", "--recursive"} else (path,):
            reason = _change(context, one, words[0])
            if reason:
                failed = True
                if "-f" not in options:
                    await context.err(f"chmod: {word}{one[len(path) :]}: {reason}\n")
    return int(failed)


def _change(context: Context, path: str, mode: str) -> str:
    """Change the mode of what is at a path; why it could not be changed."""
    root = context.machine.root
    fs, inner = root.personal(path, context.user)
    try:
        found = fs.stat(inner)
        if root.is_read_only(path):
            return "Read-only file system"
        changed = _changed(mode, int(found["mode"]) & 0o7777, is_directory=found["file_type"] == "directory")
        assert changed is not None
        fs.chmod(inner, changed)
    except RuntimeError as error:
        text = str(error).removeprefix("io error: ")
        return "No such file or directory" if "not found" in text else text
    return ""


def _below(context: Context, path: str) -> Iterator[str]:
    """A path and what is below it, but links."""
    yield path
    fs, inner = context.machine.root.seen(path)
    if fs.exists(inner) and fs.stat(inner)["file_type"] == "directory":
        for entry in fs.read_dir(inner):
            if entry["metadata"]["file_type"] != "symlink":
                yield from _below(context, posixpath.join(path, entry["name"]))


def octal(mode: str) -> int | None:
    """The number of a mode; None for one that is not octal."""
    return int(mode, 8) if re.fullmatch(r"[0-7]{1,5}", mode) else None


def _changed(mode: str, before: int, *, is_directory: bool) -> int | None:
    """What a mode makes of the one before; None when it is no mode."""
    number = octal(mode)
    if number is not None:
        return number
    for clause in mode.split(","):
        found = _CLAUSE.fullmatch(clause)
        if found is None:
            return None
        who = "ugo" if not found["who"] or "a" in found["who"] else found["who"]
        for sign, letters in _CHANGE.findall(found["changes"]):
            bits = 0
            for letter in letters.replace("X", "x" if is_directory or before & 0o111 else ""):
                bits |= _BITS.get(letter, 0)
            mask = sum(bits << _SHIFTS[each] for each in who)
            mask |= sum(_SET_ID[each] for each in who if "s" in letters) | (0o1000 if "t" in letters else 0)
            if sign == "=":
                before = before & ~sum(7 << _SHIFTS[each] for each in who) | mask
            else:
                before = before | mask if sign == "+" else before & ~mask
    return before
