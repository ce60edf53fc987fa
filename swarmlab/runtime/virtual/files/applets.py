"""What stands in an image's directories for the commands of the shell, so that scripts find them by their paths."""

import posixpath
from collections.abc import Container, Iterator
from typing import NamedTuple

from swarmlab.images import Bytes, Content

#: Directories in which an executable may be.
BIN = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")

#: Commands that images without BusyBox have: each gets a file in /bin that hands over to it.
_PLAIN = (
    "awk base64 basename bash cat chgrp chmod chown cp curl cut date dd df diff dirname du echo env expr false find "
    "grep gunzip gzip head hostname id kill ln ls md5sum mkdir mktemp mount mv nginx nohup od paste pidof ping "
    "printenv printf ps pwd readlink realpath rm rmdir sed seq sh sha256sum sleep sort stat su tail tar tee test "
    "timeout top touch tr true umount uname uniq wc wget which whoami xargs yes zcat"
)
#: Where Alpine has links to BusyBox for the commands that the shell has, too.
_ALPINE = {
    "/bin": (
        "arch ash base64 cat chgrp chmod chown cp date dd df dmesg echo egrep false fgrep grep gunzip gzip hostname "
        "kill link ln ls mkdir mktemp more mount mv netstat nice pidof ping printenv ps pwd rev rm rmdir sed sh sleep "
        "stat su sync tar touch true umount uname usleep watch zcat"
    ),
    "/sbin": "halt ifconfig ip poweroff reboot route sysctl",
    "/usr/bin": (
        "[ [[ awk basename bc bunzip2 bzcat bzip2 cksum clear cmp comm crontab cut diff dirname du env expand expr "
        "factor find flock fold free groups head hexdump hostid id install killall less logger md5sum mkfifo nc nl "
        "nohup nproc nslookup od passwd paste pgrep pkill printf readlink realpath renice seq setsid sha1sum sha256sum "
        "sha512sum shuf sort split strings sum tac tail tee test time timeout top tr tree truncate tty unexpand uniq "
        "unlink unzip uptime vi wc wget which who whoami xargs xxd yes"
    ),
    "/usr/sbin": "addgroup adduser",
}
_BUSYBOX = "/bin/busybox"
#: BusyBox, told by the name that it was called by what it is to be.
_MULTI_CALL = """\
#!/bin/sh
case ${{0##*/}} in
busybox) ;;
ash) exec sh "$@";;
zcat) exec gzip -dc "$@";;
setsid) exec "$@";;
*) exec "${{0##*/}}" "$@";;
esac
case "${{1-}}" in
"" | --help) cat <<END
BusyBox v1.37.0 multi-call binary.

Usage: busybox [function [arguments]...]
   or: busybox --list
   or: function [arguments]...
END
;;
--list) printf '%s\\n' {names};;
*)
  type "$1" >/dev/null 2>&1 || {{ echo "$1: applet not found" >&2; exit 127; }}
  exec "$@";;
esac
""".format(names=" ".join(sorted(" ".join(_ALPINE.values()).split()))).encode()
_NAMES = frozenset(" ".join((_PLAIN, *_ALPINE.values())).split())
#: Commands by which images differ; without the others no shell is one.
_OPTIONAL = (_NAMES | {"apt-get"}) - frozenset(["[", "[[", "echo", "false", "kill", "printf", "pwd", "test", "true"])


class Node(NamedTuple):
    """What is at a path: `kind` is directory, file (with its `content`) or link (with its `target`).

    `modified` is when a file was last, in Unix nanoseconds.
    """

    kind: str
    mode: int = 0o777
    content: Content | None = None
    target: str = ""
    modified: int = 0


def applets(absent: frozenset[str], *, is_busybox: bool, is_alpine: bool) -> Iterator[tuple[str, Node]]:
    """The commands of an image by path, without the absent ones.

    On Alpine they are links to BusyBox. The `busybox` image itself has one file under many names, all in /bin.
    """
    if not is_busybox:
        yield from ((f"/bin/{name}", hand_over(name)) for name in _PLAIN.split() if name not in absent)
        return
    yield _BUSYBOX, Node("file", 0o755, Bytes(_MULTI_CALL))
    for folder, names in _ALPINE.items():
        for name in names.split():
            if name not in absent:
                where = f"{folder if is_alpine else '/bin'}/{name}"
                yield where, Node("link", target=_BUSYBOX) if is_alpine else Node("file", 0o755, Bytes(_MULTI_CALL))


def lacking(paths: Container[str]) -> frozenset[str]:
    """The commands of the shell that stand in none of the usual directories, if any shell does; `paths` are there."""

    def stands(name: str) -> bool:
        return any(f"{directory}/{name}" in paths for directory in BIN)

    return frozenset(name for name in _OPTIONAL if not stands(name)) if stands("sh") else frozenset()


def is_applet(path: str) -> bool:
    """Whether the shell has a command of that name, and it is where commands are."""
    return posixpath.basename(path) in _NAMES and posixpath.dirname(path) in BIN


def hand_over(name: str) -> Node:
    """A script that is as good as a command of the shell."""
    return Node("file", 0o755, Bytes(f'#!/bin/sh\nexec {name} "$@"\n'.encode()))


def is_busybox_itself(data: bytes) -> bool:
    """Whether a file is what stands for BusyBox: whatever it is called, that command it is."""
    return data == _MULTI_CALL
