"""Commands that run in containers beside their main programs (MB: daemon/exec.go)."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

from swarmlab.engine.container.containers import Containers
from swarmlab.engine.errors import bad_request, conflict, not_found
from swarmlab.objects import new_container_id
from swarmlab.objects.local import Container
from swarmlab.runtime import base
from swarmlab.runtime.streams import Pipe

#: So many commands that have ended are remembered.
_KEPT = 256


@dataclass
class Exec:
    """A command: what was asked for, and what became of it. `exit_code` is None until it has ended."""

    container_id: str
    command: Sequence[str]
    tty: bool = False
    stdin: bool = False
    stdout: bool = False
    stderr: bool = False
    env: Sequence[str] = ()
    working_dir: str = ""
    user: str = ""
    privileged: bool = False
    detach_keys: str = ""
    id: str = field(default_factory=new_container_id)
    pid: int = 0
    running: bool = False
    exit_code: int | None = None


class Running:
    """A command that was started: `output` has what it writes, to its end."""

    def __init__(self) -> None:
        self.output: Pipe[tuple[str, bytes]] = Pipe()
        #: Done when the command runs, or with the error that prevented it.
        self.started: asyncio.Future[None] = asyncio.get_running_loop().create_future()


class Execs:
    """The commands of one engine. Nothing of them outlives the lab's process."""

    def __init__(self, containers: Containers) -> None:
        self._containers = containers
        self._execs: dict[str, Exec] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def create(self, reference: str, command: Exec) -> Exec:
        """Take note of a command for a running container. Raises EngineError (404, 409, 400)."""
        container = self._running(self._containers.find(reference), reference)
        command.container_id = container.id
        if not command.command:
            raise bad_request("No exec command specified")
        self._forget()
        self._execs[command.id] = command
        self._publish(f"exec_create: {self._text(command)}", command)
        return command

    def find(self, exec_id: str) -> Exec:
        """A command by id. Raises EngineError (404)."""
        command = self._execs.get(exec_id)
        if command is None:
            raise not_found(f"No such exec instance: {exec_id}")
        return command

    def of_container(self, container_id: str) -> list[str]:
        """The ids of the commands that run in a container."""
        return [
            command.id for command in self._execs.values() if command.container_id == container_id and command.running
        ]

    def ready(self, exec_id: str) -> Exec:
        """A command whose container runs; it may have run itself. Raises EngineError (404, 409)."""
        command = self.find(exec_id)
        self._running(self._containers.find(command.container_id), command.container_id)
        return command

    def start(self, exec_id: str, stdin: AsyncIterator[bytes] | None) -> Running:
        """Run a command; it goes on whether anybody reads its output or not. Raises EngineError (404, 409)."""
        command = self.ready(exec_id)
        if command.exit_code is not None:
            raise conflict(f"exec command {command.id} has already run")
        if command.running:
            raise conflict(f"exec command {command.id} is already running")
        command.running = True
        self._publish(f"exec_start: {self._text(command)}", command)
        running = Running()
        task = asyncio.ensure_future(self._run(command, running, stdin if command.stdin else None))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return running

    # --- inside ----------------------------------------------------------------------------------------------------

    async def _run(self, command: Exec, running: Running, stdin: AsyncIterator[bytes] | None) -> None:
        container = self._containers.runtime_container(command.container_id)
        wanted = {name for name, is_wanted in (("stdout", command.stdout), ("stderr", command.stderr)) if is_wanted}

        async def output(stream: str, data: bytes) -> None:
            if stream in wanted:
                await running.output.write((stream, data))

        def started(pid: int) -> None:
            command.pid = pid
            running.started.set_result(None)

        try:
            if container is None:
                raise RuntimeError("the container has just ended")
            command.exit_code = await container.exec(
                command.command,
                output,
                env=command.env,
                working_dir=command.working_dir,
                user=command.user,
                stdin=stdin,
                tty=command.tty,
                started=started,
            )
            self._publish("exec_die", command, exitCode=str(command.exit_code))
        except (base.StartError, RuntimeError) as error:
            # Docker's clients see 126 whatever the reason was.
            command.exit_code = base.CANNOT_RUN
            if not running.started.done():
                running.started.set_exception(error)
        finally:
            command.running = False
            running.output.close()

    def _running(self, container: Container, reference: str) -> Container:
        if container.state.status == "restarting":
            raise conflict(f"Container {container.id} is restarting, wait until the container is running")
        if container.state.status == "paused":
            raise conflict(f"Container {reference} is paused, unpause the container before exec")
        if container.state.status != "running":
            raise conflict(f"Container {container.id} is not running")
        return container

    def _forget(self) -> None:
        """Make room: the oldest that have ended go first."""
        ended = [command.id for command in self._execs.values() if not command.running]
        for exec_id in ended[: max(0, len(self._execs) - _KEPT)]:
            del self._execs[exec_id]

    def _publish(self, action: str, command: Exec, **extra: str) -> None:
        self._containers.publish(action, command.container_id, execID=command.id, **extra)

    @staticmethod
    def _text(command: Exec) -> str:
        return f"{command.command[0]} {' '.join(command.command[1:])}"
