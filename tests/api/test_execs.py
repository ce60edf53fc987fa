import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .conftest import Client
from .live import Live, Raw, frames

BOX = "box"


@pytest.fixture
def live(client: Client, tmp_path: Path) -> Iterator[Live]:
    made = Live(client, tmp_path)
    made.start()
    yield made
    made.close()


def create(live: Live, *command: str, **changes: Any) -> str:
    body = {"Cmd": list(command), "AttachStdout": True, "AttachStderr": True, **changes}
    reply = live.client("POST", f"/containers/{BOX}/exec", body)
    assert reply.status == 201, reply.body
    found: str = reply.json["Id"]
    return found


async def begin(live: Live, exec_id: str, version: str = "", **body: Any) -> Raw:
    return await live.connect("POST", f"{version}/exec/{exec_id}/start", {"Detach": False, "Tty": False, **body})


def run(live: Live, *command: str, **changes: Any) -> tuple[list[tuple[int, bytes]], int]:
    """The output of a command and its exit code."""
    exec_id = create(live, *command, **changes)

    async def work() -> bytes:
        raw = await begin(live, exec_id)
        body = await raw.rest()
        await raw.close()
        return body

    return frames(live.client.run(work())), inspect(live, exec_id)["ExitCode"]


def inspect(live: Live, exec_id: str) -> Any:
    return live.client("GET", f"/exec/{exec_id}/json").json


def test_output_comes_in_frames_and_the_exit_code_is_there_when_it_ends(live: Live) -> None:
    assert run(live, "sh", "-c", "echo out; echo err >&2; exit 3") == ([(1, b"out\n"), (2, b"err\n")], 3)
    assert live.actions()[-3:] == [
        "exec_create: sh -c echo out; echo err >&2; exit 3",
        "exec_start: sh -c echo out; echo err >&2; exit 3",
        "exec_die",
    ]


def test_environment_directory_and_user_are_the_commands_own(live: Live) -> None:
    output, _ = run(live, "sh", "-c", "echo $A; pwd; id -un", Env=["A=b"], WorkingDir="/tmp", User="nobody")
    assert output == [(1, b"b\n/tmp\nnobody\n")]


@pytest.mark.parametrize(
    ("version", "tty", "media_type"),
    [
        ("", False, "application/vnd.docker.multiplexed-stream"),
        ("", True, "application/vnd.docker.raw-stream"),
        ("/v1.41", False, "application/vnd.docker.raw-stream"),
    ],
)
def test_the_connection_is_upgraded(live: Live, version: str, tty: bool, media_type: str) -> None:
    exec_id = create(live, "true", Tty=tty)

    async def work() -> str:
        raw = await begin(live, exec_id, version, Tty=tty)
        await raw.rest()
        await raw.close()
        return raw.head

    head = live.client.run(work())
    assert head.startswith(
        f"HTTP/1.1 101 UPGRADED\r\nContent-Type: {media_type}\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n"
    )
    assert [note.status for note in live.client.journal.requests if note.path.endswith("/start")] == [101]


def test_a_client_that_asks_for_no_upgrade_gets_a_plain_answer(live: Live) -> None:
    exec_id = create(live, "echo", "hi")

    async def work() -> Raw:
        raw = await live.connect("POST", f"/exec/{exec_id}/start", {}, upgrade=False)
        assert frames(await raw.rest()) == [(1, b"hi\n")]
        await raw.close()
        return raw

    assert live.client.run(work()).head.startswith("HTTP/1.1 200 OK\r\n")


def test_input_may_end_before_the_output_does(live: Live) -> None:
    exec_id = create(live, "sh", "-c", "while read l; do echo got $l; done; echo end", AttachStdin=True)

    async def work() -> None:
        raw = await begin(live, exec_id)
        raw.writer.write(b"one\n")
        await raw.until(b"got one\n")
        raw.writer.write(b"two\n")
        raw.writer.write_eof()
        assert (await raw.rest()).endswith(b"end\n")
        await raw.close()

    live.client.run(work())


def test_a_command_does_not_wait_for_input_that_it_does_not_read(live: Live) -> None:
    exec_id = create(live, "echo", "quick", AttachStdin=True)

    async def work() -> None:
        raw = await begin(live, exec_id)
        raw.writer.write(b"never read\n" * 1000)
        assert frames(await raw.rest()) == [(1, b"quick\n")]
        await raw.close()

    live.client.run(work())


def test_more_input_than_fits_anywhere_arrives(live: Live) -> None:
    exec_id = create(live, "wc", "-c", AttachStdin=True)

    async def work() -> bytes:
        raw = await begin(live, exec_id)
        raw.writer.write(bytes(2_000_000))
        raw.writer.write_eof()
        body = await raw.rest()
        await raw.close()
        return body

    assert frames(live.client.run(work())) == [(1, b"2000000\n")]


def test_a_terminal_has_a_prompt_and_an_echo(live: Live) -> None:
    exec_id = create(live, "sh", AttachStdin=True, Tty=True)

    async def work() -> None:
        raw = await begin(live, exec_id, Tty=True)
        assert await raw.until(b"/ # ") == b"/ # "
        raw.writer.write(b"cd /tmp; x=5\r")
        assert await raw.until(b"/tmp # ") == b"cd /tmp; x=5\r\n/tmp # "
        raw.writer.write(b"exit $x\r")
        assert await raw.rest() == b"exit $x\r\n"
        await raw.close()

    live.client.run(work())
    assert inspect(live, exec_id)["ExitCode"] == 5


def test_detach_keys_leave_the_command_alone(live: Live) -> None:
    exec_id = create(live, "sleep", "1000", AttachStdin=True, Tty=True, DetachKeys="ctrl-a,x")

    async def work() -> None:
        raw = await begin(live, exec_id, Tty=True)
        raw.writer.write(b"\x01")
        raw.writer.write(b"x")
        await raw.rest()
        await raw.close()

    live.client.run(work())
    assert live.actions()[-1] == "exec_detach"
    assert inspect(live, exec_id)["Running"] is True


def test_a_command_survives_its_client_and_its_input_ends(live: Live) -> None:
    exec_id = create(live, "sh", "-c", "read x; echo told; read y; echo for nobody; exit 4", AttachStdin=True)

    async def work() -> None:
        raw = await begin(live, exec_id)
        raw.writer.write(b"go\n")
        await raw.until(b"told\n")
        await raw.close()
        await live.until("exec_die")

    live.client.run(work())
    assert inspect(live, exec_id)["ExitCode"] == 4


def test_a_command_that_is_not_there_says_so_within_the_stream(live: Live) -> None:
    output, code = run(live, "nosuch")
    text = 'unable to start container process: exec: "nosuch": executable file not found in $PATH: unknown\r\n'
    assert output == [(1, f"OCI runtime exec failed: exec failed: {text}".encode())]
    assert code == 126


def test_detached_commands_are_answered_at_once(live: Live) -> None:
    exec_id = create(live, "sleep", "1000", AttachStdout=False, AttachStderr=False)
    reply = live.client("POST", f"/exec/{exec_id}/start", {"Detach": True})
    assert (reply.status, reply.body) == (200, b"")
    found = inspect(live, exec_id)
    assert (found["Running"], found["ExitCode"], found["Pid"] > 0) == (True, None, True)
    broken = live.client("POST", f"/exec/{create(live, 'nosuch')}/start", {"Detach": True})
    assert (broken.status, "executable file not found in $PATH" in broken.message) == (400, True)


def test_what_cannot_be_run_is_refused(live: Live) -> None:
    post = live.client
    assert post("POST", "/containers/nosuch/exec", {"Cmd": ["true"]}).status == 404
    assert post("POST", f"/containers/{BOX}/exec", {"Cmd": []}).message == "No exec command specified"
    keys = post("POST", f"/containers/{BOX}/exec", {"Cmd": ["true"], "DetachKeys": "ctrl-"})
    assert (keys.status, keys.message) == (400, "Invalid escape keys (ctrl-) provided")
    assert post("POST", "/exec/nosuch/start", {}).message == "No such exec instance: nosuch"
    assert post("GET", "/exec/nosuch/json").status == 404
    exec_id = create(live, "true")
    assert post("POST", f"/exec/{exec_id}/start", {"Detach": True}).status == 200
    assert post("POST", f"/exec/{exec_id}/start", {"Detach": True}).status == 409


def test_who_wants_the_output_of_what_has_run_is_told_in_it(live: Live) -> None:
    """As watchtower asks: it attaches to a command, then starts it once more; only a status is a failure to it."""
    exec_id = create(live, "true")
    assert live.client("POST", f"/exec/{exec_id}/start", {}).status == 200
    again = live.client("POST", f"/exec/{exec_id}/start", {})
    assert (again.status, frames(again.body)) == (200, [(1, f"exec command {exec_id} has already run\r\n".encode())])


def test_nothing_runs_in_a_container_that_does_not(live: Live) -> None:
    exec_id = create(live, "true")
    container = live.engine.containers.find(BOX)
    live.end(container)
    for reply in (
        live.client("POST", f"/containers/{BOX}/exec", {"Cmd": ["true"]}),
        live.client("POST", f"/exec/{exec_id}/start", {}),
    ):
        assert (reply.status, reply.message) == (409, f"Container {container.id} is not running")


def test_the_size_of_a_terminal_is_taken_note_of(live: Live) -> None:
    exec_id = create(live, "sh", Tty=True)
    assert live.client("POST", f"/exec/{exec_id}/resize?h=24&w=80").status == 200
    assert live.client("POST", f"/exec/{exec_id}/resize?h=x&w=80").status == 400
    assert live.client("POST", "/exec/nosuch/resize?h=24&w=80").status == 404


def test_inspect_has_what_was_asked_for(live: Live) -> None:
    found = inspect(live, create(live, "ls", "-l", User="nobody", AttachStdin=True))
    assert found["ProcessConfig"] == {
        "tty": False, "entrypoint": "ls", "arguments": ["-l"], "privileged": False, "user": "nobody"
    }  # fmt: skip
    assert (found["OpenStdin"], found["OpenStdout"], found["OpenStderr"]) == (True, True, True)
    assert found["ContainerID"] == live.engine.containers.find(BOX).id


def test_two_who_start_the_same_command(live: Live) -> None:
    """Both get an answer that begins well; the later one reads in it that it was too late."""
    made = live.client("POST", "/containers/box/exec", {"Cmd": ["sleep", "1000"], "AttachStdout": True}).json["Id"]

    async def work() -> bytes:
        await live.client.connect()
        asked = asyncio.gather(*(live.connect("POST", f"/exec/{made}/start", {}) for _ in range(2)))
        one, other = await asked
        done, pending = await asyncio.wait(
            [asyncio.ensure_future(one.rest()), asyncio.ensure_future(other.rest())],
            return_when=asyncio.FIRST_COMPLETED,
        )
        for raw in (one, other):
            await raw.close()
        for rest in pending:
            rest.cancel()
        return done.pop().result()

    assert frames(live.client.run(work())) == [(1, f"exec command {made} is already running\r\n".encode())]
