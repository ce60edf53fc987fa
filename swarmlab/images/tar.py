"""Tar archives as Docker writes them (MB: pkg/archive, Go's archive/tar)."""

import stat
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import IO, Literal

_KINDS = {
    tarfile.REGTYPE: stat.S_IFREG,
    tarfile.DIRTYPE: stat.S_IFDIR,
    tarfile.SYMTYPE: stat.S_IFLNK,
    tarfile.LNKTYPE: stat.S_IFREG,
}
_MODE, _CHECKSUM, _DEVICE = slice(100, 108), slice(148, 156), slice(329, 345)


class TarHeader(tarfile.TarInfo):
    """A member whose mode tells what it is, as Docker has done it ever since Go 1.8 (`fillGo18FileTypeBits`)."""

    def tobuf(
        self,
        format: Literal[0, 1, 2] | None = tarfile.PAX_FORMAT,
        encoding: str | None = "utf-8",
        errors: str = "surrogateescape",
    ) -> bytes:
        """See `TarInfo.tobuf`."""
        data = super().tobuf(format, encoding, errors)
        # Blocks with what is too long for the header come before it.
        header = bytearray(data[-tarfile.BLOCKSIZE :])
        header[_MODE] = b"%07o\0" % (self.mode | _KINDS.get(self.type, 0))
        header[_DEVICE] = b"0000000\0" * 2
        header[_CHECKSUM] = b" " * 8
        header[_CHECKSUM] = b"%06o\0 " % sum(header)
        return data[: -tarfile.BLOCKSIZE] + bytes(header)


@contextmanager
def tar_writer(target: IO[bytes], headers: Mapping[str, str] | None = None) -> Iterator[tarfile.TarFile]:
    """An archive that ends with two empty blocks, and no more. `headers` are PAX records of the whole."""
    yield tarfile.TarFile(fileobj=target, mode="w", format=tarfile.PAX_FORMAT, pax_headers=dict(headers or {}))
    target.write(bytes(2 * tarfile.BLOCKSIZE))
