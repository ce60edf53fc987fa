"""`install`, and `realpath`: the shell's own know nothing of links and of what is mounted."""

import getopt
import posixpath
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from swarmlab.images import Owner
from swarmlab.runtime.virtual.context import Context
from swarmlab.runtime.virtual.programs.modes import octal


async def realpath(context: Context) -> int:
    """`realpath FILE…`: where paths lead to; the last part need not be there in GNU's."""
    failed = False
    root = context.machine.root
    for name in [word for word in context.argv[1:] if not word.startswith("-")]:
        path = root.followed(context.path(name))
        fs, inner = root.seen(path)
        above, _ = root.seen(posixpath.dirname(path))
        if fs.exists(inner) or (not context.machine.is_busybox and above.exists(posixpath.dirname(inner))):
            await context.out(f"{path}\n")
        else:
            failed = True
            await context.err(f"realpath: {name}: No such file or directory\n")
    return int(failed)


async def install(context: Context) -> int:
    """`install [-d] [-D] [-m MODE] [-o USER] [-g GROUP] [-t DIRECTORY] SOURCE… TARGET`."""
    try:
        asked = _asked(context)
    except _WrongError as error:
        await context.err(f"install: {error}\n")
        return 1
    failed = False
    for source, target in asked.pairs:
        try:
            _put(context, asked, source, target)
        except FileNotFoundError:
            failed = True
            await context.err(f"install: can't stat '{source}': No such file or directory\n")
        except RuntimeError as error:
            failed = True
            await context.err(f"install: can't create '{target}': {str(error).removeprefix('io error: ')}\n")
    context.machine.root.sync()
    return int(failed)


class _WrongError(Exception):
    """Raised with what is said after `install: `."""


class _Asked(NamedTuple):
    """What is to be installed: sources, None for a directory that is made, with the paths where they go."""

    pairs: Sequence[tuple[str | None, str]]
    mode: int
    owner: Owner
    #: Whether directories on the way are made.
    makes_way: bool


def _asked(context: Context) -> _Asked:
    """Raises _WrongError."""
    try:
        given, words = getopt.gnu_getopt(context.argv[1:], "cdDpsm:o:g:t:", ["mode=", "owner=", "group=", "directory"])
    except getopt.GetoptError as error:
        raise _WrongError(f"invalid option -- '{error.opt}'") from None
    options = {name.replace("--", "-")[:2]: value for name, value in given}
    owner = _owner(context, options)
    mode = octal(options.get("-m", "755"))
    if mode is None:
        raise _WrongError(f"invalid mode '{options['-m']}'")
    if len(words) < (1 if options.keys() & {"-d", "-t"} else 2):
        raise _WrongError("missing operand")
    pairs: list[tuple[str | None, str]]
    if "-d" in options:
        pairs = [(None, context.path(name)) for name in words]
    else:
        sources, target = (words, options["-t"]) if "-t" in options else (words[:-1], words[-1])
        path = context.path(target)
        inside = "-t" in options or context.machine.root.is_directory(path)
        pairs = [(name, posixpath.join(path, posixpath.basename(name)) if inside else path) for name in sources]
    return _Asked(pairs, mode, owner, "-D" in options)


def _owner(context: Context, options: Mapping[str, str]) -> Owner:
    """Whose the new files are. Raises _WrongError."""
    users = context.machine.users
    try:
        uid = users.find(options["-o"]).uid if "-o" in options else context.user.uid
    except LookupError:
        raise _WrongError(f"unknown user {options['-o']}") from None
    try:
        return uid, users.group(options["-g"]) if "-g" in options else context.user.gid
    except LookupError:
        raise _WrongError(f"unknown group {options['-g']}") from None


def _put(context: Context, asked: _Asked, source: str | None, target: str) -> None:
    """Raises FileNotFoundError when there is no such source, and RuntimeError when it cannot be written."""
    root = context.machine.root
    fs, inner = root.personal(root.followed(target), context.user)
    if source is None:
        fs.mkdir(inner, recursive=True)
    else:
        data = root.read(context.path(source))
        if asked.makes_way:
            fs.mkdir(posixpath.dirname(inner), recursive=True)
        fs.write_file(inner, data)
    fs.chmod(inner, asked.mode)
    root.give(target, *asked.owner)
