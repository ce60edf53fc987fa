"""nginx: the real one, in a process of its own, with the container's configuration rewritten for this machine."""

import asyncio
import getopt
import os
import posixpath
import re
import socket
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from swarmlab.runtime.virtual.context import Context
from swarmlab.runtime.virtual.nginx.binary import NginxBinary, find_nginx
from swarmlab.runtime.virtual.nginx.config import MAIN, ConfigError, Plan, plan
from swarmlab.runtime.virtual.nginx.notices import Notices
from swarmlab.runtime.virtual.nginx.paths import make_folders, refusal
from swarmlab.runtime.virtual.nginx.templates import fill_templates
from swarmlab.runtime.virtual.nginx.ways import Servers, Ways
from swarmlab.runtime.virtual.processes.process import Child
from swarmlab.runtime.virtual.signals import Signals
from swarmlab.runtime.virtual.waiting import wait_at_most

_CONFIG = "nginx.conf"
#: So many pieces of output wait for somebody who is attached; and so long, in seconds, what is left of it at the end.
_ROOM, _LAST_OUTPUT = 64, 2.0
_TEST_FAILED = "nginx: configuration file {} test failed\n"
#: The first version that by default keeps connections to where it passes requests on.
_KEEPS_CONNECTIONS = [1, 29, 7]
#: What `-V` adds of how the official image's nginx was made.
_BUILT = (
    "TLS SNI support enabled\n"
    "configure arguments: --prefix=/etc/nginx --sbin-path=/usr/sbin/nginx --conf-path=/etc/nginx/nginx.conf "
    "--error-log-path=/var/log/nginx/error.log --http-log-path=/var/log/nginx/access.log --pid-path=/run/nginx.pid "
    "--user=nginx --group=nginx --with-http_auth_request_module --with-http_realip_module --with-http_ssl_module "
    "--with-http_stub_status_module --with-http_sub_module --with-http_v2_module --with-stream\n"
)
#: How a line of its log begins.
_LOGGED = re.compile(r"^[\d/]+ [\d:]+ (\[emerg\]|\[warn\]) \d+#\d+: ", re.MULTILINE)
_PID_FILE = "/run/nginx.pid"
_SIGNALS = {"reload": "SIGHUP", "stop": "SIGTERM", "quit": "SIGQUIT", "reopen": "SIGUSR1"}

#: Seconds of swarm time between two looks at files of this machine.
_POLL = 1.0
#: How often it tries to get a port, and how long it waits between, in seconds (nginx: ngx_open_listening_sockets).
_ATTEMPTS, _BETWEEN = 5, 0.5

#: Plans by what they were made from; most containers of a lab share one.
_plans: dict[object, Plan] = {}


async def nginx(context: Context) -> int:
    """Serve until SIGTERM or SIGINT (at once) or SIGQUIT (after open requests); SIGHUP reads the configuration again.

    Options `-c`, `-g`, `-t`, `-T`, `-s SIGNAL`, `-v` and `-V` mean what they mean to nginx.
    """
    try:
        values = getopt.getopt(context.argv[1:], "vVtTqg:s:c:p:e:h")[0]
    except getopt.GetoptError as error:
        await context.err(f"nginx: {error}\n")
        return 1
    options = dict(values)
    globals_ = [value for option, value in values if option == "-g"]
    binary = find_nginx()
    if "-v" in options or "-V" in options:
        built = _BUILT if "-V" in options else ""
        await context.err(f"nginx version: nginx/{_version(context, binary)}\n{built}")
        return 0
    if context.is_main:
        await context.out("".join(fill_templates(context.machine.root, context.env)))
    if "-s" in options:
        return await _signal_other(context, options["-s"])
    main = posixpath.normpath(posixpath.join(posixpath.dirname(MAIN), options.get("-c", MAIN)))
    tests = "-t" in options or "-T" in options
    try:
        planned = _plan(context, binary, globals_, main)
    except ConfigError as error:
        await context.err(f"nginx: [emerg] {error}\n{_TEST_FAILED.format(main) if tests else ''}")
        return 1
    server = _Server(context, binary, globals_)
    if tests:
        code = await server.test(planned)
        if "-T" in options and not code:
            await context.out(_dump(context, planned))
        return code
    if planned.daemon:
        # Whoever began it ends now; from then on the container's own signals are the ones that it gets.
        context.machine.background(server.run(planned, context.machine.signals))
        return 0
    return await server.run(planned, context.signals)


class _Server:
    """One nginx and its worker."""

    def __init__(self, context: Context, binary: NginxBinary, globals_: Sequence[str]) -> None:
        self._context = context
        self._machine = context.machine
        self._directory = context.machine.directory
        self._binary = binary
        self._globals = globals_
        self._real: dict[int, int] = {}
        #: The same for connections that say where they come from.
        self._told: dict[int, int] = {}
        self._ways = Ways(context.machine)
        self._queue: asyncio.Queue[tuple[str, bytes] | None] = asyncio.Queue()
        self._child: Child | None = None
        self._held = False
        self._current: Plan | None = None
        versions = binary.version, _version(context, binary)
        self._notices = Notices(context.machine, self._ways, self._restored, versions)

    async def run(self, planned: Plan, signals: Signals) -> int:
        """Serve until the process ends, or is told to by one of the signals; return its exit code."""
        uid = self._context.user.uid
        await self._context.err("".join(planned.warnings) if uid else "")
        if problem := refusal(self._machine.root, uid, planned.writes):
            await self._context.err(f"nginx: [emerg] {problem}\n")
            return 1
        try:
            servers = await self._ways.to(planned.targets)
        except ConfigError as error:
            await self._context.err(f"nginx: [emerg] {error}\n")
            return 1
        sockets = await self._bind(planned)
        if sockets is None:
            return 1
        pump = asyncio.get_running_loop().create_task(self._pump())
        try:
            child = self._spawn(planned, servers, sockets)
        finally:
            for item in sockets:
                item.close()
        signals.handle(("SIGTERM", "SIGINT", "SIGQUIT", "SIGUSR1"), child.signal)
        signals.handle(("SIGHUP",), lambda _: self._machine.background(self._reload(child, planned.main)))
        with suppress(OSError, RuntimeError):
            # Without the directory, or where nothing may be written, there is none.
            self._machine.root.write(_PID_FILE, b"1\n")
        with suppress(OSError, RuntimeError):
            make_folders(self._machine.root, uid or self._machine.users.name_of(planned.worker) or 0, planned.writes)
        self._context.ready()
        if self._machine.root.mounts.files:
            self._machine.background(self._keep_up())
        try:
            return await child.wait()
        finally:
            child.signal("SIGKILL")
            await child.wait()
            self._queue.put_nowait(None)
            # Somebody attached who does not read must not keep the container from ending (MB: daemon/monitor.go).
            await wait_at_most(self._machine.clock, pump, _LAST_OUTPUT)
            pump.cancel()
            for port in self._real:
                self._machine.close_port(port)
            await self._ways.end()

    async def _keep_up(self) -> None:
        """Carry changes over: nginx reads copies of files that are bound one by one."""
        while True:
            await self._machine.clock.sleep(_POLL)
            self._machine.root.sync()

    async def test(self, planned: Plan) -> int:
        """`nginx -t`."""
        try:
            servers = await self._ways.to(planned.targets)
        except ConfigError as error:
            await self._context.err(f"nginx: [emerg] {error}\n{_TEST_FAILED.format(planned.main)}")
            return 1
        self._real = {port: self._real_port(port) for port in planned.ports}
        self._told = {port: self._told_port(port) for port in planned.ports}
        config = self._write(planned, servers, "test.conf")
        # It takes a few milliseconds and touches nothing that this process must serve meanwhile.
        done = subprocess.run(  # noqa: ASYNC221
            [self._binary.path, "-t", "-p", str(self._directory), "-c", config.name, "-e", "stderr"],
            check=False, capture_output=True, text=True,
        )  # fmt: skip
        await self._ways.end()
        text = _LOGGED.sub(r"nginx: \1 ", planned.restore_lines(done.stderr, str(config))).replace(
            str(config), planned.main
        )
        await self._context.err("".join(line for line in text.splitlines(keepends=True) if line.startswith("nginx: ")))
        return done.returncode

    async def _bind(self, planned: Plan) -> list[socket.socket] | None:
        """A listening socket for each port, made before nginx runs, so that no early connection is refused."""
        sockets = []
        for port in planned.ports:
            listener = socket.create_server(("127.0.0.1", 0), backlog=511)
            sockets.append(listener)
            if not await self._listen(port, listener.getsockname()[:2]):
                await self._context.err("nginx: [emerg] still could not bind()\n")
                for item in sockets:
                    item.close()
                for taken in self._real:
                    self._machine.close_port(taken)
                return None
            self._real[port] = listener.getsockname()[1]
            sockets.append(told := socket.create_server(("127.0.0.1", 0), backlog=511))
            self._told[port] = told.getsockname()[1]
            self._machine.sandbox.told[port] = told.getsockname()[:2]
        return sockets

    async def _listen(self, port: int, address: tuple[str, int]) -> bool:
        """Listen at a port; False when something else still does after some patience."""
        for _ in range(_ATTEMPTS):
            try:
                self._machine.listen(port, address)
            except OSError:
                await self._context.err(
                    f"nginx: [emerg] bind() to 0.0.0.0:{port} failed (98: Address already in use)\n"
                )
                await self._machine.clock.sleep(_BETWEEN)
            else:
                return True
        return False

    def _spawn(self, planned: Plan, servers: Servers, sockets: Sequence[socket.socket]) -> Child:
        config = self._write(planned, servers, _CONFIG)
        child = self._machine.spawn(
            ["nginx", "-p", str(self._directory), "-c", config.name, "-e", "stderr"],
            executable=self._binary.path,
            directory=self._directory,
            env={"NGINX": "".join(f"{item.fileno()};" for item in sockets), "TZ": "UTC"},
            descriptors=[item.fileno() for item in sockets],
            on_output=self._output,
        )
        self._notices.pid = child.pid
        self._child = child
        return child

    def _write(self, planned: Plan, servers: Servers, name: str) -> Path:
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        for path in planned.exports:
            self._machine.root.export(path)
        config = self._directory / name
        hosts = [host for place in self._machine.sandbox.places for host in place.hosts]
        text = planned.render(
            self._real,
            self._told,
            lambda *target: servers[target],
            self._machine.hostname,
            hosts[0] if hosts else "127.0.0.1",
        )
        config.write_text(text, encoding="utf-8")
        self._current = planned
        return config

    async def _reload(self, child: Child, main: str) -> None:
        try:
            planned = _plan(self._context, self._binary, self._globals, main)
            servers = await self._ways.to(planned.targets)
        except ConfigError as error:
            self._queue.put_nowait(("stderr", f"nginx: [emerg] {error}\n".encode()))
            return
        for port in set(self._real) - set(planned.ports):
            self._machine.close_port(port)
            del self._real[port], self._told[port]
        for port in set(planned.ports) - set(self._real):
            self._real[port] = self._real_port(port)
            self._machine.ports.setdefault(port, ("127.0.0.1", self._real[port]))
            self._told[port] = self._told_port(port)
            self._machine.sandbox.told.setdefault(port, ("127.0.0.1", self._told[port]))
        self._write(planned, servers, _CONFIG)
        self._ways.keep(servers)
        child.signal("SIGHUP")

    def _real_port(self, port: int) -> int:
        """Where the container's port is now, or a free port for it."""
        if (address := self._machine.ports.get(port)) is not None:
            return address[1]
        return _free_port()

    def _told_port(self, port: int) -> int:
        """The same for connections that say where they come from."""
        if (address := self._machine.sandbox.told.get(port)) is not None:
            return address[1]
        return _free_port()

    def _output(self, stream: str, data: bytes) -> None:
        if stream == "stderr":
            data = self._notices.take(data)
        if data:
            self._queue.put_nowait((stream, data))
            if self._queue.qsize() >= _ROOM:
                self._hold(True)

    def _restored(self, line: str) -> str:
        if self._current is None:
            return line
        return self._current.restore_lines(line, str(self._directory / _CONFIG))

    def _hold(self, held: bool) -> None:
        if held != self._held and self._child is not None:
            self._held = held
            self._child.hold(held)

    async def _pump(self) -> None:
        while (item := await self._queue.get()) is not None:
            await self._context.output(*item)
            if self._queue.empty():
                self._hold(False)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _version(context: Context, binary: NginxBinary) -> str:
    """The version that the image claims, where the binary can claim it too."""
    return context.env.get("NGINX_VERSION", binary.version) if binary.sets_headers else binary.version


def _plan(context: Context, binary: NginxBinary, globals_: Sequence[str], main: str) -> Plan:
    version = _version(context, binary)
    files = context.machine.root.key
    key = (files, tuple(globals_), main, version)
    if files is not None and key in _plans:
        return _plans[key]
    prologue = ["daemon off;", "worker_processes 1;", "pid nginx.pid;"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        prologue.append(_root_user())
    http = [f"{kind.replace('-', '_')}_temp_path {kind}-temp;" for kind in binary.temp_paths]
    if version != binary.version:
        # What `proxy_pass_header Server` takes over from another server stays.
        http.append(f'map $sent_http_server $as_server {{ "" "nginx/{version}"; default $sent_http_server; }}')
        http.append('more_set_headers "Server: $as_server";')
        # Pages about errors would name the binary's.
        http.append("server_tokens off;")
    # What it would name is the port of this machine.
    http.append("port_in_redirect off;")
    if [int(number) for number in version.split(".")] < _KEEPS_CONNECTIONS:
        http.append("proxy_http_version 1.0;")
    planned = plan(
        context.machine.root, globals_, prologue, http,
        main=main, status=binary.plays_status, hides=version != binary.version,
    )  # fmt: skip
    if files is not None:
        if len(_plans) >= 64:
            _plans.clear()
        _plans[key] = planned
    return planned


def _dump(context: Context, planned: Plan) -> str:
    """All files of a configuration, as `-T` prints them."""
    files = dict.fromkeys(file for file, _ in planned.origins if context.machine.root.exists(file))
    texts = ((file, context.machine.root.read(file).decode("utf-8", "replace")) for file in files)
    return "".join(f"# configuration file {file}:\n{text}\n" for file, text in texts)


def _root_user() -> str:
    """Root's worker stays root: the files it serves are in a directory that only the lab's user may read."""
    import grp
    import pwd

    entry = pwd.getpwuid(0)
    return f"user {entry.pw_name} {grp.getgrgid(entry.pw_gid).gr_name};"


async def _signal_other(context: Context, name: str) -> int:
    if (wanted := _SIGNALS.get(name)) is None:
        await context.err(f'nginx: invalid option: "-s {name}"\n')
        return 1
    context.machine.pids.sender = context.pid
    if not context.machine.signals.deliver(wanted):
        await context.err('nginx: [error] open() "/run/nginx.pid" failed (2: No such file or directory)\n')
        return 1
    now = time.strftime("%Y/%m/%d %H:%M:%S", time.gmtime(context.machine.clock.now() // 1_000_000_000))
    await context.err(f"{now} [notice] {context.pid}#{context.pid}: signal process started\n")
    return 0
