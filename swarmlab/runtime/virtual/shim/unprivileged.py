"""Runs a program that must get at little: `python -I -S unprivileged.py READ WRITE PROGRAM ARGUMENT…`.

Landlock, where the kernel has it, confines it: READ and WRITE name, one a line, what else than the system's own
programs and libraries may be read at all. A program that anybody can tell to read a file, as an SQL database, reads
none of the user's.

Some servers refuse to run as root: root's run as the user `nobody`. What they run from, and what they write, may lie in
directories that only root may enter. Then the right to read and enter all directories is kept (Linux).
"""

import ctypes
import os
import pwd
import sys

# Alone as it is run, it finds its neighbour only so.
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import landlock  # type: ignore[import-not-found]

_SET_KEEPCAPS, _AMBIENT, _RAISE = 8, 47, 2
_DAC_READ_SEARCH = 2
_VERSION_3 = 0x20080522

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


def main(read: list[str], write: list[str], argv: list[str]) -> None:
    """Start the program, as `nobody` in place of root."""
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None
    handled = landlock.rights()
    rules = [(path, landlock.READING) for path in (*_SYSTEM, *read)]
    ruleset = landlock.prepare(handled, [*rules, *((path, handled) for path in (*_DEVICES, *write))])
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        if libc is not None:
            libc.prctl(_SET_KEEPCAPS, 1, 0, 0, 0)
        os.setgroups([])
        os.setgid(nobody.pw_gid)
        os.setuid(nobody.pw_uid)
        if libc is not None and not all(os.access(path, os.R_OK | os.X_OK) for path in (argv[0], *read, *write)):
            _keep(libc)
    if ruleset is not None and not landlock.enforce(ruleset):
        raise SystemExit("Landlock: the program cannot be confined")
    os.execv(argv[0], argv)  # noqa: S606 (that is what it is for)


if __name__ == "__main__":
    main(sys.argv[1].splitlines(), sys.argv[2].splitlines(), sys.argv[3:])
