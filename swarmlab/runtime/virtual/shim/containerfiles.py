"""Paths of the container for a Python process: absolute ones lead to where the container's files really are.

The container's root file system is a real directory, and a path means one in there. Only Python's own library, what the
kernel shows, and certificates and time zones that the container lacks are those of this machine; these are only read.
"""

import _imp
import builtins
import contextlib
import copy
import functools
import io
import os
import posix
import subprocess
import sys
from collections.abc import Callable
from typing import Any

_NEVER = ("/dev", "/proc", "/sys")
#: What a container may lack that Python's library looks for, and functions that only look.
_SHARED = ("/etc/ssl", "/etc/pki", "/usr/lib/ssl", "/usr/share/ca-certificates", "/usr/share/zoneinfo")
_LOOK = frozenset({"access", "listdir", "scandir", "stat", "statvfs"})
_MACHINES_DOCKER = "/var/run/docker.sock"

#: Functions whose first argument is a path, and those whose first two are.
_ONE = (
    "access", "chdir", "chmod", "chown", "lchown", "listdir", "listxattr", "lstat", "mkdir", "mkfifo", "open",
    "pathconf", "readlink", "remove", "rmdir", "scandir", "stat", "statvfs", "truncate", "unlink", "utime",
)  # fmt: skip
_TWO = ("link", "rename", "replace")

#: Letters in a mode, and flags, of who opens a file to write it.
_WRITES = frozenset("wax+")
_WRITE_FLAGS = os.O_WRONLY | os.O_RDWR | os.O_TRUNC | os.O_APPEND

_root = ""
_mounts: list[tuple[str, str]] = []
_kept: tuple[str, ...] = ()
_real: dict[str, Any] = {}


def install(settings: dict[str, Any], here: str) -> None:
    """Make the functions that open files look into the container."""
    global _root, _mounts, _kept  # noqa: PLW0603 (one process, one container)
    _root = settings["root"]
    _mounts = [(target, source) for target, source in settings["mounts"]]
    own = (here, settings["bin"], os.path.dirname(settings["bridge"]))
    _kept = (_root, *own, *_library(), *(source for _, source in _mounts), *_NEVER)
    _real.update({name: getattr(posix, name) for name in (*_ONE, *_TWO, "getcwd", "symlink") if hasattr(posix, name)})
    for name, function in _real.items():
        plain = _looking if name in _LOOK else _first if name in _ONE else _both
        wrapper = _wrappers.get(name, plain)(function)
        for module in (posix, os):
            setattr(module, name, wrapper)
    # So that a directory can still be asked whether functions take descriptors.
    for group in ("supports_dir_fd", "supports_effective_ids", "supports_fd", "supports_follow_symlinks"):
        found = getattr(os, group)
        found |= {getattr(os, name) for name in _real if _real[name] in found}
    for module, name in ((io, "open"), (builtins, "open")):
        setattr(module, name, _opening(getattr(module, name)))
    io.open_code = _looking(io.open_code)
    sys.modules["_io"].open = io.open  # type: ignore[attr-defined]
    sys.modules["_io"].open_code = io.open_code  # type: ignore[attr-defined]
    _patch_file_io()
    _patch_libraries()
    os.get_exec_path = _exec_path(os.get_exec_path, settings["bin"])
    subprocess.Popen.__init__ = _popen(subprocess.Popen.__init__)  # type: ignore[method-assign]
    for name in ("getuid", "geteuid"):
        setattr(os, name, lambda: settings["uid"])
    for name in ("getgid", "getegid"):
        setattr(os, name, lambda: settings["gid"])


def _library() -> tuple[str, ...]:
    """Where Python has its own modules. What else is below its prefix, such as /usr, may as well be the container's."""
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    return os.path.dirname(os.__file__), f"{sys.base_exec_prefix}/{sys.platlibdir}/{version}"


def real_path(path: Any) -> Any:
    """Where a path of the container is on this machine; a relative one stays as it is."""
    if isinstance(path, int) or path is None:
        return path
    text = os.fspath(path)
    given = os.fsdecode(text)
    name = _without_dots(given) if ".." in given.split("/") else given
    found = _root + name if name.startswith("/") and not _below(name, _kept) else name
    if found == given:
        return path
    return os.fsencode(found) if isinstance(text, bytes) else found


def _visible_path(path: Any) -> Any:
    """The same for who only looks."""
    found = real_path(path)
    if found is not path and _below(os.fsdecode(path), _SHARED) and not _there(os.fsdecode(found)):
        return path
    return found


def _loaded_path(path: Any) -> Any:
    """The same for libraries: those of this machine are what there is beside the container's."""
    found = real_path(path)
    return found if found is not path and _there(os.fsdecode(found)) else path


def _without_dots(name: str) -> str:
    """The absolute path that one with `..` means: nothing is above the root directory, and mounts are in theirs.

    Where a process has left the container's files a relative one stays as it is.
    """
    path = "/"
    if not name.startswith("/"):
        here = _real["getcwd"]()
        if not _below(here, (_root, *(source for _, source in _mounts))):
            return name
        path = container_path(here)
    for part in name.split("/"):
        if part == "..":
            path = os.path.dirname(os.path.realpath(path))
        elif part not in {"", "."}:
            path = os.path.join(path, part)
    return path


def is_inside(path: str) -> bool:
    """Whether what is at a path of this machine is the container's, or is mounted in it.

    Wherever the machine's own Docker listens, that is no container's.
    """
    with contextlib.suppress(OSError):
        if os.path.samestat(_real["stat"](path), _real["stat"](_MACHINES_DOCKER)):
            return False
    return _below(os.path.normpath(path), (_root, *(source for _, source in _mounts)))


def without_links(path: str) -> str:
    """The same path of this machine, not through the link that stands for a mount: it is shorter."""
    found = ((_root + target, source) for target, source in _mounts)
    return next((source + path[len(link) :] for link, source in found if path.startswith(f"{link}/")), path)


def container_path(path: str) -> str:
    """What the container calls a path of this machine."""
    for prefix, shown in ((_root, ""), *((source, target) for target, source in _mounts)):
        if path == prefix or path.startswith(prefix + "/"):
            return shown + path[len(prefix) :] or "/"
    return path


def _there(path: str) -> bool:
    try:
        _real["lstat"](path)
    except (OSError, ValueError):
        return False
    return True


def _below(path: str, prefixes: tuple[str, ...]) -> bool:
    return any(path == prefix or path.startswith(prefix + "/") for prefix in prefixes)


def _led(path: Any, folder: int | None, lead: Callable[[Any], Any] = real_path) -> Any:
    """Where a path leads; with a `folder`, a descriptor, relative ones are found in there."""
    return path if folder is not None and not os.path.isabs(path) else lead(path)


def _first(function: Callable[..., Any], lead: Callable[[Any], Any] = real_path) -> Callable[..., Any]:
    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        if args:
            args = (_led(args[0], kwargs.get("dir_fd"), lead), *args[1:])
        for name in ("path", "file", "database"):
            if name in kwargs:
                kwargs[name] = lead(kwargs[name])
        return _named(function, *args, **kwargs)

    return call


def _looking(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function that only looks at a path."""
    return _first(function, _visible_path)


def _opening(function: Callable[..., Any]) -> Callable[..., Any]:
    """`open`, with a mode or flags that may mean to write."""
    read, write = _looking(function), _first(function)

    @functools.wraps(function)
    def opening(file: Any, *args: Any, **kwargs: Any) -> Any:
        how = args[0] if args else kwargs.get("mode", kwargs.get("flags", "r"))
        if not _WRITES.isdisjoint(how) if isinstance(how, str) else how & _WRITE_FLAGS:
            _make_own(file)
            return write(file, *args, **kwargs)
        return read(file, *args, **kwargs)

    return opening


def _changing(function: Callable[..., Any]) -> Callable[..., Any]:
    call = _first(function)

    @functools.wraps(function)
    def changing(path: Any, *args: Any, **kwargs: Any) -> Any:
        _make_own(path)
        return call(path, *args, **kwargs)

    return changing


def _make_own(path: Any) -> None:
    """A file that containers of one image share becomes this container's own, before it is changed."""
    if isinstance(path, int):
        return
    real = os.fsdecode(real_path(path))
    with contextlib.suppress(OSError):
        if "-packages/" not in real or _real["stat"](real).st_nlink < 2:
            return
        # Late, as few programs do this.
        import shutil

        own = f"{real}.{os.getpid()}.own"
        shutil.copy2(real, own)
        _real["replace"](own, real)


def _both(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def call(src: Any, dst: Any, **kwargs: Any) -> Any:
        src, dst = _led(src, kwargs.get("src_dir_fd")), _led(dst, kwargs.get("dst_dir_fd"))
        return _named(function, src, dst, **kwargs)

    return call


def _symlink(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def call(src: Any, dst: Any, *args: Any, **kwargs: Any) -> Any:
        return _named(function, real_path(src), real_path(dst), *args, **kwargs)

    return call


def _readlink(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def call(path: Any, **kwargs: Any) -> Any:
        real = _led(path, kwargs.get("dir_fd"), _visible_path)
        target = _named(function, real, **kwargs)
        # Where a mount is, this machine has a link; the container has a directory.
        if isinstance(target, str) and _is_mount_point(os.fspath(real)):
            raise OSError(22, "Invalid argument", path)
        return container_path(target) if isinstance(target, str) else target

    return call


def _lstat(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def call(path: Any, **kwargs: Any) -> Any:
        real = _led(path, kwargs.get("dir_fd"), _visible_path)
        if isinstance(real, (str, os.PathLike)) and _is_mount_point(os.fspath(real)):
            return _named(_real["stat"], real, **kwargs)
        return _named(function, real, **kwargs)

    return call


def _is_mount_point(real: Any) -> bool:
    return any(real == _root + target for target, _ in _mounts)


def _getcwd(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def call() -> Any:
        return container_path(function())

    return call


_wrappers = {
    "readlink": _readlink, "lstat": _lstat, "getcwd": _getcwd, "symlink": _symlink, "open": _opening,
    **dict.fromkeys(("chmod", "truncate", "utime"), _changing),
}  # fmt: skip


def _named(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call; an error names the path as the container does."""
    try:
        return function(*args, **kwargs)
    except OSError as error:
        if isinstance(error.filename, str):
            error.filename = container_path(error.filename)
        if isinstance(error.filename2, str):
            error.filename2 = container_path(error.filename2)
        raise


def _patch_file_io() -> None:
    class FileIO(io.FileIO):
        def __init__(self, file: Any, *args: Any, **kwargs: Any) -> None:
            if not _WRITES.isdisjoint(args[0] if args else kwargs.get("mode", "r")):
                _make_own(file)
                file = real_path(file)
            super().__init__(_visible_path(file), *args, **kwargs)

    io.FileIO = FileIO  # type: ignore[misc]


def _patch_libraries() -> None:
    """Compiled modules and libraries are loaded from where they really are."""
    load: Callable[..., Any] = _imp.create_dynamic

    def create_dynamic(spec: Any, file: Any = None) -> Any:
        real = copy.copy(spec)
        real.origin = real_path(spec.origin)
        return load(real)

    _imp.create_dynamic = create_dynamic
    # SQLite opens its files by itself; whether it is built into Python differs.
    for name in ("exec_dynamic", "exec_builtin"):
        setattr(_imp, name, _then_sqlite(getattr(_imp, name)))
    with contextlib.suppress(ImportError):
        import ctypes

        ctypes._dlopen = _first(ctypes._dlopen, _loaded_path)  # type: ignore[attr-defined]


def _then_sqlite(function: Callable[[Any], int]) -> Callable[[Any], int]:
    def call(module: Any) -> int:
        code = function(module)
        if getattr(module, "__name__", "") == "_sqlite3":
            module.connect = _first(module.connect)
        return code

    return call


def _exec_path(function: Callable[..., list[str]], directory: str) -> Callable[..., list[str]]:
    def call(env: Any = None) -> list[str]:
        return [directory, *(str(real_path(path)) for path in function(env))]

    return call


def _popen(function: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(function)
    def call(self: Any, *args: Any, **kwargs: Any) -> None:
        if kwargs.get("cwd") is not None:
            kwargs["cwd"] = real_path(kwargs["cwd"])
        if kwargs.get("env") is not None:
            kwargs["env"] = {**kwargs["env"], **_inherited}
        function(self, *args, **kwargs)

    return call


#: Variables that every child must have, whatever environment it is given.
_inherited = {name: os.environ[name] for name in ("SWARMLAB_SHIM", "SWARMLAB_CONTAINER") if name in os.environ}
