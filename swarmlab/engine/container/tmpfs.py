"""The options of a tmpfs, as the kernel shows those that were asked for."""

import re

from swarmlab.objects.container import TmpfsOptions

_PAGE, _KIBI = 4096, 1024
_SIZE = re.compile(r"(\d+)([kmg]?)")
_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}
#: The mode that a tmpfs has unless another one is asked for, which the kernel does not mention.
_USUAL_MODE = 0o1777


def of_mount(asked: TmpfsOptions | None) -> tuple[str, ...]:
    """Those of `--mount type=tmpfs`: size and mode."""
    if asked is None:
        return ()
    mode = (f"mode={asked.mode:o}",) if asked.mode not in {0, _USUAL_MODE} else ()
    return (*_size(asked.size_bytes), *mode)


def of_run(options: str) -> tuple[str, ...]:
    """Those of `docker run --tmpfs`; flags, which are not shown in this place, are left out."""
    found: list[str] = []
    for name, value in (option.partition("=")[::2] for option in options.split(",") if "=" in option):
        match = _SIZE.fullmatch(value.lower()) if name == "size" else None
        if match is not None:
            found.extend(_size(int(match[1]) * _UNITS[match[2]]))
        elif (name, value) != ("mode", f"{_USUAL_MODE:o}"):
            found.append(f"{name}={value}")
    return tuple(found)


def _size(size: int) -> tuple[str, ...]:
    """Whole pages, in KiB."""
    return (f"size={-(-size // _PAGE) * _PAGE // _KIBI}k",) if size else ()
