"""`curl` with the options that scripts and health checks use; errors and exit codes as curl has them."""

import base64
import getopt
import posixpath
import ssl
from typing import NamedTuple

import aiohttp
from multidict import CIMultiDict

from swarmlab.runtime.virtual.context import Context
from swarmlab.runtime.virtual.machine import UnknownHostError
from swarmlab.runtime.virtual.programs.fetch import (
    Options,
    Reply,
    deliver,
    fetch,
    over_socket,
    port_of,
    split,
)
from swarmlab.runtime.virtual.waiting import run_at_most

_SHORT = "fsSiILkvVN46o:OX:d:H:m:A:w:u:b:"
_LONG = (
    "fail", "silent", "show-error", "include", "head", "location", "insecure", "verbose", "output=", "request=",
    "data=", "header=", "max-time=", "connect-timeout=", "user-agent=", "write-out=", "retry=",
    "user=", "cookie=", "data-raw=", "data-binary=", "json=", "compressed", "no-buffer", "version",
    "unix-socket=",
)  # fmt: skip
_NAMES = {
    "fail": "f", "silent": "s", "show-error": "S", "include": "i", "head": "I", "location": "L", "output": "o",
    "request": "X", "data": "d", "header": "H", "max-time": "m", "user-agent": "A", "write-out": "w",
    "insecure": "k", "user": "u", "cookie": "b", "data-raw": "d", "data-binary": "d", "version": "V",
}  # fmt: skip


#: What curl says of a certificate that nobody vouches for.
_UNKNOWN_CERTIFICATE = """\
More details here: https://curl.se/docs/sslcerts.html

curl failed to verify the legitimacy of the server and therefore could not
establish a secure connection to it. To learn more about this situation and
how to fix it, please visit the web page mentioned above."""


class _Failure(NamedTuple):
    """Why there is no reply: the exit code and its words."""

    code: int
    text: str


async def curl(context: Context) -> int:
    """Each URL in turn; the exit code is that of the last that failed."""
    try:
        options = Options(context.argv, _SHORT, _LONG, _NAMES)
    except getopt.GetoptError as error:
        option = f"-{error.opt}" if len(error.opt) == 1 else f"--{error.opt}"
        what = "requires parameter" if "requires" in error.msg else "is unknown"
        await context.err(f"curl: option {option}: {what}\ncurl: try 'curl --help' for more information\n")
        return 2
    if "V" in options:
        await context.out("curl 8.5.0 (x86_64-pc-linux-gnu)\nProtocols: http https\n")
        return 0
    if not options.words:
        await context.err("curl: (2) no URL specified\n")
        return 2
    code = 0
    for url in options.words:
        found = await _transfer(context, url, options)
        if isinstance(found, Reply) and "f" in options and found.status >= 400:
            found = _Failure(22, f"The requested URL returned error: {found.status}")
        if isinstance(found, Reply):
            await _show(context, found, url, options)
            continue
        code = found.code
        if "s" not in options or "S" in options:
            await context.err(f"curl: ({code}) {found.text}\n")
    return code


async def _transfer(context: Context, url: str, options: Options) -> Reply | _Failure:
    """What comes back from a URL."""
    parts = split(url)
    headers = CIMultiDict({"User-Agent": options.last("A", "curl/8.5.0"), "Accept": "*/*"})
    body = "&".join(options.every("d")).encode() if "d" in options else None
    if "u" in options:
        headers["Authorization"] = f"Basic {base64.b64encode(options.last('u').encode()).decode()}"
    if "b" in options:
        headers["Cookie"] = options.last("b")
    if "json" in options:
        body = options.last("json").encode()
        headers["Content-Type"] = headers["Accept"] = "application/json"
    elif body is not None:
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    headers.update(options.headers("H"))
    method = options.last("X") or ("HEAD" if "I" in options else "POST" if body is not None else "GET")
    try:
        if "unix-socket" in options:
            work = over_socket(context.socket(options.last("unix-socket")), method, parts.geturl(), headers, body)
        else:
            work = fetch(
                context, method, parts.geturl(), headers, body, redirects="L" in options, verify="k" not in options
            )
        return await run_at_most(context.machine.clock, work, float(options.last("m") or 1e9))
    except UnknownHostError:
        return _Failure(6, f"Could not resolve host: {parts.hostname}")
    except TimeoutError:
        return _Failure(28, f"Operation timed out after {float(options.last('m')) * 1000:.0f} milliseconds")
    except aiohttp.ClientConnectorCertificateError as error:
        return _Failure(60, f"SSL certificate problem: {_problem(error)}\n{_UNKNOWN_CERTIFICATE}")
    except aiohttp.ClientConnectorSSLError:
        return _Failure(35, "OpenSSL/3.0.13: error:0A00010B:SSL routines::wrong version number")
    except OSError:
        where = f"{parts.hostname} port {port_of(parts)}"
        return _Failure(7, f"Failed to connect to {where} after 0 ms: Couldn't connect to server")
    except aiohttp.ClientError:
        return _Failure(52, "Empty reply from server")


def _problem(error: aiohttp.ClientConnectorCertificateError) -> str:
    """What OpenSSL says of a certificate."""
    cause = error.certificate_error
    return cause.verify_message if isinstance(cause, ssl.SSLCertVerificationError) else str(cause)


async def _show(context: Context, reply: Reply, url: str, options: Options) -> None:
    """Write a reply where the options want it, and what `--write-out` asks for."""
    head = reply.head().encode() if "i" in options or "I" in options else b""
    target = options.last("o") or (posixpath.basename(split(url).path) if "O" in options else "")
    await deliver(context, head + reply.body, target)
    if "w" in options:
        text = options.last("w").replace("%{http_code}", str(reply.status))
        text = text.replace("%{response_code}", str(reply.status))
        await context.out(text.replace("\\n", "\n").replace("\\t", "\t"))
