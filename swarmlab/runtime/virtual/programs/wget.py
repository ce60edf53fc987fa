"""`wget` as BusyBox has it: its options, errors and exit codes."""

import getopt
import posixpath
from urllib.parse import SplitResult

import aiohttp
from multidict import CIMultiDict

from swarmlab.runtime.virtual.context import Context
from swarmlab.runtime.virtual.machine import UnknownHostError
from swarmlab.runtime.virtual.programs.fetch import Options, Reply, deliver, fetch, port_of, split
from swarmlab.runtime.virtual.waiting import run_at_most

_SHORT = "qcSO:T:t:P:U:Y:"
_LONG = (
    "spider", "quiet", "header=", "post-data=", "timeout=", "tries=", "output-document=", "no-check-certificate",
    "no-verbose", "server-response", "user-agent=",
)  # fmt: skip
_NAMES = {"quiet": "q", "timeout": "T", "output-document": "O", "server-response": "S", "user-agent": "U"}


async def wget(context: Context) -> int:
    """The first URL; 1 whatever goes wrong."""
    try:
        options = Options(context.argv, _SHORT, _LONG, _NAMES)
    except getopt.GetoptError as error:
        await context.err(f"wget: {error}\n")
        return 1
    if not options.words:
        await context.err("wget: missing URL\n")
        return 1
    parts = split(options.words[0])
    address = next(iter(await context.machine.resolve(parts.hostname or "")), "")
    if "q" not in options and address:
        await context.err(f"Connecting to {parts.netloc} ({address}:{port_of(parts)})\n")
    found = await _transfer(context, parts, address, options)
    if isinstance(found, str):
        await context.err(f"wget: {found}\n")
        return 1
    if "S" in options:
        await context.err("".join(f"  {line}\n" for line in found.head().split("\r\n") if line))
    if found.status >= 400:
        await context.err(f"wget: server returned error: HTTP/1.1 {found.status} {found.reason}\n")
        return 1
    if "spider" not in options:
        await _save(context, found, parts, options)
    elif "q" not in options:
        await context.err("remote file exists\n")
    return 0


async def _transfer(context: Context, parts: SplitResult, address: str, options: Options) -> Reply | str:
    """What comes back from a URL, or why nothing does."""
    headers = CIMultiDict({"User-Agent": options.last("U", "Wget"), "Connection": "close"})
    headers.update(options.headers("header"))
    body = options.last("post-data").encode() if "post-data" in options else None
    try:
        work = fetch(
            context, "GET" if body is None else "POST", parts.geturl(), headers, body, redirects=True, verify=False
        )
        return await run_at_most(context.machine.clock, work, float(options.last("T") or 900))
    except UnknownHostError as error:
        return f"bad address '{error}'"
    except TimeoutError:
        return "download timed out"
    except OSError as error:
        return f"can't connect to remote host ({address}): {error.strerror}"
    except aiohttp.ClientError:
        return "error getting response"


async def _save(context: Context, reply: Reply, parts: SplitResult, options: Options) -> None:
    """Write a reply where the options want it, and say so."""
    target = options.last("O") or posixpath.basename(parts.path) or "index.html"
    await deliver(context, reply.body, target)
    if "q" not in options:
        shown = "-" if target == "-" else f"'{target}'"
        opening = "writing to stdout\n" if target == "-" else f"saving to {shown}\n"
        progress = f"{target[:20]:<20} 100% |{'*' * 32}| {len(reply.body):>5}  0:00:00 ETA\n"
        closing = "written to stdout\n" if target == "-" else f"{shown} saved\n"
        await context.err(opening + progress + closing)
