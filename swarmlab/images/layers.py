"""An engine's layers on disk: uncompressed tar archives under their own digests."""

import bz2
import gzip
import hashlib
import lzma
import os
import tempfile
import zlib
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tarfile import BLOCKSIZE
from typing import IO, BinaryIO, cast

from swarmlab.images.layer import MAX_LAYER, Entry, Layer, LayerError, Slice, read_entries

_CHUNK = 1 << 20
_SUFFIX = ".tar"


class LayerStore:
    """The layers in one folder, and files on their way to become layers. A layer is there complete or not at all."""

    def __init__(self, folder: Path) -> None:
        """Make the folder. What an earlier life left half written is removed."""
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for left in folder.glob("*.new"):
            left.unlink()
        self._known: dict[str, Layer] = {}
        self._arriving = 0

    @contextmanager
    def arriving(self) -> Iterator[None]:
        """Layers come before the image that has them: until it is here too none is removed."""
        self._arriving += 1
        try:
            yield
        finally:
            self._arriving -= 1

    def spool(self) -> BinaryIO:
        """A file for what a client sends; it goes when it is closed."""
        return cast("BinaryIO", tempfile.TemporaryFile(dir=self._folder, suffix=".new"))

    def add(self, source: IO[bytes]) -> Layer:
        """Keep a tar archive, compressed (gzip, bzip2, xz) or not. Raises LayerError."""
        with self._aside(source) as (aside, digest):
            entries, size = read_entries(aside)
            path = self._folder / (digest + _SUFFIX)
            if not path.exists():
                aside.rename(path)
        layer_id = f"sha256:{digest}"
        if layer_id not in self._known:
            # Entries say where their bytes are: under the layer's own name by now.
            moved = [_moved(entry, path) for entry in entries]
            self._known[layer_id] = Layer(layer_id, size, moved, path, path.stat().st_size)
        return self._known[layer_id]

    @contextmanager
    def unpacked(self, source: IO[bytes]) -> Iterator[Sequence[Entry]]:
        """What a tar archive holds, compressed or not; it can be read within the block only. Raises LayerError.

        The docker command may end an archive right after the bytes of its last file: what is missing of its last block
        means nothing.
        """
        with self._aside(source) as (aside, _):
            length = aside.stat().st_size
            if length > BLOCKSIZE:
                with aside.open("ab") as file:
                    file.write(bytes(-length % BLOCKSIZE))
            entries = read_entries(aside)[0]
            for entry in entries:
                if isinstance(entry.content, Slice) and entry.content.offset + entry.content.size > length:
                    raise LayerError("unexpected EOF")
            yield entries

    @contextmanager
    def _aside(self, source: IO[bytes]) -> Iterator[tuple[Path, str]]:
        """A file with the archive, uncompressed, and its digest; it is gone afterwards."""
        aside = self._folder / f"{os.urandom(8).hex()}.new"
        try:
            with aside.open("xb") as target:
                digest = copied(inflated(source), target)
            yield aside, digest
        finally:
            aside.unlink(missing_ok=True)

    def get(self, layer_id: str) -> Layer | None:
        """A layer; None when it is not here."""
        known = self._known.get(layer_id)
        if known is None:
            path = self._path(layer_id)
            if not path.is_file():
                return None
            entries, size = read_entries(path)
            known = self._known[layer_id] = Layer(layer_id, size, entries, path, path.stat().st_size)
        return known

    def keep(self, wanted: Collection[str]) -> None:
        """Remove every layer but these, unless more are arriving."""
        if self._arriving:
            return
        for path in self._folder.glob(f"*{_SUFFIX}"):
            layer_id = f"sha256:{path.name.removesuffix(_SUFFIX)}"
            if layer_id not in wanted:
                self._known.pop(layer_id, None)
                path.unlink()

    def _path(self, layer_id: str) -> Path:
        return self._folder / (layer_id.removeprefix("sha256:").replace("/", "") + _SUFFIX)


def _moved(entry: Entry, archive: Path) -> Entry:
    """An entry of an archive that has another name now."""
    if isinstance(entry.content, Slice):
        return entry._replace(content=entry.content._replace(path=archive))
    return entry


def inflated(source: IO[bytes]) -> IO[bytes]:
    """The archive without its compression."""
    begin = source.tell()
    magic = source.read(6)
    source.seek(begin)
    if magic.startswith(b"\x1f\x8b\x08"):
        return cast("IO[bytes]", gzip.GzipFile(fileobj=source, mode="rb"))
    if magic.startswith(b"BZh"):
        return cast("IO[bytes]", bz2.BZ2File(source, "rb"))
    if magic.startswith(b"\xfd7zXZ\x00"):
        return cast("IO[bytes]", lzma.LZMAFile(source, "rb"))
    return source


def copied(source: IO[bytes], target: BinaryIO) -> str:
    """Copy to the end and return the SHA-256, in hexadecimal. Raises LayerError when it is damaged or too large."""
    digest = hashlib.sha256()
    size = 0
    try:
        while chunk := source.read(_CHUNK):
            size += len(chunk)
            if size > MAX_LAYER:
                raise LayerError("no space left on device")
            digest.update(chunk)
            target.write(chunk)
    except EOFError:
        raise LayerError("unexpected EOF") from None
    except (OSError, zlib.error, lzma.LZMAError):
        raise LayerError("gzip: invalid header") from None
    return digest.hexdigest()
