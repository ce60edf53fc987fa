"""How much of a thread's stack the shell's interpreter has used: it crashes when nothing is left of it.

The interpreter counts how deep functions, `sh` and `source` call each other, but not scripts that are run by their
paths. It asks for the file of each, and where that leads to Python the depth can be seen: the addresses that come along
are on its stack.
"""

import ctypes
import os
import sys
import threading

#: The part of a stack that scripts may use to begin others.
SHARE = 1 / 16
#: What the interpreter's threads get, in bytes: a level takes about 23,000. Read when the first of them starts.
VARIABLE, STACK = "RUST_MIN_STACK", 128 << 20
#: More than a pthread_attr_t takes on any system.
_ATTRIBUTES = 256


def prepare() -> None:
    """Let the interpreter's threads have larger stacks than the usual 2 MB; to be called before the first one."""
    os.environ.setdefault(VARIABLE, str(STACK))


def size() -> int:
    """How large the stacks of the interpreter's threads are, in bytes."""
    given = os.environ.get(VARIABLE, "")
    return int(given) if given.isdecimal() else STACK


class StackGuard:
    """Knows the stacks of all threads that it was asked on."""

    def __init__(self) -> None:
        #: How often something was not begun.
        self.refused = 0
        self._bounds = threading.local()

    def refuses(self, address: int) -> bool:
        """Whether an address is so far down the stack of this thread that nothing more should be begun.

        False for one that is not on it, and where the system does not tell where it is.
        """
        try:
            low, high = self._bounds.known
        except AttributeError:
            low, high = self._bounds.known = _stack()
        if not low <= address < high or high - address <= (high - low) * SHARE:
            return False
        self.refused += 1
        return True


def _stack() -> tuple[int, int]:
    """The lowest address of this thread's stack, and the one after the highest."""
    library = ctypes.CDLL(None)
    library.pthread_self.restype = ctypes.c_void_p
    this = ctypes.c_void_p(library.pthread_self())
    if sys.platform == "darwin":
        library.pthread_get_stackaddr_np.restype = ctypes.c_void_p
        library.pthread_get_stacksize_np.restype = ctypes.c_size_t
        high = library.pthread_get_stackaddr_np(this) or 0
        return high - library.pthread_get_stacksize_np(this), high
    attributes = ctypes.create_string_buffer(_ATTRIBUTES)
    low, size = ctypes.c_void_p(), ctypes.c_size_t()
    if library.pthread_getattr_np(this, attributes):
        return 0, 0
    library.pthread_attr_getstack(attributes, ctypes.byref(low), ctypes.byref(size))
    library.pthread_attr_destroy(attributes)
    return low.value or 0, (low.value or 0) + size.value


#: The interpreter's threads are the process's.
GUARD = StackGuard()
