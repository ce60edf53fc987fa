"""`--chown`: whose copies are (MB: builder/dockerfile/internals_linux.go)."""

from swarmlab.engine.build.files import Files
from swarmlab.engine.errors import internal
from swarmlab.images import Owner


def owner_of(spec: str, target: Files) -> Owner | None:
    """The numbers of `user[:group]` in an image, None when it is empty. Raises EngineError when it is nobody there.

    A user without a group means the group of the same name or number.
    """
    if not spec:
        return None
    user, _, group = spec.partition(":")
    if spec.count(":") > 1:
        raise _unknown(f"invalid chown string format: {spec}")
    uid = _number(user, "/etc/passwd", target)
    if uid is None:
        raise _unknown(f"can't find uid for user {user}: no such user: {user}")
    name = group or user
    gid = _number(name, "/etc/group", target)
    if gid is None:
        raise _unknown(f"can't find gid for group {name}: no such group: {name}")
    return uid, gid


def _unknown(reason: str) -> Exception:
    return internal(f"unable to convert uid/gid chown string to host mapping: {reason}")


def _number(name: str, path: str, target: Files) -> int | None:
    """What a file of accounts says of a name; a number is itself, whether somebody has it or not."""
    if name.isdigit():
        return int(name)
    found = target.get(target.resolve(path))
    text = found.content.read_bytes().decode("utf-8", "replace") if found is not None and found.content else ""
    rows = (line.split(":") for line in text.splitlines())
    return next((int(row[2]) for row in rows if row[0] == name and len(row) > 2 and row[2].isdigit()), None)
