"""How long a learner needs from a clean clone to the first green check: `scripts/bench firstcheck`.

Clones what is committed here into a folder of its own, runs `scripts/lab` there as README says, and then, in the
JupyterLab that it starts, the cells of lab A1 up to the first check, as fast as they go: reading comes on top.
Packages come from the caches of pip and uv when they are there, and the docker command from PATH. It has to take less
than three minutes.
"""

import argparse
import asyncio
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import aiohttp
from common import LAB, run

ROOT = Path(__file__).parent.parent
NOTEBOOK = "A1-run-services.ipynb"
#: What the first check says when it is green.
GREEN = re.compile(r"(\d+) of \1 points, (\d+) of \2 steps done")
#: Seconds.
LIMIT = 180.0


@contextmanager
def jupyterlab(clone: Path, state: Path) -> Iterator[tuple[str, str]]:
    """`scripts/lab` in a clone: the address and the token of its JupyterLab, as soon as it has told them."""
    env = {**os.environ, "SWARMLAB_HOME": str(state)}
    command = (clone / "scripts" / "lab", "--no-browser", "--stop", "--name", LAB)
    program = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True)
    try:
        assert program.stdout is not None
        for line in program.stdout:
            if found := re.search(r"(http://\S+?)/lab\S*\?token=(\S+)", line):
                yield found[1], found[2]
                return
        sys.exit("scripts/lab has ended without telling where JupyterLab is")
    finally:
        program.terminate()
        program.communicate()


async def first_check(address: str, token: str) -> str:
    """Run the learner's notebook up to its first check; what that shows."""
    async with aiohttp.ClientSession(address, headers={"Authorization": f"token {token}"}) as client:
        async with client.get(f"/api/contents/{NOTEBOOK}") as answer:
            book = (await answer.json())["content"]
        async with client.post("/api/kernels", json={"name": "python3"}) as answer:
            kernel = (await answer.json())["id"]
        async with client.ws_connect(f"/api/kernels/{kernel}/channels", max_msg_size=0) as channels:
            for cell in book["cells"]:
                if cell["cell_type"] == "code":
                    shown = await execute(channels, "".join(cell["source"]))
                    if "check(" in "".join(cell["source"]):
                        return shown
    return ""


async def execute(channels: aiohttp.ClientWebSocketResponse, code: str) -> str:
    """Run a cell; its last result as text."""
    ours = uuid.uuid4().hex
    content = {"code": code, "silent": False, "store_history": True, "allow_stdin": False, "stop_on_error": True}
    header = {"msg_id": ours, "msg_type": "execute_request", "session": ours, "username": "", "version": "5.4"}
    await channels.send_json(
        {"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell", "buffers": []}
    )
    shown = ""
    async for message in channels:
        told = json.loads(message.data)
        if told["parent_header"].get("msg_id") != ours:
            continue
        if told["msg_type"] == "execute_result":
            shown = told["content"]["data"]["text/plain"]
        if told["msg_type"] == "error":
            raise RuntimeError(f"{told['content']['ename']}: {told['content']['evalue']}")
        if told["msg_type"] == "status" and told["content"]["execution_state"] == "idle":
            break
    return shown


def main() -> None:
    """Measure and print; the exit status says whether it was green in time."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    with tempfile.TemporaryDirectory() as folder:
        begin = time.perf_counter()
        clone = Path(folder) / "swarmlab"
        run("git", "clone", "--quiet", str(ROOT), str(clone))
        print(f"{time.perf_counter() - begin:6.1f} s  cloned")
        with jupyterlab(clone, Path(folder) / "state") as (address, token):
            print(f"{time.perf_counter() - begin:6.1f} s  set up; JupyterLab answers")
            shown = asyncio.run(first_check(address, token))
        seconds = time.perf_counter() - begin
        print(f"{seconds:6.1f} s  first check: {shown.splitlines()[1] if shown else 'shows nothing'}")
        size = sum(path.lstat().st_size for path in (clone / ".venv").rglob("*") if not path.is_dir()) / 1e6
        print(f"{size:6.0f} MB of packages and their compiled forms")
    sys.exit(0 if GREEN.search(shown) and seconds < LIMIT else "not green, or too late")


if __name__ == "__main__":
    main()
