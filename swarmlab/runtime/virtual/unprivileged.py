"""Runs a program as the user `nobody`: `python -I -S unprivileged.py PROGRAM ARGUMENT…`, as root.

Some servers refuse to run as root. What they run from may lie in directories that only root may enter; so the right to
read and enter them is kept where the system has such rights (Linux), and nothing else is.
"""

import ctypes
import os
import pwd
import sys

_SET_KEEPCAPS, _AMBIENT, _RAISE = 8, 47, 2
_DAC_READ_SEARCH = 2
_VERSION_3 = 0x20080522


def _keep(libc: ctypes.CDLL) -> None:
    """Have the right to read and enter as an ambient capability, which survives the start of a program."""
    mask = 1 << _DAC_READ_SEARCH
    header = (ctypes.c_uint32 * 2)(_VERSION_3, 0)
    data = (ctypes.c_uint32 * 6)(mask, mask, mask, 0, 0, 0)
    if libc.capset(header, data) == 0:
        libc.prctl(_AMBIENT, _RAISE, _DAC_READ_SEARCH, 0, 0)


def main(argv: list[str]) -> None:
    """Become `nobody` and start the program."""
    nobody = pwd.getpwnam("nobody")
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None
    if libc is not None:
        libc.prctl(_SET_KEEPCAPS, 1, 0, 0, 0)
    os.setgroups([])
    os.setgid(nobody.pw_gid)
    os.setuid(nobody.pw_uid)
    if libc is not None:
        _keep(libc)
    os.execv(argv[0], argv)  # noqa: S606 (that is what it is for)


if __name__ == "__main__":
    main(sys.argv[1:])
