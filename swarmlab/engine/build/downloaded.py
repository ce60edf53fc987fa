"""ADD of a URL: the file behind it, as one thing that is copied (MB: builder/dockerfile/copy.go, downloadSource)."""

from collections.abc import Awaitable, Callable
from typing import BinaryIO, NamedTuple

from swarmlab.engine.build.copying import Source
from swarmlab.engine.build.files import Files
from swarmlab.engine.build.options import Downloading, Message, Said
from swarmlab.engine.errors import EngineError, internal
from swarmlab.engine.network.downloads import Downloads
from swarmlab.images import Entry

#: What a file is called whose URL has no name for it.
_UNNAMED = "__unnamed__"
#: Whoever builds is told of every piece of so many bytes, and of the last one.
_TOLD = 4 << 20


async def download(
    url: str, dest: str, file: BinaryIO, downloads: Downloads, say: Callable[[Message], Awaitable[None]]
) -> Source:
    """Write what is behind a URL to a file, which is to be there until it is copied. Raises EngineError."""
    said = -_TOLD

    async def progress(current: int, total: int) -> None:
        nonlocal said
        if current == total or current - said >= _TOLD:
            said = current
            await say(Downloading(current, total))

    try:
        name, modified = await downloads.fetch(url, file, progress)
        await say(Said("\n"))
        if not name and dest.endswith("/"):
            raise internal(f"cannot determine filename for source {url}")
    except EngineError as error:
        raise internal(f"ADD failed: {error}") from None
    entry = Entry(f"/{name or _UNNAMED}", "file", 0o600, _Kept(file), modified=modified)
    files = Files([entry])
    return Source(files, entry.path, entry.path[1:], files.digest(entry), is_plain=True)


class _Kept(NamedTuple):
    """What a file has in it that has no name of its own."""

    file: BinaryIO

    def read_bytes(self) -> bytes:
        """See `Content`."""
        self.file.seek(0)
        return self.file.read()
