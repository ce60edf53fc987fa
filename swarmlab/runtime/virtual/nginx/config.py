"""Rewrites a container's nginx configuration so that an ordinary user's nginx can serve it on this machine.

Ports become addresses on the loopback interface, paths become paths below the container's directory, and what only root
or a daemon may do is left out. Everything else reaches nginx as the learner wrote it, and nginx judges it.
"""

import posixpath
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import crossplane  # type: ignore[import-untyped]

from swarmlab.runtime.virtual.files.files import RootFs
from swarmlab.runtime.virtual.nginx.own import MAP, adapt, fill_in, mapping, uses_ports
from swarmlab.runtime.virtual.nginx.paths import FOLDERS, Write, ignored_user, worker, writes
from swarmlab.runtime.virtual.nginx.upstreams import PASSES, Target, Upstreams, fill

#: The configuration that nginx reads unless `-c` names another one, and how it calls what `-g` says.
MAIN, _COMMAND_LINE = "/etc/nginx/nginx.conf", "command line"

#: Main directives that swarmlab decides itself, as it does where nginx keeps what has no room in memory.
_OURS = frozenset({"daemon", "master_process", "worker_processes", "user", "pid", "lock_file", "worker_rlimit_nofile"})

#: Directives whose first argument is a directory or file that nginx reads.
_READ = frozenset(
    {
        "alias", "auth_basic_user_file", "proxy_ssl_certificate", "proxy_ssl_certificate_key",
        "proxy_ssl_trusted_certificate", "root", "ssl_certificate", "ssl_certificate_key", "ssl_client_certificate",
        "ssl_dhparam", "ssl_password_file", "ssl_trusted_certificate",
    }
)  # fmt: skip

#: A Unix socket to connect to, in an address.
_SOCKET = re.compile(r"unix:(/[^:$]+)")
#: Options of `listen` that need privileges or make no sense on an inherited socket.
_LISTEN_DROPPED = re.compile(
    r"(reuseport|deferred|bind|backlog=.*|fastopen=.*|ipv6only=.*|rcvbuf=.*|sndbuf=.*|so_keepalive=.*)"
)

#: What may stand once only, and is the configuration's own then.
_ONCE = frozenset({"port_in_redirect", "proxy_http_version", "server_tokens"})

#: Where groups of servers go that the rewriting needs.
_GROUPS = "<groups>"
#: The lab says who a connection comes from.
_REAL_ADDRESS = ("set_real_ip_from 127.0.0.1;", "real_ip_header proxy_protocol;")

_STANDARD = {"/dev/stdout": "/dev/stdout", "/dev/stderr": "stderr"}


class ConfigError(Exception):
    """Raised when the configuration cannot be read; the text is nginx's, without `nginx: [emerg] `."""


class Plan(NamedTuple):
    """A rewritten configuration that any container with the same files can use.

    `text` has `<N>` where the real port of the container's port N belongs, `<toldN>` for the one where connections
    are announced by the PROXY protocol, and places for `targets`. `ports` are those ports, `exports` the paths that
    must be made real below the container's directory, and `origins` says for each line of `text` where it came from.
    `main` is the file that includes all others. `daemon` is whether nginx would have gone to the background, `writes`
    what it makes at its start, `warnings` what it then tells everybody but root, and `worker` who works for root.
    """

    text: str
    ports: tuple[int, ...]
    exports: tuple[str, ...]
    origins: tuple[tuple[str, int], ...]
    daemon: bool
    targets: tuple[Target, ...] = ()
    writes: tuple[Write, ...] = ()
    warnings: tuple[str, ...] = ()
    worker: str = ""
    main: str = MAIN

    def render(
        self,
        ports: Mapping[int, int],
        told: Mapping[int, int],
        servers: Callable[[str, int, bool], Sequence[tuple[str, int]]],
        hostname: str = "localhost",
        address: str = "127.0.0.1",
    ) -> str:
        """The configuration for these real ports, and with real servers for targets (host, port, whether late).

        `hostname` and `address` are the container's.
        """

        def port(match: re.Match[str]) -> str:
            return f"127.0.0.1:{(told if match[1] else ports)[int(match[2])]}"

        text = fill_in(self.text, hostname, address, mapping(ports, told))
        return fill(re.sub(r"127\.0\.0\.1:<(told)?(\d+)>", port, text), servers)

    def restore_lines(self, message: str, config: str) -> str:
        """Turn `FILE:LINE` of the rewritten file in nginx's message into the container's own file and line."""

        def origin(match: re.Match[str]) -> str:
            line = int(match[1])
            return _place(*(self.origins[line - 1] if 0 < line <= len(self.origins) else (self.main, line)))

        # Most messages name no line, and each container would need a pattern of its own.
        return re.sub(re.escape(config) + r":(\d+)", origin, message) if f"{config}:" in message else message


def plan(
    root: RootFs,
    globals_: Sequence[str],
    prologue: Sequence[str],
    http_prologue: Sequence[str],
    *,
    main: str = MAIN,
    status: bool = False,
    hides: bool = False,
) -> Plan:
    """Rewrite the configuration in a container's files, of which `main` includes all others.

    `globals_` are the texts of `-g` options, the prologues are lines to put at the beginning and into `http`.
    `status` and `hides`: see `nginx.own.adapt`. Raises ConfigError when a file is missing or not well formed.
    """
    rewriter = _Rewriter(root)
    tree = [statement for text in globals_ for statement in _parse(text, _COMMAND_LINE)]
    tree = adapt([*tree, *rewriter.load(main)], status=status, hides=hides)
    _check_once(tree)
    if uses_ports(tree):
        http_prologue = [MAP, *http_prologue]
    rewriter.upstreams = Upstreams(tree)
    daemon = next((item["args"] != ["off"] for item in tree if item["directive"] == "daemon"), True)
    for line in prologue:
        rewriter.emit(line, (main, 0))
    rewriter.write(tree, http_prologue, ())
    text = "".join(f"{line}\n" for line in rewriter.lines)
    return Plan(
        text.replace(_GROUPS, " ".join(rewriter.upstreams.groups.values())),
        tuple(sorted(rewriter.ports)),
        tuple(sorted(rewriter.exports)),
        tuple(rewriter.origins),
        daemon,
        tuple(rewriter.upstreams.targets.values()),
        writes(tree),
        tuple(ignored_user(tree)),
        worker(tree),
        main,
    )


def _check_once(tree: Sequence[Mapping[str, Any]]) -> None:
    """Refuse a second one of those directives that nginx does not get to see. Raises ConfigError."""
    seen = set()
    for item in tree:
        if (name := item["directive"]) in _OURS:
            if name in seen:
                raise ConfigError(f'"{name}" directive is duplicate in {_place(item["file"], item["line"])}')
            seen.add(name)


def _place(file: str, line: int) -> str:
    """How nginx names a line."""
    return file if file == _COMMAND_LINE else f"{file}:{line}"


def listen_port(address: str) -> int | None:
    """The port of a `listen` argument (80 when it has only an address); None for a unix socket."""
    if address.startswith("unix:"):
        return None
    if address.isdigit():
        return int(address)
    match = re.search(r"(?:^|\]|[^:\]]):(\d+)$", address)
    return int(match[1]) if match else 80


class _Rewriter:
    def __init__(self, root: RootFs) -> None:
        self._root = root
        self.lines: list[str] = []
        self.origins: list[tuple[str, int]] = []
        self.ports: set[int] = set()
        self.exports: set[str] = set()
        self.upstreams = Upstreams(())

    def emit(self, line: str, origin: tuple[str, int]) -> None:
        self.lines.append(line)
        self.origins.append(origin)

    def load(self, path: str, at: str = "") -> list[dict[str, Any]]:
        """The statements of a file, its includes put in their place. Raises ConfigError."""
        try:
            text = self._root.read(path).decode("utf-8", "replace")
        except FileNotFoundError:
            raise ConfigError(f'open() "{path}" failed (2: No such file or directory){at}') from None
        return list(self._expand(_parse(text, path)))

    def _expand(self, tree: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        for item in tree:
            if item["directive"] == "include" and item["args"]:
                pattern = posixpath.join("/etc/nginx", item["args"][0])
                paths = self._root.glob(pattern) if re.search(r"[*?\[]", pattern) else [pattern]
                for path in paths:
                    yield from self.load(path, f" in {item['file']}:{item['line']}")
            else:
                if "block" in item:
                    item["block"] = list(self._expand(item["block"]))
                yield item

    def write(
        self,
        tree: list[dict[str, Any]],
        http_prologue: Sequence[str],
        context: tuple[str, ...],
        inherited: "_Inherited | None" = None,
    ) -> None:
        inherited = inherited or _Inherited((), (), own_headers=False, redirects=False)
        pad = "    " * len(context)
        listening: set[int] = set()
        if (
            context[-1:] == ("server",)
            and context[0] == "http"
            and not any(item["directive"] == "listen" for item in tree)
        ):
            tree = [{"directive": "listen", "args": ["80"], "line": 0, "file": MAIN}, *tree]
        for item in tree:
            origin = (item["file"], item["line"])
            if item["directive"] in (FOLDERS if context else _OURS):
                continue
            if (args := self._arguments(item, context, listening)) is None:
                continue
            if "block" not in item:
                self.emit(pad + self._statement(item, args, context, inherited), origin)
                continue
            self.emit(pad + crossplane.build([{**item, "args": args, "block": []}]).split("\n")[0], origin)
            if not context and item["directive"] == "http":
                own = {inner["directive"] for inner in item["block"]} & _ONCE
                ours = [line for line in http_prologue if line.split()[0] not in own]
                for line in (*ours, _GROUPS, *(_REAL_ADDRESS if not _knows_addresses(item) else ())):
                    self.emit(f"{pad}    {line}", origin)
            self.write(item["block"], http_prologue, (*context, item["directive"]), _inherited(item, inherited))
            self.emit(pad + "}", origin)

    def _statement(
        self, item: dict[str, Any], args: list[str], context: tuple[str, ...], inherited: "_Inherited"
    ) -> str:
        """One statement without a block, on one line, with whatever belongs beside it."""
        name = item["directive"]
        text: str = crossplane.build([{**item, "args": args}]).strip()
        if name == "server" and context[-1:] == ("upstream",):
            return self.upstreams.server(item) or text
        if name in PASSES and args:
            passing = self.upstreams.passing(
                item,
                inherited.location,
                inherited.headers,
                repeat=not inherited.own_headers,
                redirects=inherited.redirects,
            )
            if passing is not None:
                text = crossplane.build([{**item, "args": [passing.argument]}]).strip()
                # In other blocks than a location they may not stand.
                return " ".join((text, *(passing.beside if context[-1] == "location" else ())))
        if name == "listen" and context[:1] == ("http",) and args[0].startswith("127.0.0.1:<"):
            told = [args[0].replace("<", "<told"), *args[1:], "proxy_protocol"]
            return f"{text} {crossplane.build([{**item, 'args': told}]).strip()}"
        return text

    def _arguments(self, item: dict[str, Any], context: tuple[str, ...], listening: set[int]) -> list[str] | None:
        """The rewritten arguments of a statement, None to leave it out."""
        name, args = item["directive"], list(item["args"])
        if not args:
            return args
        if name == "listen" and context[-1:] == ("server",):
            return self._listen(args, listening)
        if name in {*PASSES, "server", "set"}:
            args = [_SOCKET.sub(lambda match: f"unix:{self._socket(match[1])}", arg) for arg in args]
        if name in _READ:
            return [self._exported(args[0]), *args[1:]]
        if (
            name in ("access_log", "error_log")
            and args[0] not in ("off", "stderr")
            and not args[0].startswith("syslog:")
        ):
            return [self._log(args[0]), *args[1:]]
        return args

    def _listen(self, args: list[str], listening: set[int]) -> list[str] | None:
        if (port := listen_port(args[0])) is None:
            return args
        if port in listening:
            # `listen 80; listen [::]:80;` are two sockets in a container and one here.
            return None
        listening.add(port)
        self.ports.add(port)
        options = [option for option in args[1:] if not _LISTEN_DROPPED.fullmatch(option)]
        return [f"127.0.0.1:<{port}>", *options]

    def _exported(self, path: str) -> str:
        """A path below the container's directory; what comes after a variable is left to nginx."""
        if path.startswith("$"):
            return path
        path = posixpath.join("/etc/nginx", path)
        fixed = path.split("$", 1)[0]
        self.exports.add(fixed if fixed == path else posixpath.dirname(fixed))
        return "root" + path

    def _socket(self, path: str) -> str:
        """Where a Unix socket of the container really is: whatever this machine has at its path is another one."""
        socket = self._root.socket(path)
        return f"root{path}" if socket is None else str(socket)

    def _log(self, path: str) -> str:
        path = self._root.link(posixpath.join("/etc/nginx", path))
        if path in _STANDARD:
            return _STANDARD[path]
        self.exports.add(posixpath.dirname(path))
        return "root" + path


class _Inherited(NamedTuple):
    """What a block has from around it: its location, and what is set there for requests that are passed on."""

    location: tuple[str, ...]
    headers: tuple[tuple[str, ...], ...]
    own_headers: bool
    redirects: bool


def _inherited(block: dict[str, Any], outer: _Inherited) -> _Inherited:
    inside = block["block"]
    headers = tuple(tuple(item["args"]) for item in inside if item["directive"] == "proxy_set_header")
    return _Inherited(
        tuple(block["args"]) if block["directive"] == "location" else outer.location,
        headers or outer.headers,
        bool(headers),
        outer.redirects or any(item["directive"] == "proxy_redirect" for item in inside),
    )


def _knows_addresses(http: dict[str, Any]) -> bool:
    """Whether the configuration says itself from whom it takes the addresses of clients."""
    return any(item["directive"] in {"real_ip_header", "set_real_ip_from"} for item in http["block"])


def _parse(text: str, name: str) -> list[dict[str, Any]]:
    """The statements of one file, each with its file and line. Raises ConfigError."""
    # crossplane reads files only.
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch, "nginx.conf")
        file.write_text(text, encoding="utf-8")
        payload = crossplane.parse(str(file), single=True, check_ctx=False, check_args=False)
        if payload["errors"]:
            # The parser has no words for a text that ends in the middle of a directive.
            end = f'unexpected end of file, expecting ";" or "}}" in {name}:{text.count(chr(10)) + 1}'
            raise ConfigError(_worded(payload["errors"][0]["error"].replace(str(file), name) or end))
    return _located(payload["config"][0]["parsed"], name)


def _worded(error: str) -> str:
    """What nginx says of an option is shorter than what it says of a file."""
    if _COMMAND_LINE not in error:
        return error
    ends = error.replace('end of file, expecting ";" or "}"', 'end of parameter, expecting ";"')
    return re.sub(rf"(?<= in {_COMMAND_LINE}):\d+", "", ends)


def _located(tree: list[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    for item in tree:
        item["file"] = name
        if "block" in item:
            _located(item["block"], name)
    return tree
