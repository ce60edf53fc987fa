"""The background process of one lab: `python -m swarmlab.lab.daemon HOME NAME READY`.

READY is a file descriptor. When the lab is ready, or cannot start, one line of JSON is written to it, whose
`error` is null or says why.
"""

import contextlib
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from swarmlab.lab.folder import Folder
from swarmlab.lab.locks import Lock

if TYPE_CHECKING:
    from swarmlab.lab.parts import Parts

#: How long the daemon waits for a lock that somebody only looks at, in seconds.
_LOCK_LIMIT = 5.0
#: More than any lab needs; some systems' own limit is so high that programs choke on it.
_MAX_FILES = 1 << 17


def main(make_parts: Callable[[], "Parts"] | None = None) -> None:
    """Become a daemon and run the lab until it is told to end. `make_parts` is called in the daemon."""
    home, name, ready = sys.argv[1:]
    # The caller waits for this process: what goes on is its child, which nobody has to collect.
    if os.fork():
        os._exit(0)
    folder = Folder(Path(home), name)
    lock = Lock(folder.lock)
    if not lock.acquire(_LOCK_LIMIT):
        _report(int(ready), f"another process runs the lab {name}")
        sys.exit(1)
    lock.sign()
    os.set_inheritable(int(ready), False)
    try:
        _run(folder, int(ready), make_parts or _real_parts)
    finally:
        lock.release()


def _run(folder: Folder, ready: int, make_parts: Callable[[], "Parts"]) -> None:
    import asyncio

    from swarmlab.lab.logs import log_to

    log = log_to(folder.log)
    raise_file_limit()
    calm_collector()
    try:
        parts = make_parts()
        asyncio.run(_serve(folder, parts, ready))
    except Exception as error:
        log.exception("the lab failed")
        _report(ready, f"{type(error).__name__}: {error}")
        sys.exit(1)


async def _serve(folder: Folder, parts: "Parts", ready: int) -> None:
    import asyncio
    import signal

    from swarmlab.lab.control import Control
    from swarmlab.lab.host import Host

    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    settings = folder.settings()
    host = Host(folder, settings, parts)
    control = Control(host, stop)
    await control.start(settings.control)
    try:
        await host.start()
        _report(ready, None)
        await stop.wait()
    finally:
        await control.close()
        await host.stop()


def _real_parts() -> "Parts":
    from swarmlab.api import Server
    from swarmlab.engine import Lab
    from swarmlab.lab.parts import Parts

    return Parts(Lab, Server)


def _report(ready: int, error: str | None) -> None:
    """Say how the start went. Only the first report is heard: whoever started the lab then goes away."""
    with contextlib.suppress(BrokenPipeError):
        os.write(ready, json.dumps({"error": error}).encode() + b"\n")


def raise_file_limit() -> None:
    """Allow as many open files as the system lets us: containers, connections and sockets are many."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MAX_FILES if hard == resource.RLIM_INFINITY else min(hard, _MAX_FILES)
    for limit in (wanted, 10_240):  # macOS allows no more than this, whatever its limits say.
        if limit > soft:
            try:
                resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
            except (OSError, ValueError):
                continue
            return


def calm_collector() -> None:
    """Let the garbage collector look at everything a hundred times as rarely: with 100,000 tasks a look takes long."""
    import gc

    gc.set_threshold(10_000, 20, 50)


if __name__ == "__main__":
    main()
