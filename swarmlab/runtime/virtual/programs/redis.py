"""Redis: a server in this process (`fakeredis` knows the commands), and `redis-cli`."""

import asyncio
import contextlib
import getopt
import shlex
import threading
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from swarmlab.runtime.streams import no_input
from swarmlab.runtime.virtual.context import Context
from swarmlab.runtime.virtual.machine import UnknownHostError

_BANNER = (
    "1:C {now} * oO0OoO0OoO0Oo Redis is starting oO0OoO0OoO0Oo\n"
    "1:C {now} * Redis version={version}, bits=64, commit=00000000, modified=0, pid=1, just started\n"
    "1:C {now} * {configuration}\n"
    "1:M {now} * Running mode=standalone, port={port}.\n"
    "1:M {now} * Server initialized\n"
    "1:M {now} * Ready to accept connections tcp\n"
)
_NO_CONFIGURATION = (
    "# Warning: no config file specified, using the default config. In order to specify a config file use "
    "redis-server /path/to/redis.conf"
)


def entrypoint(argv: Sequence[str]) -> tuple[str, ...]:
    """What docker-entrypoint.sh starts: the server for options or a configuration, else another command."""
    if not argv or argv[0].startswith("-") or argv[0].endswith(".conf"):
        return ("redis-server", *argv)
    return tuple(argv)


async def redis_server(context: Context) -> int:
    """Serve until SIGTERM or SIGINT. Understands `--port`, `--requirepass` and a configuration file; keeps no files."""
    from fakeredis import TcpFakeServer

    try:
        settings = _settings(context)
        port = int(settings.get("port", "6379"))
    except (FileNotFoundError, ValueError) as error:
        await context.err(f"\n*** FATAL CONFIG FILE ERROR (Redis {_version(context)}) ***\n{error}\n")
        return 1
    if {"--version", "-v"} & set(context.argv[1:]):
        await context.out(f"Redis server v={_version(context)} sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=0\n")
        return 0
    version = tuple(int(part) for part in _version(context).split(".")[:2])
    server = TcpFakeServer(("127.0.0.1", 0), server_version=version)
    server.fake_server.config.update({key.encode(): value.encode() for key, value in settings.items()})
    _ask_for_password(server.fake_server)
    # A connection that is still open does not keep the lab alive.
    server.daemon_threads = True
    loop = asyncio.get_running_loop()
    stop: asyncio.Future[str] = loop.create_future()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    try:
        context.machine.listen(port, ("127.0.0.1", int(server.server_address[1])))
    except OSError:
        await context.out(
            f"1:M # Warning: Could not create server TCP listening socket *:{port}: bind: Address already in use\n"
        )
        server.server_close()
        return 1
    thread.start()
    context.signals.handle(("SIGTERM", "SIGINT"), lambda name: None if stop.done() else stop.set_result(name))
    context.ready()
    now = _now(context)
    shown = _NO_CONFIGURATION if len(context.argv) == 1 else "Configuration loaded"
    await context.out(_BANNER.format(now=now, version=_version(context), port=port, configuration=shown))
    try:
        name = await stop
        await context.out(
            f"1:signal-handler ({context.machine.clock.now() // 10**9}) Received {name} scheduling shutdown...\n"
            f"1:M {_now(context)} * User requested shutdown...\n"
            f"1:M {_now(context)} # Redis is now ready to exit, bye bye...\n"
        )
        return 0
    finally:
        context.machine.close_port(port)
        await asyncio.to_thread(server.shutdown)
        server.socket.close()


def _ask_for_password(server: Any) -> None:
    """Refuse commands of clients that have not given the password that is set; `fakeredis` itself does not."""
    from fakeredis._helpers import SimpleError

    allowed = server.acl.validate_command

    def validate(user: bytes, client: Any, words: list[bytes]) -> None:
        name = words[0].upper()
        password = server.config.get(b"requirepass", b"")
        if password and not getattr(client, "gave_password", False):
            if (name == b"AUTH" or b"AUTH" in words[2:3]) and words[-1] == password:
                client.gave_password = True
            elif name not in {b"AUTH", b"CLIENT", b"HELLO", b"QUIT", b"RESET"}:
                raise SimpleError("NOAUTH Authentication required.")
        allowed(user, client, words)

    server.acl.validate_command = validate


def _settings(context: Context) -> dict[str, str]:
    """The configuration of a file and of options. Raises FileNotFoundError, ValueError."""
    settings: dict[str, str] = {}
    words = [word for word in context.argv[1:] if word not in {"--version", "-v"}]
    if words and not words[0].startswith("-"):
        text = context.machine.root.read(context.path(words.pop(0))).decode("utf-8", "replace")
        for line in text.splitlines():
            name, *values = shlex.split(line, comments=True) or [""]
            if name:
                settings[name.lower()] = " ".join(values)
    name = ""
    for word in words:
        if word.startswith("--"):
            name = word[2:].lower()
            settings[name] = ""
        elif name:
            settings[name] = f"{settings[name]} {word}".strip()
    return settings


def _version(context: Context) -> str:
    return context.env.get("REDIS_VERSION", "7.4.5")


def _now(context: Context) -> str:
    from datetime import UTC, datetime

    moment = datetime.fromtimestamp(context.machine.clock.now() / 1e9, UTC)
    return moment.strftime("%d %b %Y %H:%M:%S.") + f"{moment.microsecond // 1000:03d}"


async def redis_cli(context: Context) -> int:
    """Run one command, or those of the input, line by line. Options `-h`, `-p`, `-a`, `-n`, `-u`, `--raw`, `--pass`."""
    try:
        options, words = getopt.getopt(
            context.argv[1:],
            "h:p:a:n:u:r:i:xv",
            ["raw", "no-raw", "pass=", "user=", "no-auth-warning", "version", "scan"],
        )
    except getopt.GetoptError as error:
        await context.err(f"Unrecognized option or bad number of args for: '-{error.opt}'\n")
        return 1
    values = dict(options)
    if "-v" in values or "--version" in values:
        await context.out(f"redis-cli {_version(context)}\n")
        return 0
    client = _Client(context, values)
    try:
        return await client.run(words)
    finally:
        await client.close()


class _Client:
    def __init__(self, context: Context, values: Mapping[str, str]) -> None:
        self._context = context
        self._host = values.get("-h", "127.0.0.1")
        self._port = int(values.get("-p", "6379"))
        self._password = values.get("-a") or values.get("--pass") or context.env.get("REDISCLI_AUTH")
        self._user = values.get("--user")
        self._database = int(values.get("-n", "0"))
        self._raw = "--raw" in values
        self._connection: Any = None
        self._stack = contextlib.AsyncExitStack()
        if "-u" in values:
            from urllib.parse import urlsplit

            parts = urlsplit(values["-u"])
            self._host, self._port = parts.hostname or self._host, parts.port or self._port
            self._password = parts.password or self._password
            self._database = int(parts.path.strip("/") or 0)

    async def run(self, words: Sequence[str]) -> int:
        if words:
            return await self._say(words)
        code = 0
        async for line in _lines(self._context):
            try:
                given = shlex.split(line)
            except ValueError:
                await self._context.out("Invalid argument(s)\n")
                continue
            if given[:1] in (["quit"], ["exit"]):
                break
            if given:
                code = await self._say(given)
        return code

    async def close(self) -> None:
        if self._connection is not None:
            await self._connection.disconnect()
        await self._stack.aclose()

    async def _say(self, words: Sequence[str]) -> int:
        from redis.exceptions import AuthenticationError, RedisError, ResponseError

        try:
            connection = await self._connected()
            await connection.send_command(*words)
            waiting = words[0].lower() in {"subscribe", "psubscribe", "monitor"}
            while True:
                answer = await connection.read_response(disconnect_on_error=False)
                await self._context.out(self._shown(answer) + "\n")
                if not waiting:
                    return 0
        except (AuthenticationError, ResponseError) as error:
            await self._context.out(f"(error) {_message(error)}\n" if not self._raw else f"{_message(error)}\n")
            return 1 if "--e" in words else 0
        except UnknownHostError:
            text = "Name or service not known"
        except (RedisError, OSError):
            text = "Connection refused"
        await self._context.err(f"Could not connect to Redis at {self._host}:{self._port}: {text}\n")
        return 1

    async def _connected(self) -> Any:
        if self._connection is None:
            from redis.asyncio.connection import Connection

            reached = self._context.machine.reached(self._host, self._port)
            _, (host, port) = await self._stack.enter_async_context(reached)
            self._connection = Connection(
                host=host, port=port, db=self._database, password=self._password, username=self._user, protocol=2,
                driver_info=None,
            )  # fmt: skip
            await self._connection.connect()
        return self._connection

    def _shown(self, answer: Any, indent: str = "") -> str:
        if self._raw:
            if isinstance(answer, list):
                return "\n".join(self._shown(item) for item in answer)
            return (
                answer.decode("utf-8", "replace")
                if isinstance(answer, bytes)
                else ""
                if answer is None
                else str(answer)
            )
        if answer is None:
            return "(nil)"
        if isinstance(answer, int):
            return f"(integer) {answer}"
        if isinstance(answer, list):
            if not answer:
                return "(empty array)"
            width = len(str(len(answer)))
            rows = [
                f"{number:>{width}}) " + self._shown(item, f"{indent}{' ' * (width + 2)}")
                for number, item in enumerate(answer, 1)
            ]
            return f"\n{indent}".join(rows)
        if isinstance(answer, Exception):
            return f"(error) {_message(answer)}"
        text = answer.decode("utf-8", "backslashreplace") if isinstance(answer, bytes) else str(answer)
        if text in {"OK", "PONG", "QUEUED"}:
            return text
        quoted = text.replace("\\", "\\\\").replace('"', '\\"').replace("\r", "\\r")
        # The server's own long texts are shown as they are.
        return text.rstrip() if text.startswith("# ") else '"' + quoted.replace("\n", "\\n") + '"'


def _message(error: Exception) -> str:
    """An error as the server said it; the library takes the word in front away."""
    from redis.exceptions import AuthenticationError, ResponseError

    text = str(error)
    if isinstance(error, AuthenticationError):
        return f"{'NOAUTH' if text == 'Authentication required.' else 'WRONGPASS'} {text}"
    words = type(error) is ResponseError and not text.split(" ", maxsplit=1)[0].isupper()
    return f"ERR {text}" if words else text


async def _lines(context: Context) -> AsyncIterator[str]:
    rest = b""
    if context.stdin is no_input:
        return
    async for chunk in context.stdin:
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield line.decode("utf-8", "replace")
    if rest:
        yield rest.decode("utf-8", "replace")
