"""`--chown`: files here are root's, but whom they should belong to must be somebody."""

from swarmlab.engine.build.files import Files
from swarmlab.engine.errors import internal


def check_owner(owner: str, target: Files) -> None:
    """Raise EngineError unless `user[:group]` is somebody in an image (MB: builder/dockerfile/internals_linux.go)."""
    user, _, group = owner.partition(":")
    if owner.count(":") > 1 or not user:
        raise _unknown(f"invalid chown string format: {owner}")
    if not user.isdigit() and user not in _names("/etc/passwd", target):
        raise _unknown(f"can't find uid for user {user}: no such user: {user}")
    name = group or user
    if not name.isdigit() and name not in _names("/etc/group", target):
        raise _unknown(f"can't find gid for group {name}: no such group: {name}")


def _unknown(reason: str) -> Exception:
    return internal(f"unable to convert uid/gid chown string to host mapping: {reason}")


def _names(path: str, target: Files) -> set[str]:
    found = target.get(target.resolve(path))
    text = found.content.read_bytes().decode("utf-8", "replace") if found is not None and found.content else ""
    return {line.partition(":")[0] for line in text.splitlines()}
