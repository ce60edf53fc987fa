"""Users and groups inside a container, as its /etc/passwd and /etc/group have them."""

import re
from collections.abc import Iterable

from swarmlab.runtime.virtual.files.access import User
from swarmlab.runtime.virtual.files.files import RootFs

_NUMBER = re.compile(r"[+-]?[0-9]+")
_IDS = range(1 << 31)


class Users:
    """The users of one container."""

    def __init__(self, root: RootFs) -> None:
        self._root = root

    def find(self, spec: str, groups: Iterable[str] = ()) -> User:
        """The user of a `--user` argument (name, uid, `user:group`), root when it is empty, in further `groups`.

        Raises LookupError with runc's text when a name is unknown, or a number none that may be.
        """
        who, group, *_ = (*spec.split(":"), "")
        user = User("root", 0, 0, "/root")
        if who:
            for fields in self._table("/etc/passwd", 7):
                if who in (fields[0], fields[2]):
                    user = User(fields[0], int(fields[2]), int(fields[3]), fields[5])
                    break
            else:
                if not _NUMBER.fullmatch(who):
                    raise LookupError(f"unable to find user {who}: no matching entries in passwd file")
                user = User(who, _checked(who), 0, "/")
        if group:
            user = user._replace(gid=self._group(group, "unable"))
        return user._replace(groups=tuple(self._group(name, "Unable") for name in groups))

    def groups_of(self, name: str) -> tuple[int, ...]:
        """The groups that a user is a member of, beside his own."""
        return tuple(int(fields[2]) for fields in self._table("/etc/group", 4) if name in fields[3].split(","))

    def name_of(self, name: str) -> int | None:
        """The number of a user by name; None for nobody's."""
        return next((int(fields[2]) for fields in self._table("/etc/passwd", 7) if fields[0] == name), None)

    def shell(self, name: str) -> str:
        """The shell of a user."""
        found = next((fields[6] for fields in self._table("/etc/passwd", 7) if fields[0] == name), "")
        return found.strip() or "/bin/sh"

    def group(self, name: str) -> int:
        """The number of a group. Raises LookupError."""
        return self._group(name, "unable")

    def _group(self, name: str, complaint: str) -> int:
        """The number of a group. Raises LookupError."""
        found = next((fields[2] for fields in self._table("/etc/group", 3) if name in (fields[0], fields[2])), name)
        if not _NUMBER.fullmatch(found):
            raise LookupError(f"{complaint} to find group {name}: no matching entries in group file")
        return _checked(found)

    def name(self, uid: int) -> str:
        """The name of a user, or its number as text."""
        return next((fields[0] for fields in self._table("/etc/passwd", 7) if fields[2] == str(uid)), str(uid))

    def group_name(self, gid: int) -> str:
        """The name of a group, or its number as text."""
        return next((fields[0] for fields in self._table("/etc/group", 3) if fields[2] == str(gid)), str(gid))

    def _table(self, path: str, columns: int) -> list[list[str]]:
        try:
            lines = self._root.read(path).decode("utf-8", "replace").splitlines()
        except FileNotFoundError:
            return []
        return [fields for line in lines if len(fields := line.split(":")) >= columns]


def _checked(number: str) -> int:
    if int(number) not in _IDS:
        raise LookupError("uids and gids must be in range 0-2147483647")
    return int(number)
