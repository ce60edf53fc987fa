"""Runs a program that must get at little: `python -I -S unprivileged.py READ WRITE PROGRAM ARGUMENT…`.

Landlock, where the kernel has it, confines it: READ and WRITE name, one a line, what else than the system's own
programs and libraries may be read at all. A program that anybody can tell to read a file, as an SQL database, reads
none of the user's.

Some servers refuse to run as root: root's run as the user `nobody`. What they run from, and what they write, may lie in
directories that only root may enter. Then the right to read and enter all directories is kept (Linux).
"""

import ctypes
import errno
import os
import pwd
import stat
import struct
import sys

_SET_KEEPCAPS, _SET_NO_NEW_PRIVS, _AMBIENT, _RAISE = 8, 38, 47, 2
_DAC_READ_SEARCH = 2
_VERSION_3 = 0x20080522

#: Landlock (linux/landlock.h): system calls, the same on all processors, and kinds of access.
_CREATE, _ADD, _RESTRICT = 444, 445, 446
_ASK_VERSION, _PATH_BENEATH = 1, 1
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1, 2, 4, 8
_BASE = (1 << 13) - 1
_REFER, _TRUNCATE = 1 << 13, 1 << 14
#: What a rule about a single file may name.
_OF_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE

#: What programs need of the machine, and who they are told they are.
_SYSTEM = (
    "/bin", "/lib", "/lib32", "/lib64", "/sbin", "/usr/bin", "/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/local/lib",
    "/usr/share/locale", "/usr/share/zoneinfo", "/etc/gai.conf", "/etc/group", "/etc/host.conf", "/etc/hosts",
    "/etc/ld.so.cache", "/etc/localtime", "/etc/nsswitch.conf", "/etc/passwd", "/etc/resolv.conf", "/dev/null",
    "/dev/random", "/dev/urandom", "/dev/zero", "/proc/meminfo",
)  # fmt: skip
_DEVICES = ("/dev/null", "/dev/zero")


def _keep(libc: ctypes.CDLL) -> None:
    """Have the right to read and enter as an ambient capability, which survives the start of a program."""
    mask = 1 << _DAC_READ_SEARCH
    header = (ctypes.c_uint32 * 2)(_VERSION_3, 0)
    data = (ctypes.c_uint32 * 6)(mask, mask, mask, 0, 0, 0)
    if libc.capset(header, data) == 0:
        libc.prctl(_AMBIENT, _RAISE, _DAC_READ_SEARCH, 0, 0)


def _confinement(libc: ctypes.CDLL, read: list[str], write: list[str]) -> int | None:
    """A Landlock ruleset that leaves these paths; None where the kernel has no Landlock."""
    version = libc.syscall(_CREATE, None, 0, _ASK_VERSION)
    if version < 1:
        return None
    handled = _BASE | (_REFER if version >= 2 else 0) | (_TRUNCATE if version >= 3 else 0)
    ruleset = libc.syscall(_CREATE, struct.pack("=Q", handled), 8, 0)
    if ruleset < 0:
        return None
    reading = _EXECUTE | _READ_FILE | _READ_DIR
    rules = [*((path, reading) for path in (*_SYSTEM, *read)), *((path, handled) for path in (*_DEVICES, *write))]
    for path, access in rules:
        try:
            descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except OSError as error:
            if error.errno == errno.ENOENT:
                continue
            raise
        fits = handled if stat.S_ISDIR(os.fstat(descriptor).st_mode) else _OF_FILES
        libc.syscall(_ADD, ruleset, _PATH_BENEATH, struct.pack("=Qi", access & handled & fits, descriptor), 0)
        os.close(descriptor)
    return int(ruleset)


def main(read: list[str], write: list[str], argv: list[str]) -> None:
    """Start the program, as `nobody` in place of root."""
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None
    ruleset = _confinement(libc, read, write) if libc is not None else None
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        if libc is not None:
            libc.prctl(_SET_KEEPCAPS, 1, 0, 0, 0)
        os.setgroups([])
        os.setgid(nobody.pw_gid)
        os.setuid(nobody.pw_uid)
        if libc is not None and not all(os.access(path, os.R_OK | os.X_OK) for path in (argv[0], *read, *write)):
            _keep(libc)
    if libc is not None:
        libc.prctl(_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        if ruleset is not None and libc.syscall(_RESTRICT, ruleset, 0) != 0:
            raise SystemExit("Landlock: the program cannot be confined")
    os.execv(argv[0], argv)  # noqa: S606 (that is what it is for)


if __name__ == "__main__":
    main(sys.argv[1].splitlines(), sys.argv[2].splitlines(), sys.argv[3:])
