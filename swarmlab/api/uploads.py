"""Bodies of any size: archives of files, of images and of what an image is built from."""

from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import IO, cast

from aiohttp import web

#: So many bytes are kept in memory; more of them go to a file without a name, which nothing can leave behind.
_IN_MEMORY = 1 << 20


async def invite(request: web.BaseRequest) -> None:
    """Tell a client that waits for it (`Expect: 100-continue`) to send its body."""
    if "Expect" in request.headers and not request.content.total_bytes and not request.content.is_eof():
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        # It is no part of the answer.
        request.writer.output_size = 0


async def receive(request: web.BaseRequest, folder: Path) -> IO[bytes]:
    """The whole of a body as a file at its beginning; on disk in `folder` when it is large.

    Raises OSError when there is no room for it, and ConnectionError when the client goes away before its end.
    """
    file = cast(IO[bytes], SpooledTemporaryFile(_IN_MEMORY, dir=str(folder)))  # noqa: SIM115  (the caller closes it)
    try:
        await invite(request)
        async for piece in request.content.iter_any():
            file.write(piece)
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return file
