"""The options of a tmpfs, as the kernel shows those that were asked for."""

import re

from swarmlab.objects.container import TmpfsOptions

_PAGE, _KIBI = 4096, 1024
_SIZE = re.compile(r"(\d+)([kmg]?)")
#: What the kernel takes for the value of an option.
_VALUES = {
    "size": re.compile(r"\d+(?:[kmgtpe]|%)?"),
    "nr_blocks": re.compile(r"\d+[kmgtpe]?"),
    "nr_inodes": re.compile(r"\d+[kmgtpe]?"),
    "mpol": re.compile(r".+"),
    "mode": re.compile(r"[0-7]+"),
    "uid": re.compile(r"\d+"),
    "gid": re.compile(r"\d+"),
}
_FLAGS = frozenset(
    """
    defaults ro rw exec noexec suid nosuid dev nodev async sync dirsync atime noatime diratime nodiratime relatime
    norelatime strictatime nostrictatime mand nomand remount bind rbind unbindable runbindable private rprivate shared
    rshared slave rslave
    """.split()  # noqa: SIM905
)
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
    if refused(options):
        # There will be none.
        return ()
    for name, value in (option.partition("=")[::2] for option in options.split(",") if "=" in option):
        match = _SIZE.fullmatch(value.lower()) if name == "size" else None
        if match is not None:
            found.extend(_size(int(match[1]) * _UNITS[match[2]]))
        elif (name, value) != ("mode", f"{_USUAL_MODE:o}"):
            found.append(f"{name}={value}")
    return tuple(found)


def refused(options: str) -> str:
    """The options with values of a `--tmpfs`, if the kernel takes one of them for nothing; otherwise nothing."""
    for name, value in (option.split("=", 1) for option in options.split(",") if "=" in option):
        if name in _VALUES and not _VALUES[name].fullmatch(value.lower()):
            return with_values(options)
    return ""


def unknown_option(options: str) -> str:
    """The first of a `--tmpfs` that dockerd does not know, as it shows it (MB: mount.MergeTmpfsOptions); or nothing."""
    for option in options.split(",") if options else ():
        name, equals, value = option.partition("=")
        if name not in (_VALUES if equals else _FLAGS):
            return f'"{name}" "{value}"' if equals else f'"{name}"'
    return ""


def with_values(options: str) -> str:
    """Those of a `--tmpfs` that have a value: the kernel is told of flags in another way."""
    return ",".join(option for option in options.split(",") if "=" in option)


def _size(size: int) -> tuple[str, ...]:
    """Whole pages, in KiB."""
    return (f"size={-(-size // _PAGE) * _PAGE // _KIBI}k",) if size else ()
