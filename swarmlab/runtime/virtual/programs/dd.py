"""`dd`: copies piece by piece, so that what it copies may be larger than what a shell can hold."""

import asyncio
import os
import posixpath
import re
from collections.abc import Sequence

from bashkit import FileSystem

from swarmlab.clock import SECOND
from swarmlab.runtime.virtual.context import Context
from swarmlab.runtime.virtual.files.full import full

#: Bytes that are copied at a time; those that nobody sees are only counted, at so many a second of swarm time.
_PIECE, _UNSEEN, _SPEED = 1 << 20, 256 << 20, 4 << 30
#: After each piece that is printed others have a turn, in seconds of real time.
_PRINTED, _BREATH = 64 << 10, 0.005
_SIZES = {
    "": 1, "c": 1, "w": 2, "b": 512, "k": 1 << 10, "K": 1 << 10, "kB": 1000, "KB": 1000, "M": 1 << 20, "MB": 1000**2,
    "G": 1 << 30, "GB": 1000**3, "T": 1 << 40, "TB": 1000**4,
}  # fmt: skip
_NUMBER = re.compile(r"(\d+)(\D*)")
_OPERANDS = {"if", "of", "bs", "ibs", "obs", "count", "skip", "seek", "conv", "status", "iflag", "oflag"}
_CONVERSIONS = {"notrunc", "noerror", "sync", "fsync", "fdatasync"}
_FLAGS = {
    "append", "count_bytes", "direct", "dsync", "fullblock", "nocache", "nonblock", "seek_bytes", "skip_bytes", "sync",
}  # fmt: skip
_LISTS = {"conv": "conversion", "status": "status level", "iflag": "input flag", "oflag": "output flag"}
#: Files that are made up.
_DEVICES = {"/dev/null", "/dev/zero", "/dev/random", "/dev/urandom", "/dev/stdin"}
_USAGE = (
    "Usage: dd [if=FILE] [of=FILE] [ibs=N obs=N/bs=N] [count=N] [skip=N] [seek=N]\n"
    "\t[conv=notrunc|noerror|sync|fsync]\n"
    "\t[iflag=skip_bytes|count_bytes|fullblock|direct] [oflag=seek_bytes|append|direct]\n"
)


class _WrongError(Exception):
    """Raised with what is said after `dd: `."""


async def dd(context: Context) -> int:
    """`dd [if=FILE] [of=FILE] [bs=N] …`, with BusyBox's operands or GNU's, and the words of the one or the other."""
    is_busybox = context.machine.is_busybox
    try:
        plan = _Plan(context.argv[1:], is_busybox=is_busybox)
        source = _Source(context, plan)
        target = _Target(context, plan)
    except _WrongError as error:
        await context.err(f"dd: {error}\n")
        return 1
    begin = context.machine.clock.now()
    wrong = await _copy(source, target, plan)
    if wrong:
        await context.err(f"dd: error writing '{plan.given.get('of', 'standard output')}': {wrong}\n")
    seconds = max((context.machine.clock.now() - begin) / SECOND, 1e-6)
    if plan.status != "none":
        await context.err(
            f"{source.size // plan.ibs}+{int(source.size % plan.ibs > 0)} records in\n"
            f"{target.size // plan.obs}+{int(target.size % plan.obs > 0)} records out\n"
        )
    if plan.status not in {"none", "noxfer"}:
        await context.err(_busybox(target.size, seconds) if is_busybox else _gnu(target.size, seconds))
    return int(bool(wrong))


class _Plan:
    """What is asked for, sizes in bytes. Raises _WrongError."""

    def __init__(self, words: Sequence[str], *, is_busybox: bool) -> None:
        self.given = dict(word.partition("=")[::2] for word in words)
        for word in words:
            name, separator, _ = word.partition("=")
            if not separator or name not in _OPERANDS:
                say = f"unrecognized operand '{word}'\nTry 'dd --help' for more information."
                raise _WrongError(f"unknown operand '{word}'\n{_USAGE.rstrip()}" if is_busybox else say)
        self._is_busybox = is_busybox
        both = self._number("bs", 0, least=1)
        self.ibs = both or self._number("ibs", 512, least=1)
        self.obs = both or self._number("obs", 512, least=1)
        #: Everything, when there is no count.
        self.most = self._number("count", -1) * (1 if "count_bytes" in self._words("iflag", _FLAGS) else self.ibs)
        self.skip = self._number("skip", 0) * (1 if "skip_bytes" in self._words("iflag", _FLAGS) else self.ibs)
        oflags = self._words("oflag", _FLAGS)
        self.seek = self._number("seek", 0) * (1 if "seek_bytes" in oflags else self.obs)
        self.append = "append" in oflags
        conversions = self._words("conv", _CONVERSIONS | (set() if is_busybox else {"ucase", "lcase"}))
        self.keep = "notrunc" in conversions
        self.pad = "sync" in conversions
        self.case = next((name for name in ("ucase", "lcase") if name in conversions), "")
        self.status = next(
            iter(self._words("status", {"none", "noxfer"} | (set() if is_busybox else {"progress"}))), ""
        )

    def _number(self, name: str, default: int, least: int = 0) -> int:
        if name not in self.given:
            return default
        text = self.given[name]
        found = _NUMBER.fullmatch(text)
        if found is None or found[2] not in _SIZES:
            raise _WrongError(f"invalid number '{text}'" if self._is_busybox else f"invalid number: '{text}'")
        number = int(found[1]) * _SIZES[found[2]]
        if number < least:
            outside = f"number {text} is not in {least}..9223372036854775807 range"
            raise _WrongError(outside if self._is_busybox else f"invalid number: '{text}'")
        return number

    def _words(self, name: str, known: set[str]) -> set[str]:
        words = {word for word in self.given.get(name, "").split(",") if word}
        for word in words - known:
            if self._is_busybox:
                raise _WrongError(f"invalid argument '{word}' to '{name}'")
            raise _WrongError(f"invalid {_LISTS[name]}: '{word}'\nTry 'dd --help' for more information.")
        return words


class _Source:
    """Where bytes come from."""

    def __init__(self, context: Context, plan: _Plan) -> None:
        #: Bytes read so far.
        self.size = 0
        self._left = plan.most
        self._skip = plan.skip
        self._stdin = context.stdin
        self._waiting = b""
        name = plan.given.get("if", "/dev/stdin")
        path = context.path(name)
        self.device = path if path in _DEVICES else ""
        if not self.device:
            self._waiting = _content(context, path, name)[plan.skip :]

    async def read(self, most: int) -> tuple[int, bytes | None]:
        """How many bytes come next, and which; None for zeros that need not exist. 0 at the end."""
        if self._left >= 0:
            most = min(most, self._left)
        if self.device == "/dev/zero":
            data, size = None, most
        elif self.device in {"/dev/random", "/dev/urandom"}:
            data = os.urandom(min(most, _PIECE))
            size = len(data)
        else:
            if self.device == "/dev/stdin":
                await self._gather(most)
            data, self._waiting = self._waiting[:most], self._waiting[most:]
            size = len(data)
        self.size += size
        if self._left >= 0:
            self._left -= size
        return size, data

    async def _gather(self, size: int) -> None:
        wanted = self._skip + size
        parts = [self._waiting]
        have = len(self._waiting)
        while have < wanted and (chunk := await anext(self._stdin, b"")):
            parts.append(chunk)
            have += len(chunk)
        self._waiting = b"".join(parts)[self._skip :]
        self._skip = 0


class _Target:
    """Where bytes go. Raises _WrongError when that cannot be opened."""

    def __init__(self, context: Context, plan: _Plan) -> None:
        #: Bytes written so far.
        self.size = 0
        self._context = context
        self._root = context.machine.root
        name = plan.given.get("of", "/dev/stdout")
        self._path = self._root.followed(posixpath.normpath(context.path(name)))
        self.is_printed = self._path == "/dev/stdout"
        self.is_unseen = self._path in {"/dev/null", "/dev/zero"}
        #: What is behind the bytes that are replaced.
        self._rest = b""
        self._at = 0
        if not self.is_printed and not self.is_unseen:
            self._open(name, plan)

    def _open(self, name: str, plan: _Plan) -> None:
        fs, inner = self._file()
        say = "can't open" if self._context.machine.is_busybox else "failed to open"
        before = b""
        try:
            if self._root.is_read_only(self._path):
                raise _WrongError(f"{say} '{name}': Read-only file system")
            if fs.exists(inner):
                if fs.stat(inner)["file_type"] == "directory":
                    raise _WrongError(f"{say} '{name}': Is a directory")
                if plan.append or plan.keep or plan.seek:
                    before = bytes(fs.read_file(inner))
            if not plan.append:
                fs.write_file(inner, before[: plan.seek] + bytes(max(0, plan.seek - len(before))))
            elif not fs.exists(inner):
                fs.write_file(inner, b"")
        except (RuntimeError, OSError) as error:
            raise _WrongError(f"{say} '{name}': {_reason(error)}") from None
        if plan.keep and not plan.append:
            self._rest, self._at = before, plan.seek

    async def write(self, size: int, data: bytes | None) -> None:
        """Take so many bytes; None stands for zeros. Raises OSError or RuntimeError when there is no room for all."""
        if self.is_unseen:
            await self._context.machine.clock.sleep(size / _SPEED)
        else:
            piece = bytes(size) if data is None else data
            if self.is_printed:
                await self._context.out(piece)
                await asyncio.sleep(_BREATH)
            else:
                self._append(piece)
                await asyncio.sleep(0)
        self.size += size

    def _file(self) -> tuple[FileSystem, str]:
        return self._root.personal(self._path, self._context.user)

    def _append(self, piece: bytes) -> None:
        fs, inner = self._file()
        before = fs.stat(inner)["size"]
        try:
            fs.append_file(inner, piece)
        except (RuntimeError, OSError):
            # On the machine's disk it has taken what there was room for.
            self.size += fs.stat(inner)["size"] - before
            raise

    def close(self) -> None:
        """Put back what is behind; copies of the file are made."""
        if left := self._rest[self._at + self.size :]:
            self._append(left)
        if not self.is_printed and not self.is_unseen:
            self._root.sync()


async def _copy(source: _Source, target: _Target, plan: _Plan) -> str:
    """Copy everything; why it ended before that."""
    most = _PRINTED if target.is_printed else _PIECE
    if target.is_unseen and source.device == "/dev/zero":
        most = _UNSEEN
    # Whole blocks, so that what is read and not written can be told from blocks.
    most = max(most // plan.ibs, 1) * plan.ibs if plan.ibs <= most else most
    try:
        while True:
            size, data = await source.read(most)
            if not size:
                return ""
            if data is not None:
                data = _converted(data, plan)
                size = len(data)
            before = target.size
            try:
                await target.write(size, data)
            except (RuntimeError, OSError) as error:
                if target.size == before:
                    await _fill(target, size, data, plan.obs)
                # The block that did not fit has been read, too.
                source.size += min(0, target.size - before + plan.ibs - size)
                return _reason(error)
    finally:
        target.close()


async def _fill(target: _Target, size: int, data: bytes | None, block: int) -> None:
    """Write as many blocks of a piece as there is room for."""
    for start in range(0, size - block + 1, block):
        try:
            await target.write(block, None if data is None else data[start : start + block])
        except (RuntimeError, OSError):
            break


def _converted(data: bytes, plan: _Plan) -> bytes:
    if plan.pad and len(data) % plan.ibs:
        data += bytes(plan.ibs - len(data) % plan.ibs)
    if plan.case:
        data = data.upper() if plan.case == "ucase" else data.lower()
    return data


def _content(context: Context, path: str, name: str) -> bytes:
    is_busybox = context.machine.is_busybox
    root = context.machine.root
    path = root.followed(path)
    fs, inner = root.seen(path) if path.startswith("/proc/") else root.personal(path, context.user)
    try:
        if fs.stat(inner)["file_type"] == "directory":
            raise _WrongError(f"{name}: Is a directory" if is_busybox else f"error reading '{name}': Is a directory")
        return bytes(fs.read_file(inner))
    except (RuntimeError, OSError) as error:
        say = "can't open" if is_busybox else "failed to open"
        raise _WrongError(f"{say} '{name}': {_reason(error)}") from None


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    text = full(str(error).encode()).decode()
    return "No such file or directory" if "not found" in text.lower() else text.removeprefix("io error: ")


def _busybox(size: int, seconds: float) -> str:
    return f"{size} bytes ({_short(size)}B) copied, {seconds:.6f} seconds, {_short(size / seconds)}B/s\n"


def _short(number: float) -> str:
    power = 0
    while number >= 1024 and power < len("KMGTP"):
        number, power = number / 1024, power + 1
    return f"{number:.1f}{'KMGTP'[power - 1]}" if power else f"{number:.0f}"


def _gnu(size: int, seconds: float) -> str:
    forms = []
    if size >= 1000:
        forms.append(_scaled(size, 1000, "kMGTP", "B"))
    if size >= 1024:
        forms.append(_scaled(size, 1024, "KMGTP", "iB"))
    inside = f" ({', '.join(forms)})" if forms else ""
    speed = _scaled(size / seconds, 1000, "kMGTP", "B")
    return f"{size} {'byte' if size == 1 else 'bytes'}{inside} copied, {seconds:g} s, {speed}/s\n"


def _scaled(number: float, base: int, units: str, suffix: str) -> str:
    power = 0
    while number >= base and power < len(units):
        number, power = number / base, power + 1
    if not power:
        return f"{number:.0f} B"
    return f"{number:.{int(number < 10)}f} {units[power - 1]}{suffix}"
