"""`/containers/{id}/exec` and `/exec` (MB: daemon/server/router/container/exec.go)."""

import base64
from http import HTTPStatus
from typing import Any

from swarmlab.api.call import DONE, Answer, ApiVersion, Call, Connection, Hijack, Route, document
from swarmlab.api.errors import bad_request
from swarmlab.api.logs import frame, media_type
from swarmlab.api.streams import Detached, KeyFilter, converse, detach_keys, pump_in, pump_out
from swarmlab.engine import EngineError, Exec
from swarmlab.objects.requests import ExecCreateRequest, ExecStartRequest
from swarmlab.runtime.base import StartError
from swarmlab.runtime.streams import Pipe


def create(call: Call) -> Answer:
    """`POST /containers/{id}/exec`."""
    request = call.decode(ExecCreateRequest)
    if not request.cmd:
        raise bad_request("No exec command specified")
    if request.detach_keys:
        detach_keys(request.detach_keys, called="escape")
    made = call.engine.execs.create(
        call.name,
        Exec(
            container_id="",
            command=request.cmd,
            tty=request.tty,
            stdin=request.attach_stdin,
            stdout=request.attach_stdout,
            stderr=request.attach_stderr,
            env=request.env,
            working_dir=request.working_dir,
            user=request.user,
            privileged=request.privileged,
            detach_keys=request.detach_keys,
        ),
    )
    return document({"Id": made.id}, HTTPStatus.CREATED)


async def start(call: Call) -> Answer | Hijack:
    """`POST /exec/{id}/start`."""
    request = call.decode(ExecStartRequest)
    if request.detach:
        running = call.engine.execs.start(call.name, None)
        running.output.drop()
        try:
            await running.started
        except (StartError, RuntimeError) as error:
            raise bad_request(str(error)) from None
        return DONE
    command = call.engine.execs.ready(call.name)
    return _Session(call, command, tty=request.tty).hijack()


class _Session:
    """A client that is connected to a command."""

    def __init__(self, call: Call, command: Exec, *, tty: bool) -> None:
        self._engine = call.engine
        self._command = command
        self._framed = not tty
        self._media_type = media_type(call, framed=not tty)
        self._stdin: Pipe[bytes] = Pipe()

    def hijack(self) -> Hijack:
        """The answer."""
        return Hijack(self._run, self._media_type, self._gone)

    async def _run(self, connection: Connection) -> None:
        command = self._command
        try:
            running = self._engine.execs.start(command.id, self._stdin)
        except EngineError as error:
            # Since the answer began, somebody else has started it, or its container has ended.
            await self._complain(connection, error)
            return
        keys = KeyFilter(detach_keys(command.detach_keys)) if command.tty else None
        inward = self._read(connection, keys) if command.stdin else None
        try:
            await converse(pump_out(connection, running.output, framed=self._framed), inward)
            if (failure := running.started.exception()) is not None:
                await self._complain(connection, failure)
        except Detached:
            self._engine.containers.publish("exec_detach", command.container_id, execID=command.id)
        finally:
            # It goes on without us, and nobody keeps what it writes.
            running.output.drop()

    async def _complain(self, connection: Connection, error: BaseException) -> None:
        text = f"{error}\r\n".encode()
        await connection.write(frame("stdout", text) if self._framed else text)

    async def _read(self, connection: Connection, keys: KeyFilter | None) -> None:
        await pump_in(connection, self._stdin.write, keys)
        self._stdin.close()

    async def _gone(self) -> None:
        self._stdin.close()


def resize(call: Call) -> Answer:
    """`POST /exec/{id}/resize`. Programs here do not ask for the size of their terminal."""
    call.engine.execs.find(call.name)
    sizes(call)
    return DONE


def sizes(call: Call) -> tuple[int, int]:
    """Height and width of a terminal. Raises ApiError (400)."""
    found = []
    for key, word in (("h", "height"), ("w", "width")):
        text = call.param(key)
        if not text.isdecimal() or int(text) >= 1 << 32:
            raise bad_request(f'invalid resize {word} "{text}": strconv.ParseUint: parsing "{text}": invalid syntax')
        found.append(int(text))
    return found[0], found[1]


def inspect(call: Call) -> Answer:
    """`GET /exec/{id}/json`."""
    command = call.engine.execs.find(call.name)
    config: dict[str, Any] = {
        "tty": command.tty,
        "entrypoint": command.command[0],
        "arguments": list(command.command[1:]),
        "privileged": command.privileged,
    }
    if command.user:
        config["user"] = command.user
    if command.working_dir and call.version >= ApiVersion(1, 35):
        config["workingDir"] = command.working_dir
    return document(
        {
            "ID": command.id,
            "Running": command.running,
            "ExitCode": command.exit_code,
            "ProcessConfig": config,
            "OpenStdin": command.stdin,
            "OpenStderr": command.stderr,
            "OpenStdout": command.stdout,
            "CanRemove": False,
            "ContainerID": command.container_id,
            "DetachKeys": base64.b64encode(detach_keys(command.detach_keys)).decode() if command.detach_keys else "",
            "Pid": command.pid,
        }
    )


ROUTES = (
    Route("POST", "/containers/{name}/exec", create),
    Route("POST", "/exec/{name}/start", start),
    Route("POST", "/exec/{name}/resize", resize),
    Route("GET", "/exec/{name}/json", inspect),
)
