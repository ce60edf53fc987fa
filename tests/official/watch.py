"""Looks at every answer of the servers in this process, without touching it."""

import os
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from swarmlab.api.call import Answer, Hijack, Response
from swarmlab.api.server import Server

from .schemas import Definitions, definitions

#: Names the file to which processes of labs write what is wrong, a problem a line.
PROBLEMS = "SWARMLAB_TEST_PROBLEMS"
_JSON = "application/json"


def append(problem: str) -> None:
    """Tell the test run of a problem; a line is written as one, also when several processes write."""
    with Path(os.environ[PROBLEMS]).open("a") as file:
        file.write(problem + "\n")


def install(report: Callable[[str], None] = append) -> Callable[[], None]:
    """Watch all servers of this process from now on; returns what ends that."""
    original = Server._call

    async def watched(server: Server, request: Any, match: Any, target: Any, version: str, path: str) -> Response:
        result = await original(server, request, match, target, version, path)
        return _looked_at(request.method, path, result, definitions(version), report)

    Server._call = cast(Any, watched)

    def uninstall() -> None:
        Server._call = cast(Any, original)

    return uninstall


def _looked_at(method: str, path: str, result: Response, known: Definitions, report: Callable[[str], None]) -> Response:
    if isinstance(result, Answer):
        body = result.body if result.content_type == _JSON else None
        problems = known.problems(method, path, result.status, body)
        if result.body and not result.content_type:
            problems.append(f"{method} {path} {result.status}: a body without a type")
        for problem in problems:
            report(problem)
    elif isinstance(result, Hijack):
        for problem in known.problems(method, path, 101, None):
            report(problem)
    elif result.content_type == _JSON:
        return replace(result, parts=_lines(result.parts, method, path, known, report))
    return result


async def _lines(
    parts: AsyncIterator[bytes], method: str, path: str, known: Definitions, report: Callable[[str], None]
) -> AsyncIterator[bytes]:
    """The parts as they are; each line in them is a JSON value of its own."""
    rest = b""
    async with aclosing(cast(Any, parts)) as source:
        async for part in source:
            *lines, rest = (rest + part).split(b"\n")
            for line in filter(bytes.strip, lines):
                for problem in known.problems(method, path, 200, line):
                    report(problem)
            yield part
