"""The devices of a container, as the kernel numbers them."""

from collections.abc import Mapping

#: Character devices that every container has: major and minor number, by path.
DEVICES: Mapping[str, tuple[int, int]] = {
    "/dev/full": (1, 7),
    "/dev/null": (1, 3),
    "/dev/random": (1, 8),
    "/dev/tty": (5, 0),
    "/dev/urandom": (1, 9),
    "/dev/zero": (1, 5),
}
