"""Bodies of any size: archives of files, of images and of what an image is built from."""

from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import IO, cast

from aiohttp import StreamReader

#: So many bytes are kept in memory; more of them go to a file without a name, which nothing can leave behind.
_IN_MEMORY = 1 << 20


async def receive(content: StreamReader, folder: Path) -> IO[bytes]:
    """The whole of a body as a file at its beginning; on disk in `folder` when it is large.

    Raises OSError when there is no room for it, and ConnectionError when the client goes away before its end.
    """
    file = cast(IO[bytes], SpooledTemporaryFile(_IN_MEMORY, dir=str(folder)))  # noqa: SIM115  (the caller closes it)
    try:
        async for piece in content.iter_any():
            file.write(piece)
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return file
