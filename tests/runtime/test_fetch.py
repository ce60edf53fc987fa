"""curl and wget in containers: their words and their exit codes."""

import asyncio
from pathlib import Path

from .support import lab, run

CONNECTING = "Connecting to localhost (127.0.0.1:80)\n"
TRY_HELP = "curl: try 'curl --help' for more information\n"
EXPECTED = {
    "curl": (2, "curl: (2) no URL specified\n"),
    "curl --nosuch localhost": (2, f"curl: option --nosuch: is unknown\n{TRY_HELP}"),
    "curl localhost -o": (2, f"curl: option -o: requires parameter\n{TRY_HELP}"),
    "curl -f localhost/none": (22, "curl: (22) The requested URL returned error: 404\n"),
    "curl -sf localhost/none": (22, ""),
    "curl -sSf localhost/none": (22, "curl: (22) The requested URL returned error: 404\n"),
    "curl localhost:81": (
        7, "curl: (7) Failed to connect to localhost port 81 after 0 ms: Couldn't connect to server\n",
    ),
    "curl http://nowhere": (6, "curl: (6) Could not resolve host: nowhere\n"),
    "curl -o /tmp/x -w '%{http_code}\\n' http://nowhere localhost": (
        6, "curl: (6) Could not resolve host: nowhere\n200\n",
    ),
    "curl -sd a=1 -o /dev/null -w '%{response_code} ' localhost localhost/none": (0, "405 404 "),
    "cat /tmp/x | head -n 1": (0, "<!DOCTYPE html>\n"),
    "wget": (1, "wget: missing URL\n"),
    "wget localhost:81": (
        1, "Connecting to localhost:81 (127.0.0.1:81)\n"
        "wget: can't connect to remote host (127.0.0.1): Connection refused\n",
    ),
    "wget nowhere": (1, "wget: bad address 'nowhere'\n"),
    "wget -O- localhost/none": (1, f"{CONNECTING}wget: server returned error: HTTP/1.1 404 Not Found\n"),
    "wget --post-data a=1 localhost": (1, f"{CONNECTING}wget: server returned error: HTTP/1.1 405 Not Allowed\n"),
    "wget --spider localhost": (0, f"{CONNECTING}remote file exists\n"),
    "wget -q --spider localhost": (0, ""),
    "wget -qO- localhost | head -n 1": (0, "<!DOCTYPE html>\n"),
    "wget -O /tmp/y localhost": (
        0, f"{CONNECTING}saving to '/tmp/y'\n/tmp/y               100% |{'*' * 32}|   470  0:00:00 ETA\n"
        "'/tmp/y' saved\n",
    ),
}  # fmt: skip


def test_their_words_and_exit_codes(tmp_path: Path) -> None:
    async def scenario() -> dict[str, tuple[int, str]]:
        async with lab(tmp_path) as here:
            box = await here.start("nginx:alpine")
            found = {}
            for command in EXPECTED:
                code, said = await run(box, "sh", "-c", command)
                found[command] = code, said.decode()
            return found

    assert asyncio.run(scenario()) == EXPECTED
