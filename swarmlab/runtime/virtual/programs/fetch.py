"""`curl` and `wget` as containers have them: HTTP to whatever the container can reach, itself first of all."""

import base64
import getopt
import posixpath
from collections.abc import Mapping, Sequence
from typing import NamedTuple
from urllib.parse import urljoin, urlsplit

import aiohttp
from multidict import CIMultiDict

from swarmlab.runtime.virtual.machine import Context, UnknownHostError
from swarmlab.runtime.virtual.waiting import run_at_most

_MAX_REDIRECTS = 20


class _Reply(NamedTuple):
    url: str
    status: int
    reason: str
    headers: Mapping[str, str]
    body: bytes

    def head(self) -> str:
        lines = [f"HTTP/1.1 {self.status} {self.reason}", *(f"{name}: {value}" for name, value in self.headers.items())]
        return "\r\n".join(lines) + "\r\n\r\n"


async def curl(context: Context) -> int:
    """The options that scripts and health checks use; errors and exit codes as curl has them."""
    try:
        options, urls = getopt.gnu_getopt(
            context.argv[1:],
            "fsSiILkvVN46o:OX:d:H:m:A:w:u:b:",
            ["fail", "silent", "show-error", "include", "head", "location", "insecure", "verbose", "output=",
             "request=", "data=", "header=", "max-time=", "connect-timeout=", "user-agent=", "write-out=", "retry=",
             "user=", "cookie=", "data-raw=", "data-binary=", "json=", "compressed", "no-buffer", "version"],
        )  # fmt: skip
    except getopt.GetoptError as error:
        await context.err(f"curl: option {error}\ncurl: try 'curl --help' for more information\n")
        return 2
    names = {"fail": "f", "silent": "s", "show-error": "S", "include": "i", "head": "I", "location": "L",
             "output": "o", "request": "X", "data": "d", "header": "H", "max-time": "m", "user-agent": "A",
             "write-out": "w", "user": "u", "cookie": "b", "data-raw": "d", "data-binary": "d", "json": "j",
             "version": "V"}  # fmt: skip
    pairs = [(names.get(option.lstrip("-"), option.lstrip("-")), value) for option, value in options]
    values = dict(pairs)
    if "V" in values:
        await context.out("curl 8.5.0 (x86_64-pc-linux-gnu)\nProtocols: http\n")
        return 0
    if not urls:
        await context.err("curl: (2) no URL specified\n")
        return 2
    headers = CIMultiDict({"User-Agent": values.get("A", "curl/8.5.0"), "Accept": "*/*"})
    if "u" in values:
        headers["Authorization"] = f"Basic {base64.b64encode(values['u'].encode()).decode()}"
    if "b" in values:
        headers["Cookie"] = values["b"]
    if "j" in values:
        headers["Content-Type"] = headers["Accept"] = "application/json"
        pairs.append(("d", values["j"]))
        values["d"] = values["j"]
    elif "d" in values:
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    headers.update(_header(value) for name, value in pairs if name == "H" and ":" in value)
    body = "&".join(value for name, value in pairs if name == "d").encode() if "d" in values else None
    method = values.get("X") or ("HEAD" if "I" in values else "POST" if body is not None else "GET")
    loud = "s" not in values or "S" in values

    async def fail(code: int, text: str) -> int:
        if loud:
            await context.err(f"curl: ({code}) {text}\n")
        return code

    code = 0
    for url in urls:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        try:
            work = _request(context, method, parts.geturl(), headers, body, redirects="L" in values)
            reply = await run_at_most(context.machine.clock, work, float(values.get("m") or 1e9))
        except UnknownHostError:
            code = await fail(6, f"Could not resolve host: {parts.hostname}")
            continue
        except TimeoutError:
            code = await fail(28, f"Operation timed out after {float(values['m']) * 1000:.0f} milliseconds")
            continue
        except OSError:
            port = parts.port or (443 if parts.scheme == "https" else 80)
            code = await fail(
                7, f"Failed to connect to {parts.hostname} port {port} after 0 ms: Couldn't connect to server"
            )
            continue
        except aiohttp.ClientError:
            code = await fail(52, "Empty reply from server")
            continue
        if "f" in values and reply.status >= 400:
            code = await fail(22, f"The requested URL returned error: {reply.status}")
            continue
        shown = (reply.head().encode() if values.keys() & {"i", "I"} else b"") + reply.body
        target = values.get("o") or (posixpath.basename(parts.path) if "O" in values else "")
        await _deliver(context, shown, target)
        if "w" in values:
            text = values["w"].replace("%{http_code}", str(reply.status)).replace("%{response_code}", str(reply.status))
            await context.out(text.replace("\\n", "\n").replace("\\t", "\t"))
    return code


async def wget(context: Context) -> int:
    """The options of BusyBox's wget; errors and exit codes as it has them."""
    try:
        options, urls = getopt.gnu_getopt(
            context.argv[1:],
            "qcSO:T:t:P:U:Y:",
            ["spider", "quiet", "header=", "post-data=", "timeout=", "tries=", "output-document=",
             "no-check-certificate", "no-verbose", "server-response", "user-agent="],
        )  # fmt: skip
    except getopt.GetoptError as error:
        await context.err(f"wget: {error}\n")
        return 1
    names = {"quiet": "q", "timeout": "T", "output-document": "O", "server-response": "S", "user-agent": "U"}
    pairs = [(names.get(option.lstrip("-"), option.lstrip("-")), value) for option, value in options]
    values = dict(pairs)
    if not urls:
        await context.err("wget: missing URL\n")
        return 1
    parts = urlsplit(urls[0] if "://" in urls[0] else f"http://{urls[0]}")
    headers = CIMultiDict({"User-Agent": values.get("U", "Wget"), "Connection": "close"})
    headers.update(_header(value) for name, value in pairs if name == "header" and ":" in value)
    body = values["post-data"].encode() if "post-data" in values else None
    port = parts.port or (443 if parts.scheme == "https" else 80)
    quiet = "q" in values
    address = next(iter(context.machine.resolve(parts.hostname or "")), "")
    if not quiet and address:
        await context.err(f"Connecting to {parts.netloc} ({address}:{port})\n")
    try:
        work = _request(context, "POST" if body is not None else "GET", parts.geturl(), headers, body, redirects=True)
        reply = await run_at_most(context.machine.clock, work, float(values.get("T") or 900))
    except UnknownHostError as error:
        await context.err(f"wget: bad address '{error}'\n")
        return 1
    except TimeoutError:
        await context.err("wget: download timed out\n")
        return 1
    except OSError as error:
        await context.err(f"wget: can't connect to remote host ({address}): {error.strerror}\n")
        return 1
    except aiohttp.ClientError:
        await context.err("wget: error getting response\n")
        return 1
    if "S" in values:
        await context.err("".join(f"  {line}\n" for line in reply.head().split("\r\n") if line))
    if reply.status >= 400:
        await context.err(f"wget: server returned error: HTTP/1.1 {reply.status} {reply.reason}\n")
        return 1
    if "spider" in values:
        if not quiet:
            await context.err("remote file exists\n")
        return 0
    target = values.get("O") or posixpath.basename(parts.path) or "index.html"
    await _deliver(context, reply.body, "" if target == "-" else target)
    if not quiet:
        shown = "-" if target == "-" else f"'{target}'"
        opening = "writing to stdout\n" if target == "-" else f"saving to {shown}\n"
        progress = f"{target[:20]:<20} 100% |{'*' * 32}| {len(reply.body):>5}  0:00:00 ETA\n"
        closing = "written to stdout\n" if target == "-" else f"{shown} saved\n"
        await context.err(opening + progress + closing)
    return 0


def _header(line: str) -> tuple[str, str]:
    name, _, value = line.partition(":")
    return name.strip(), value.strip()


async def _deliver(context: Context, data: bytes, target: str) -> None:
    if target in ("", "-"):
        await context.out(data)
    elif context.path(target) != "/dev/null":
        context.machine.root.write(context.path(target), data)


async def _request(
    context: Context, method: str, url: str, headers: Mapping[str, str], body: bytes | None, *, redirects: bool
) -> _Reply:
    """One exchange, and with `redirects` those that it leads to.

    Raises UnknownHostError, OSError when nobody listens, aiohttp.ClientError when the answer is no HTTP.
    """
    for _ in range(_MAX_REDIRECTS):
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        known = context.machine.resolve(parts.hostname or "")
        if not known:
            raise UnknownHostError(parts.netloc)
        answer = await _exchange(context, known, port, method, url, headers, body)
        if not redirects or answer.status not in (301, 302, 303, 307, 308) or "Location" not in answer.headers:
            break
        url = urljoin(url, answer.headers["Location"])
        if answer.status in (301, 302, 303) and method != "HEAD":
            method, body = "GET", None
    return answer


async def _exchange(
    context: Context,
    addresses: Sequence[str],
    port: int,
    method: str,
    url: str,
    headers: Mapping[str, str],
    body: bytes | None,
) -> _Reply:
    """One exchange with the first address that takes the connection. Raises as `_request` does."""
    parts = urlsplit(url)
    for address in addresses:
        try:
            async with (
                context.machine.connection(address, port) as (host, real),
                aiohttp.ClientSession(auto_decompress=False, skip_auto_headers=_AUTOMATIC) as session,
                session.request(
                    method,
                    f"{parts.scheme}://{host}:{real}{parts.path or '/'}" + (f"?{parts.query}" if parts.query else ""),
                    headers={"Host": parts.netloc, **headers},
                    data=body,
                    allow_redirects=False,
                    ssl=False,
                ) as reply,
            ):
                return _Reply(url, reply.status, reply.reason or "", reply.headers, await reply.read())
        except OSError:
            if address == addresses[-1]:
                raise
    raise UnknownHostError(parts.netloc)


_AUTOMATIC: Sequence[str] = ("User-Agent", "Accept", "Accept-Encoding", "Content-Type")
