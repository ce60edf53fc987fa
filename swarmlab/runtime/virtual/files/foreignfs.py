"""File systems for bashkit that are written in Python, by its stable interface `bashkit.FileSystem.v1` (a C structure).

bashkit calls from threads of its own; whoever implements `Files` is called by several at a time.
"""

import ctypes
import errno
import itertools
import os
from collections.abc import Callable, Sequence
from ctypes import POINTER, Structure, c_bool, c_char_p, c_int64, c_size_t, c_uint8, c_uint32, c_uint64, c_void_p
from typing import Any, NamedTuple, Protocol

from bashkit import FileSystem

from swarmlab.runtime.virtual.files.stackguard import GUARD

_NAME = b"bashkit.FileSystem.v1"
_VERSION = 1
_OK, _FAILED = 0, 1
#: What bashkit calls errors; everything else is told by its text alone.
_KINDS = {
    errno.ENOENT: 1,
    errno.EEXIST: 2,
    errno.EACCES: 3,
    errno.EPERM: 3,
    errno.EROFS: 3,
    errno.EINVAL: 4,
    errno.EISDIR: 5,
    errno.ENOTDIR: 6,
    errno.ENOTEMPTY: 7,
}
_FILE_TYPES = {"file": 0, "directory": 1, "symlink": 2, "fifo": 3}


class Stat(NamedTuple):
    """What is at a path: its `kind`, its size in bytes, its permissions, Unix nanoseconds.

    Kinds are file, directory, symlink and fifo; bashkit knows no sockets, so that they are fifos, too.
    """

    kind: str
    size: int
    mode: int
    modified: int


class Files(Protocol):
    """A file system. Paths are absolute and normal; everything raises OSError. Only `stat` and the like see links."""

    def read(self, path: str) -> bytes:
        """All of a file."""

    def write(self, path: str, data: bytes) -> None:
        """Make a file, or give it another content."""

    def append(self, path: str, data: bytes) -> None:
        """Make a file, or make it longer, at once, whoever else does the same."""

    def mkdir(self, path: str, parents: bool) -> None:
        """Make a directory; with `parents` those that it is in as well, and it may be there."""

    def remove(self, path: str, recursive: bool) -> None:
        """Remove a file, or a directory: an empty one without `recursive`."""

    def stat(self, path: str) -> Stat:
        """What is there; of a link the link itself."""

    def list(self, path: str) -> Sequence[tuple[str, Stat]]:
        """What is in a directory, by name."""

    def exists(self, path: str) -> bool:
        """Whether there is anything, links followed."""

    def rename(self, old: str, new: str) -> None:
        """Move something, over what is there."""

    def copy(self, source: str, target: str) -> None:
        """Copy a file or a link."""

    def symlink(self, target: str, path: str) -> None:
        """Make a link."""

    def read_link(self, path: str) -> str:
        """The target of a link."""

    def chmod(self, path: str, mode: int) -> None:
        """Set permissions."""


class _Text(Structure):
    _fields_ = (("start", c_void_p), ("length", c_size_t))


class _Error(Structure):
    _fields_ = (("kind", c_uint32), ("message", _Text))


class _Metadata(Structure):
    _fields_ = (
        ("file_type", c_uint8),
        ("reserved", c_uint8 * 7),
        ("size", c_uint64),
        ("mode", c_uint32),
        ("modified_seconds", c_int64),
        ("modified_nanoseconds", c_uint32),
        ("created_seconds", c_int64),
        ("created_nanoseconds", c_uint32),
    )


class _Entry(Structure):
    _fields_ = (("name", _Text), ("metadata", _Metadata))


class _Entries(Structure):
    _fields_ = (("start", POINTER(_Entry)), ("length", c_size_t))


_Int = ctypes.c_uint32
_ErrorAt = POINTER(_Error)
_Function = ctypes.CFUNCTYPE
_TYPES = {
    "read_file": _Function(_Int, c_void_p, _Text, POINTER(_Text), _ErrorAt),
    "write_file": _Function(_Int, c_void_p, _Text, _Text, _ErrorAt),
    "append_file": _Function(_Int, c_void_p, _Text, _Text, _ErrorAt),
    "mkdir": _Function(_Int, c_void_p, _Text, c_bool, _ErrorAt),
    "remove": _Function(_Int, c_void_p, _Text, c_bool, _ErrorAt),
    "stat": _Function(_Int, c_void_p, _Text, POINTER(_Metadata), _ErrorAt),
    "read_dir": _Function(_Int, c_void_p, _Text, POINTER(_Entries), _ErrorAt),
    "exists": _Function(_Int, c_void_p, _Text, POINTER(c_bool), _ErrorAt),
    "rename": _Function(_Int, c_void_p, _Text, _Text, _ErrorAt),
    "copy": _Function(_Int, c_void_p, _Text, _Text, _ErrorAt),
    "symlink": _Function(_Int, c_void_p, _Text, _Text, _ErrorAt),
    "read_link": _Function(_Int, c_void_p, _Text, POINTER(_Text), _ErrorAt),
    "chmod": _Function(_Int, c_void_p, _Text, c_uint32, _ErrorAt),
    "free_bytes": _Function(None, c_void_p, _Text),
    "free_dir_entries": _Function(None, c_void_p, _Entries),
}


class _Table(Structure):
    _fields_ = tuple(_TYPES.items())


_Reference = _Function(None, c_void_p)


class _Handle(Structure):
    _fields_ = (
        ("version", c_uint32),
        ("reserved", c_uint32),
        ("instance", c_void_p),
        ("retain", _Reference),
        ("release", _Reference),
        ("table", POINTER(_Table)),
    )


#: File systems that bashkit knows, by number, and how often; a number is never used again.
_known: dict[int, Files] = {}
_references: dict[int, int] = {}
_numbers = itertools.count(1)
#: What was handed out, by its address, until it is given back; the same bytes may be out several times.
_lent: dict[int, list[Any]] = {}


def file_system(files: Files) -> FileSystem:
    """Such a file system as bashkit takes it."""
    number = next(_numbers)
    _known[number] = files
    _references[number] = 0
    handle = _Handle(_VERSION, 0, number, _RETAIN, _RELEASE, ctypes.pointer(_TABLE))
    # bashkit copies the handle, so it need not outlive this call.
    return FileSystem.from_capsule(_new_capsule(ctypes.addressof(handle), _NAME, None))


def _text(data: _Text) -> str:
    return _bytes(data).decode("utf-8", "surrogateescape")


def _bytes(data: _Text) -> bytes:
    return ctypes.string_at(data.start, data.length) if data.length else b""


def _lend(data: bytes) -> _Text:
    if not data:
        return _Text(None, 0)
    address = ctypes.cast(c_char_p(data), c_void_p).value
    assert address is not None
    _lent.setdefault(address, []).append(data)
    return _Text(address, len(data))


def _give_back(address: int | None) -> None:
    if address is not None and (lent := _lent.get(address)):
        lent.pop()
        if not lent:
            del _lent[address]


def _metadata(found: Stat) -> _Metadata:
    seconds, nanoseconds = divmod(found.modified, 1_000_000_000)
    return _Metadata(
        file_type=_FILE_TYPES[found.kind],
        size=found.size,
        mode=found.mode,
        modified_seconds=seconds,
        modified_nanoseconds=nanoseconds,
        created_seconds=seconds,
        created_nanoseconds=nanoseconds,
    )


def _call(error: Any, work: Callable[[], None]) -> int:
    """Do the work; whatever it raises becomes bashkit's error, as nothing may be raised through its frames."""
    try:
        work()
    except OSError as problem:
        error.contents.kind = _KINDS.get(problem.errno or 0, 0)
        words = os.strerror(problem.errno) if problem.errno else str(problem)
        error.contents.message = _lend(words.encode())
        return _FAILED
    except Exception as problem:
        error.contents.kind = 0
        error.contents.message = _lend(f"{type(problem).__name__}: {problem}".encode())
        return _FAILED
    return _OK


def _read_file(number: int, path: _Text, out: Any, error: Any) -> int:
    def work() -> None:
        if GUARD.refuses(ctypes.addressof(error.contents)):
            # Scripts have called scripts for ever: a system would have no process for one more.
            raise OSError(errno.EAGAIN, "")
        out[0] = _lend(_known[number].read(_text(path)))

    return _call(error, work)


def _stat(number: int, path: _Text, out: Any, error: Any) -> int:
    def work() -> None:
        out[0] = _metadata(_known[number].stat(_text(path)))

    return _call(error, work)


def _read_dir(number: int, path: _Text, out: Any, error: Any) -> int:
    def work() -> None:
        found = _known[number].list(_text(path))
        if not found:
            out[0] = _Entries(None, 0)
            return
        entries = (_Entry * len(found))()
        names = [os.fsencode(name) for name, _ in found]
        for entry, name, (_, stat) in zip(entries, names, found, strict=True):
            entry.name = _Text(ctypes.cast(c_char_p(name), c_void_p).value, len(name))
            entry.metadata = _metadata(stat)
        _lent.setdefault(ctypes.addressof(entries), []).append((entries, names))
        out[0] = _Entries(ctypes.cast(entries, POINTER(_Entry)), len(found))

    return _call(error, work)


def _exists(number: int, path: _Text, out: Any, error: Any) -> int:
    def work() -> None:
        out[0] = _known[number].exists(_text(path))

    return _call(error, work)


def _read_link(number: int, path: _Text, out: Any, error: Any) -> int:
    def work() -> None:
        out[0] = _lend(os.fsencode(_known[number].read_link(_text(path))))

    return _call(error, work)


_WITH_DATA: dict[str, Callable[[Files, str, bytes], None]] = {
    "write_file": lambda files, path, data: files.write(path, data),
    "append_file": lambda files, path, data: files.append(path, data),
    "rename": lambda files, path, data: files.rename(path, os.fsdecode(data)),
    "copy": lambda files, path, data: files.copy(path, os.fsdecode(data)),
    "symlink": lambda files, path, data: files.symlink(path, os.fsdecode(data)),
}
_WITH_NUMBER: dict[str, Callable[[Files, str, Any], None]] = {
    "mkdir": lambda files, path, parents: files.mkdir(path, bool(parents)),
    "remove": lambda files, path, recursive: files.remove(path, bool(recursive)),
    "chmod": lambda files, path, mode: files.chmod(path, mode),
}


def _with_data(do: Callable[[Files, str, bytes], None]) -> Callable[[int, _Text, _Text, Any], int]:
    return lambda number, path, data, error: _call(error, lambda: do(_known[number], _text(path), _bytes(data)))


def _with_number(do: Callable[[Files, str, Any], None]) -> Callable[[int, _Text, Any, Any], int]:
    return lambda number, path, value, error: _call(error, lambda: do(_known[number], _text(path), value))


def _retain(number: int) -> None:
    _references[number] += 1


def _release(number: int, references: dict[int, int] = _references, known: dict[int, Files] = _known) -> None:
    # By arguments: it is called when the process ends, too, and the module's names are gone.
    references[number] -= 1
    if not references[number]:
        del references[number], known[number]


_IMPLEMENTATIONS: dict[str, Callable[..., Any]] = {
    "read_file": _read_file,
    "stat": _stat,
    "read_dir": _read_dir,
    "exists": _exists,
    "read_link": _read_link,
    **{name: _with_data(do) for name, do in _WITH_DATA.items()},
    **{name: _with_number(do) for name, do in _WITH_NUMBER.items()},
    "free_bytes": lambda number, data: _give_back(data.start),
    "free_dir_entries": lambda number, entries: _give_back(
        ctypes.addressof(entries.start.contents) if entries.length else None
    ),
}

# All of these live as long as the process: bashkit calls them at any time.
_TABLE = _Table(**{name: kind(_IMPLEMENTATIONS[name]) for name, kind in _TYPES.items()})
_RETAIN, _RELEASE = _Reference(_retain), _Reference(_release)
_new_capsule = ctypes.pythonapi.PyCapsule_New
_new_capsule.restype = ctypes.py_object
_new_capsule.argtypes = (c_void_p, c_char_p, c_void_p)
