"""`httpd` of BusyBox: serves the files of a directory."""

import getopt
import mimetypes
import posixpath

from aiohttp import web

from swarmlab.runtime.virtual.context import Context
from swarmlab.runtime.virtual.programs.whoami import serve

_USAGE = "Usage: httpd [-ifv[v]] [-c CONFFILE] [-p [IP:]PORT] [-u USER[:GRP]] [-r REALM] [-h HOME]\n"
_NOT_FOUND = (
    "<HTML><HEAD><TITLE>404 Not Found</TITLE></HEAD>\n<BODY><H1>404 Not Found</H1>\n"
    "The requested URL was not found\n</BODY></HTML>\n"
)


async def httpd(context: Context) -> int:
    """`httpd [-f] [-v] [-p PORT] [-h HOME]`; without `-f` it goes on in the background."""
    try:
        given, _ = getopt.gnu_getopt(context.argv[1:], "ifvp:h:u:r:c:")
        options = dict(given)
        port = int(options.get("-p", "80").rpartition(":")[2])
    except (getopt.GetoptError, ValueError):
        await context.err(_USAGE)
        return 1
    home = context.path(options.get("-h", "."))
    root = context.machine.root
    if not root.is_directory(home):
        await context.err(f"httpd: can't change directory to '{home}': No such file or directory\n")
        return 1

    async def answer(request: web.BaseRequest) -> web.Response:
        path = posixpath.normpath(f"{home}/{posixpath.normpath(request.path)}")
        if root.is_directory(path):
            path = posixpath.join(path, "index.html")
        try:
            body, status = root.read(path), 200
        except (FileNotFoundError, IsADirectoryError):
            body, status = _NOT_FOUND.encode(), 404
        if "-v" in options:
            await context.err(f"[::ffff:{request.remote}]: response:{status}\n")
        kind = mimetypes.guess_type(path)[0] or "application/octet-stream" if status == 200 else "text/html"
        return web.Response(body=body, status=status, headers={"Content-Type": kind})

    if "-f" in options:
        return await serve(context, port, answer, "httpd")
    try:
        context.machine.claim(port)
    except OSError as error:
        await context.err(f"httpd: bind: {error.strerror}\n")
        return 1
    context.machine.background(serve(context, port, answer, "httpd"))
    return 0
