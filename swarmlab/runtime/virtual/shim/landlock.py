"""Landlock (Linux 5.13): a process gives rights to files away, for itself and for all that it starts.

Source: linux/landlock.h and Linux's Documentation/userspace-api/landlock.rst. Where the kernel has none, nothing is
given away.
"""

import ctypes
import os
import stat
import struct
import sys
from collections.abc import Iterable

#: System calls, the same on all processors, and what they are told.
_CREATE, _ADD, _RESTRICT = 444, 445, 446
_ASK_VERSION, _PATH_BENEATH = 1, 1
_SET_NO_NEW_PRIVS = 38

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1, 2, 4, 8
_REFER, _TRUNCATE = 1 << 13, 1 << 14
READING = _EXECUTE | _READ_FILE | _READ_DIR
#: What a rule about a single file may name.
_OF_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE


def rights() -> int:
    """All that can be given away; 0 where there is no Landlock."""
    version = _libc().syscall(_CREATE, None, 0, _ASK_VERSION) if sys.platform == "linux" else 0
    if version < 1:
        return 0
    return (1 << 13) - 1 | (_REFER if version >= 2 else 0) | (_TRUNCATE if version >= 3 else 0)


def prepare(handled: int, rules: Iterable[tuple[str, int]]) -> int | None:
    """What `enforce` is to be given: only the rights of the rules are left of those that are `handled`.

    A rule is about a path, and what is below it; one that cannot be had is left out. None where there is no Landlock.
    """
    libc = _libc()
    ruleset = libc.syscall(_CREATE, struct.pack("=Q", handled), 8, 0) if handled else -1
    if ruleset < 0:
        return None
    for path, access in rules:
        try:
            descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except OSError:
            continue
        fits = handled if stat.S_ISDIR(os.fstat(descriptor).st_mode) else _OF_FILES
        libc.syscall(_ADD, ruleset, _PATH_BENEATH, struct.pack("=Qi", access & handled & fits, descriptor), 0)
        os.close(descriptor)
    return int(ruleset)


def enforce(ruleset: int) -> bool:
    """Give the rights away; False when that cannot be, as in a process whose parents have done it a dozen times."""
    libc = _libc()
    libc.prctl(_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    done: bool = libc.syscall(_RESTRICT, ruleset, 0) == 0
    os.close(ruleset)
    return done


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None)
