"""`stat` of BusyBox and coreutils: what there is to know of files."""

import getopt
import stat as modes
import zlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from swarmlab.runtime.virtual.context import Context
from swarmlab.runtime.virtual.files.devices import DEVICES
from swarmlab.runtime.virtual.files.sockets import SOCKET_MODE

_KINDS = {"directory": modes.S_IFDIR, "symlink": modes.S_IFLNK, "fifo": modes.S_IFIFO}
_NAMES = {
    modes.S_IFDIR: "directory", modes.S_IFLNK: "symbolic link", modes.S_IFIFO: "fifo",
    modes.S_IFCHR: "character special file", modes.S_IFSOCK: "socket",
}  # fmt: skip
_BLOCK = 4096
#: The number of the container's file system: some number.
_DEVICE = 0x36


class _Found(NamedTuple):
    """A file: its mode with the kind, seconds of its last change, what a link leads to, numbers of a device."""

    name: str
    mode: int
    size: int
    uid: int
    gid: int
    inode: int
    modified: float
    target: str
    device: tuple[int, int]


async def stat(context: Context) -> int:
    """`stat [-L] [-t] [-c FORMAT] FILE…`; of file systems (`-f`) only that they are not told of."""
    try:
        given, names = getopt.gnu_getopt(
            context.argv[1:], "Ltfc:", ["format=", "printf=", "dereference", "terse", "file-system"]
        )
    except getopt.GetoptError as error:
        await context.err(f"stat: invalid option -- '{error.opt}'\n")
        return 1
    options = dict(given)
    if not names:
        await context.err("stat: missing operand\n")
        return 1
    if options.keys() & {"-f", "--file-system"}:
        await context.err("stat: swarmlab: nothing is known of file systems; see df\n")
        return 1
    form = options.get("-c", options.get("--format"))
    code = 0
    for name in names:
        found = _find(context, name, follow=bool(options.keys() & {"-L", "--dereference"}))
        if found is None:
            told = "can't stat" if context.machine.is_busybox else "cannot statx"
            await context.err(f"stat: {told} '{name}': No such file or directory\n")
            code = 1
        elif "--printf" in options:
            text = _filled(context, found, options["--printf"])
            await context.out(text.replace("\\n", "\n").replace("\\t", "\t"))
        elif form is not None:
            await context.out(_filled(context, found, form) + "\n")
        elif options.keys() & {"-t", "--terse"}:
            await context.out(_filled(context, found, "%n %s %b %f %u %g %D %i %h %t %T %X %Y %Z %o") + "\n")
        else:
            await context.out(_described(context, found))
    return code


def _find(context: Context, name: str, *, follow: bool) -> _Found | None:
    root = context.machine.root
    path = context.path(name)
    for _ in range(40):
        fs, inner = root.seen(path)
        try:
            found = fs.stat(inner)
        except (RuntimeError, OSError):
            return None
        target = root.read_link(path) if found["file_type"] == "symlink" else ""
        if not (follow and target):
            break
        path = context.path(path.rpartition("/")[0] + "/" + target if not target.startswith("/") else target)
    uid, gid = root.owner(path)
    modified = root.modified(path, found)
    inode = zlib.crc32(path.encode()) | 1
    if path in DEVICES:
        return _Found(name, modes.S_IFCHR | 0o666, 0, uid, gid, inode, modified, "", DEVICES[path])
    if root.is_socket(path):
        return _Found(name, modes.S_IFSOCK | SOCKET_MODE, 0, uid, gid, inode, modified, "", (0, 0))
    mode = _KINDS.get(found["file_type"], modes.S_IFREG) | found["mode"]
    size = _BLOCK if modes.S_ISDIR(mode) else len(target) if target else int(found["size"])
    return _Found(name, mode, size, uid, gid, inode, modified, target, (0, 0))


def _filled(context: Context, found: _Found, form: str) -> str:
    users = context.machine.users
    parts: Mapping[str, Callable[[], object]] = {
        "n": lambda: found.name,
        "N": lambda: f"'{found.name}' -> '{found.target}'" if found.target else found.name,
        "s": lambda: found.size,
        "a": lambda: f"{modes.S_IMODE(found.mode):o}",
        "A": lambda: modes.filemode(found.mode),
        "u": lambda: found.uid,
        "g": lambda: found.gid,
        "U": lambda: _or_unknown(users.name(found.uid)),
        "G": lambda: _or_unknown(users.group_name(found.gid)),
        "F": lambda: _kind(found),
        "f": lambda: f"{found.mode:x}",
        "h": lambda: 1,
        "i": lambda: found.inode,
        "b": lambda: _blocks(found),
        "B": lambda: 512,
        "o": lambda: _BLOCK,
        "d": lambda: _DEVICE,
        "D": lambda: f"{_DEVICE:x}",
        "t": lambda: f"{found.device[0]:x}",
        "T": lambda: f"{found.device[1]:x}",
        **dict.fromkeys("xyz", lambda: _time(found)),
        **dict.fromkeys("XYZ", lambda: int(found.modified)),
        "%": lambda: "%",
    }
    text, position = "", 0
    while position < len(form):
        letter = form[position]
        if letter == "%" and position + 1 < len(form):
            position += 1
            letter = str(parts[form[position]]()) if form[position] in parts else form[position]
        text += letter
        position += 1
    return text


def _described(context: Context, found: _Found) -> str:
    name = f"'{found.name}' -> '{found.target}'" if found.target else found.name
    device = f"     Device type: {found.device[0]:x},{found.device[1]:x}" if found.device != (0, 0) else ""
    number = f"{_DEVICE:x}h/{_DEVICE}d" if context.machine.is_busybox else f"0,{_DEVICE}"
    users = context.machine.users
    return (
        f"  File: {name}\n"
        + f"  Size: {found.size:<10}\t"
        + _filled(context, found, f"Blocks: {_blocks(found):<10} IO Block: {_BLOCK:<6} %F\n")
        + f"Device: {number}\tInode: {found.inode:<10}  Links: 1{device}\n"
        + _filled(context, found, f"Access: ({modes.S_IMODE(found.mode):04o}/%A)  ")
        + f"Uid: ({found.uid:>5}/{users.name(found.uid):>8})   Gid: ({found.gid:>5}/{users.group_name(found.gid):>8})\n"
        + "".join(f"{title}: {_time(found)}\n" for title in ("Access", "Modify", "Change"))
    )


def _blocks(found: _Found) -> int:
    return 0 if found.target else -(-found.size // _BLOCK) * (_BLOCK // 512)


def _kind(found: _Found) -> str:
    usual = "regular file" if found.size else "regular empty file"
    return _NAMES.get(modes.S_IFMT(found.mode), usual)


def _time(found: _Found) -> str:
    return datetime.fromtimestamp(found.modified, UTC).strftime("%Y-%m-%d %H:%M:%S.%f000 +0000")


def _or_unknown(name: str) -> str:
    return "UNKNOWN" if name.isdigit() else name
