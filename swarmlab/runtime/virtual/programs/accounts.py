"""Users and groups: `adduser`, `addgroup`, `deluser` and `delgroup` of BusyBox and Debian, `useradd`, `groupadd`."""

import getopt
from collections.abc import Mapping, Sequence

from swarmlab.runtime.virtual.context import Context

_FIRST, _FIRST_OF_SYSTEM = 1000, 100
#: Long options of Debian's adduser, and what BusyBox calls those that matter.
_LONG = [
    "system", "group", "ingroup=", "uid=", "gid=", "home=", "shell=", "no-create-home", "disabled-password",
    "disabled-login", "gecos=", "create-home", "home-dir=", "user-group", "no-user-group", "groups=", "comment=",
    "quiet",
]  # fmt: skip
_NAMES: Mapping[str, str] = {
    "--system": "system", "-S": "system", "-r": "system", "--uid": "uid", "-u": "uid", "--gid": "gid", "-g": "gid",
    "--home": "home", "--home-dir": "home", "-h": "home", "-d": "home", "--shell": "shell", "-s": "shell",
    "--no-create-home": "no-home", "-H": "no-home", "-M": "no-home", "-G": "group", "--ingroup": "group",
    "--groups": "group", "--create-home": "create-home", "-m": "create-home",
}  # fmt: skip


async def adduser(context: Context) -> int:
    """`adduser [OPTIONS] USER [GROUP]`; passwords are never asked for."""
    if (read := await _read(context, "h:g:s:G:u:SDHk:", _LONG)) is None:
        return 1
    given, words = read
    if len(words) > 1:
        return await _join(context, words[0], words[1])
    # -g is its GECOS field, and -G the one group.
    options = {_NAMES[key]: value for key, value in given if key in _NAMES and key != "-g"}
    wanted = options.get("gid") or options.get("group", "")
    return await _add_user(context, words, options, wanted, makes_home=not {"no-home", "system"} & options.keys())


async def useradd(context: Context) -> int:
    """`useradd [OPTIONS] USER`."""
    if (read := await _read(context, "d:g:s:G:u:rmMUNc:lop:", _LONG)) is None:
        return 1
    given, words = read
    if len(words) > 1:
        return await _join(context, words[0], words[1])
    options = {_NAMES[key]: value for key, value in given if key in _NAMES}
    makes_home = "create-home" in options
    code = await _add_user(context, words, options, options.get("gid", ""), makes_home=makes_home)
    for group in filter(None, options.get("group", "").split(",") if code == 0 else ()):
        await _join(context, words[0], group)
    return code


async def _read(context: Context, letters: str, long: list[str]) -> tuple[list[tuple[str, str]], list[str]] | None:
    """The options and words of a command line; None, with a complaint, for one that cannot be."""
    try:
        return getopt.gnu_getopt(context.argv[1:], letters, long)
    except getopt.GetoptError as error:
        await context.err(f"{context.argv[0]}: {error}\n")
        return None


async def _add_user(
    context: Context, words: Sequence[str], options: Mapping[str, str], wanted: str, *, makes_home: bool
) -> int:
    """A new user, in the group that is `wanted`, by name or number, or in one of its own."""
    name, machine = context.argv[0], context.machine
    if not words:
        await context.err(f"{name}: no user name was given\n")
        return 1
    user, users, groups = words[0], _table(context, "/etc/passwd"), _table(context, "/etc/group")
    if user in users:
        await context.err(f"{name}: user '{user}' {'in use' if machine.is_busybox else 'already exists'}\n")
        return 1 if machine.is_busybox else 9
    if wanted and wanted not in groups and not wanted.isdigit():
        await context.err(f"{name}: unknown group {wanted}\n")
        return 1
    first = _FIRST_OF_SYSTEM if "system" in options else _FIRST
    uid = int(options["uid"]) if options.get("uid", "").isdigit() else _free(users, first)
    if not wanted:
        gid = uid if str(uid) not in {fields[2] for fields in groups.values()} else _free(groups, first)
        _append(context, "/etc/group", f"{user}:x:{gid}:")
    else:
        gid = int(wanted) if wanted.isdigit() else int(groups[wanted][2])
    home = options.get("home") or f"/home/{user}"
    usual = "/bin/sh" if machine.is_busybox else "/bin/bash"
    shell = options.get("shell") or ("/bin/false" if "system" in options else usual)
    comment = "Linux User,,," if machine.is_busybox else ""
    _append(context, "/etc/passwd", f"{user}:x:{uid}:{gid}:{comment}:{home}:{shell}")
    if makes_home:
        fs, inner = machine.root.at(home)
        fs.mkdir(inner, recursive=True)
        machine.root.give(home, uid, gid)
    return 0


async def addgroup(context: Context) -> int:
    """`addgroup [OPTIONS] GROUP`, and `addgroup USER GROUP`; `groupadd` too."""
    name = context.argv[0]
    if (read := await _read(context, "g:Srf", ["gid=", "system", "quiet"])) is None:
        return 1
    given, words = read
    if len(words) == 2:
        return await _join(context, *words)
    options = dict(given)
    groups = _table(context, "/etc/group")
    if not words or words[0] in groups:
        await context.err(f"{name}: group '{words[0]}' in use\n" if words else f"{name}: no group name was given\n")
        return 1 if context.machine.is_busybox else 9
    number = options.get("-g") or options.get("--gid") or ""
    first = _FIRST_OF_SYSTEM if {"-S", "-r", "--system"} & options.keys() else _FIRST
    _append(context, "/etc/group", f"{words[0]}:x:{number or _free(groups, first)}:")
    return 0


async def deluser(context: Context) -> int:
    """`deluser USER`, and `deluser USER GROUP`; `userdel` too."""
    words = [word for word in context.argv[1:] if not word.startswith("-")]
    if len(words) == 2:
        _leave(context, words[0], words[1])
        return 0
    users = _table(context, "/etc/passwd")
    if not words or words[0] not in users:
        await context.err(f"{context.argv[0]}: unknown user {' '.join(words)}\n")
        return 1
    _drop(context, "/etc/passwd", words[0])
    _drop(context, "/etc/shadow", words[0])
    _leave(context, words[0])
    if words[0] in (groups := _table(context, "/etc/group")) and not groups[words[0]][3]:
        _drop(context, "/etc/group", words[0])
    return 0


async def delgroup(context: Context) -> int:
    """`delgroup GROUP`, and `delgroup USER GROUP`; `groupdel` too."""
    words = [word for word in context.argv[1:] if not word.startswith("-")]
    groups = _table(context, "/etc/group")
    if not words or words[-1] not in groups:
        await context.err(f"{context.argv[0]}: unknown group {' '.join(words[-1:])}\n")
        return 1
    if len(words) == 2:
        _leave(context, words[0], words[1])
        return 0
    owner = next((user for user, row in _table(context, "/etc/passwd").items() if row[3] == groups[words[0]][2]), "")
    if owner:
        await context.err(f"{context.argv[0]}: '{owner}' still has '{words[0]}' as their primary group!\n")
        return 1
    _drop(context, "/etc/group", words[0])
    return 0


def _drop(context: Context, path: str, name: str) -> None:
    """Without the line of this name."""
    root = context.machine.root
    if root.exists(path):
        lines = root.read(path).splitlines(keepends=True)
        root.write(path, b"".join(line for line in lines if line.split(b":")[0] != name.encode()))


def _leave(context: Context, user: str, group: str = "") -> None:
    """A user is no member of a group, by default of any."""
    lines = []
    for line in context.machine.root.read("/etc/group").decode().splitlines():
        name, _, members = line.rpartition(":")
        if not group or name.split(":")[0] == group:
            members = ",".join(member for member in members.split(",") if member != user)
        lines.append(f"{name}:{members}\n")
    context.machine.root.write("/etc/group", "".join(lines).encode())


async def _join(context: Context, user: str, group: str) -> int:
    root = context.machine.root
    lines = root.read("/etc/group").decode().splitlines()
    for position, line in enumerate(lines):
        fields = line.split(":")
        if fields[0] == group:
            members = [member for member in fields[3].split(",") if member]
            lines[position] = ":".join([*fields[:3], ",".join(dict.fromkeys([*members, user]))])
            root.write("/etc/group", ("\n".join(lines) + "\n").encode())
            return 0
    await context.err(f"{context.argv[0]}: unknown group {group}\n")
    return 1


def _table(context: Context, path: str) -> dict[str, list[str]]:
    try:
        lines = context.machine.root.read(path).decode("utf-8", "replace").splitlines()
    except FileNotFoundError:
        return {}
    return {line.split(":")[0]: line.split(":") for line in lines if line.count(":") >= 3}


def _free(table: Mapping[str, list[str]], first: int) -> int:
    """The first number from `first` on that is nobody's."""
    taken = {int(fields[2]) for fields in table.values() if fields[2].isdigit()}
    return next(number for number in range(first, first + len(taken) + 1) if number not in taken)


def _append(context: Context, path: str, line: str) -> None:
    root = context.machine.root
    try:
        text = root.read(path)
    except FileNotFoundError:
        text = b""
    root.write(path, text + b"\n" * (bool(text) and not text.endswith(b"\n")) + line.encode() + b"\n")
