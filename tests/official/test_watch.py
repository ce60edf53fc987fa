"""The watch over answers sees what is wrong, and passes what engines themselves send."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

import aiohttp
import pytest

from swarmlab.api import Server, server
from swarmlab.api.call import Answer, Response, Route, Stream, answer
from swarmlab.api.router import Match
from tests.official import watch
from tests.official.schemas import definitions


@pytest.mark.parametrize(
    ("method", "path", "status", "value", "problem"),
    [
        ("GET", "/nodes", 200, [{"ID": "a"}], ""),
        ("GET", "/nodes", 200, [{"ID": 1}], "$[].ID: 1 is not of type 'string'"),
        ("GET", "/nodes", 200, {"ID": "a"}, "$: {'ID': 'a'} is not of type 'array'"),
        ("GET", "/nodes", 201, [], "the status is none of 200"),
        ("GET", "/nodes", 500, {"message": "no"}, ""),
        ("GET", "/nodes", 500, {"error": "no"}, "$: 'message' is a required property"),
        ("GET", "/networks/a", 200, {"Labels": None}, ""),
        ("GET", "/networks/a", 200, {"Name": None}, "$.Name: None is not of type 'string'"),
        ("POST", "/secrets/create", 201, {"ID": "a"}, ""),
        ("POST", "/secrets/create", 201, {}, "$: 'Id' is a required property"),
        ("GET", "/services/a", 200, {"UpdateStatus": {"State": "rollback_started"}}, ""),
        (
            "GET", "/services/a", 200, {"UpdateStatus": {"State": "done"}},
            "$.UpdateStatus.State: 'done' is not one of ['updating', 'paused', 'completed']",
        ),
        ("GET", "/images/a/b:c/json", 200, {"Size": "1"}, "$.Size: '1' is not of type 'integer'"),
        ("GET", "/containers/a/changes", 200, None, ""),
        # Something that may be null is neither null nor right.
        ("GET", "/containers/a/json", 200, {"State": 1}, "$.State: 1 is not of type 'object'"),
    ],
)  # fmt: skip
def test_an_answer_is_compared_with_the_definitions(
    method: str, path: str, status: int, value: Any, problem: str
) -> None:
    expected = [f"{method} {path} {status}: {problem}"] if problem else []
    assert definitions("1.50").problems(method, path, status, json.dumps(value).encode()) == expected


def test_the_version_that_is_asked_for_decides() -> None:
    assert definitions("1.24").version == definitions("1.41").version == "1.41"
    assert definitions("1.50").version == definitions("").version == "1.50"


def asked(response: Response, monkeypatch: pytest.MonkeyPatch, path: str) -> tuple[bytes, list[str]]:
    """The body that a client of a watched server gets, and what was reported."""
    problems: list[str] = []

    class Routes:
        def find(self, method: str, path: str) -> Match:
            return Match(Route(method, path, lambda call: response), {})

    class Journal:
        def request(self, at: int, request: object) -> None:
            """Nothing is kept."""

    class Engine:
        name = "node-1"
        clock: Any = type("Clock", (), {"now": lambda self: 0})()

    async def work() -> bytes:
        with TemporaryDirectory() as folder:
            socket = Path(folder) / "s"
            served = Server(cast(Any, Engine()), cast(Any, Journal()))
            await served.start(socket)
            async with (
                aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(socket))) as session,
                session.get(f"http://docker{path}") as reply,
            ):
                body = await reply.read()
            await served.close()
            return body

    monkeypatch.setattr(server, "_ROUTER", Routes())
    uninstall = watch.install(problems.append)
    try:
        return asyncio.run(work()), problems
    finally:
        uninstall()


def test_a_wrong_answer_reaches_the_client_and_is_reported(monkeypatch: pytest.MonkeyPatch, problem_file: Path) -> None:
    body, problems = asked(answer([{"ID": 1}]), monkeypatch, "/v1.41/nodes")
    assert json.loads(body) == [{"ID": 1}]
    assert problems == ["GET /nodes 200: $[].ID: 1 is not of type 'string'"]
    # The watch over this test run has seen it too.
    assert problem_file.read_text() == problems[0] + "\n"
    problem_file.write_text("")


def test_a_body_has_a_type(monkeypatch: pytest.MonkeyPatch, problem_file: Path) -> None:
    assert asked(Answer(body=b"OK"), monkeypatch, "/_ping")[1] == ["GET /_ping 200: a body without a type"]
    problem_file.write_text("")


def test_each_line_of_a_stream_is_compared(monkeypatch: pytest.MonkeyPatch, problem_file: Path) -> None:
    async def parts() -> AsyncIterator[bytes]:
        yield b'{"Type": "container"}\n{"Ty'
        yield b'pe": 1}\n'

    body, problems = asked(Stream(parts(), "application/json"), monkeypatch, "/events")
    assert body == b'{"Type": "container"}\n{"Type": 1}\n'
    assert [problem.partition(" is not")[0] for problem in problems] == ["GET /events 200: $.Type: 1"] * 2
    problem_file.write_text("")
