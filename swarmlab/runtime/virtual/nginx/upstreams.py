"""Where a container's nginx passes requests on to, rewritten so that every target is a way out of the container.

As nginx does, names are looked up when it starts and when it reloads; a name in a variable, with a `resolver`, for each
connection. Each address that was found becomes a socket on the loopback interface.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

#: Directives that pass requests on, and the port that they go to unless one is named.
PASSES = {"proxy_pass": 80, "grpc_pass": 80, "fastcgi_pass": 0, "uwsgi_pass": 0, "scgi_pass": 0}
_URL = re.compile(r"(?:(?P<scheme>https?|grpcs?)://)?(?P<host>\[[^]]+\]|[^/:$\s]+)(?::(?P<port>\d+))?(?P<uri>[/$].*)?")
_SECURE_PORT = 443
_DROPPED = re.compile(r"resolve|service=.*")
_PLACE = re.compile(r"<server (?P<late>!?)(?P<host>[^ :]+|\[[^]]+\]):(?P<port>\d+)(?P<options>[^>]*)>")


class Target(NamedTuple):
    """Something that requests go to. `late` ones are looked up for each connection.

    `shown` is how nginx names it when it is not found, `file` and `line` are where it stands.
    """

    host: str
    port: int
    late: bool
    shown: str
    file: str
    line: int


class Passing(NamedTuple):
    """A rewritten directive: its argument, and what else has to stand beside it to the same effect."""

    argument: str
    beside: tuple[str, ...]


class Upstreams:
    """The targets of one configuration, found as it is rewritten."""

    def __init__(self, tree: Sequence[Mapping[str, Any]]) -> None:
        """`tree` is the whole configuration."""
        every = list(_walk(tree))
        self._named = {item["args"][0] for item in every if item["directive"] == "upstream" and item["args"]}
        self._resolves = any(item["directive"] == "resolver" for item in every)
        self._constants = _constants(every)
        self.targets: dict[tuple[str, int, bool], Target] = {}
        #: Groups of servers that stand for targets that no `upstream` names, as lines for `http`.
        self.groups: dict[str, str] = {}

    def server(self, item: Mapping[str, Any]) -> str | None:
        """A `server` of an `upstream`, as a placeholder; None when it stays as it is."""
        match = _URL.fullmatch(item["args"][0])
        if match is None or match["scheme"] or match["host"] == "unix":
            return None
        options = [option for option in item["args"][1:] if not _DROPPED.fullmatch(option)]
        late = self._resolves and "resolve" in item["args"][1:]
        target = Target(match["host"], int(match["port"] or 80), late, item["args"][0], item["file"], item["line"])
        return self._place(target, options)

    def passing(
        self,
        item: Mapping[str, Any],
        location: Sequence[str],
        headers: Sequence[Sequence[str]],
        *,
        repeat: bool,
        redirects: bool,
    ) -> Passing | None:
        """A directive that passes requests on, rewritten; None when it stays as it is.

        `location` are the arguments of its location, `headers` the `proxy_set_header`s that apply there (to `repeat` if
        another one is added), `redirects` says whether a `proxy_redirect` does.
        """
        name, written = item["directive"], item["args"][0]
        text = re.sub(r"\$(?:\{(\w+)\}|(\w+))", lambda m: self._constants.get(m[1] or m[2], m[0]), written)
        late = text != written
        match = _URL.fullmatch(text)
        if match is None or text.startswith("unix:") or (late and not self._resolves):
            return None
        host, uri, scheme = match["host"], match["uri"] or "", match["scheme"] or ""
        if host in self._named:
            return Passing(text, ()) if late else None
        standard = _SECURE_PORT if scheme.endswith("s") else PASSES[name]
        port = int(match["port"] or standard)
        plain = name == "proxy_pass" and port == 80 and not scheme.endswith("s")
        group = host if plain else f"{host.strip('[]')}_{port}"
        target = Target(host, port, late, host if name == "proxy_pass" else written, item["file"], item["line"])
        self.groups[group] = f"upstream {group} {{ {self._place(target, ())} }}"
        prefix = f"{scheme}://" if scheme else ""
        beside: tuple[str, ...] = ()
        if name == "proxy_pass" and not plain:
            shown = host if port == standard else f"{host}:{port}"
            beside = (
                *_headers(shown, headers, repeat=repeat),
                *(() if redirects else _redirect(match, shown, location)),
            )
        return Passing(f"{prefix}{group}{uri}", beside)

    def _place(self, target: Target, options: Iterable[str]) -> str:
        self.targets.setdefault((target.host, target.port, target.late), target)
        words = " ".join(("", *options))
        return f"<server {'!' if target.late else ''}{target.host}:{target.port}{words}>"


def fill(text: str, servers: Callable[[str, int, bool], Sequence[tuple[str, int]]]) -> str:
    """The configuration with real servers in the places of targets. Each line stays one line."""

    def line(match: re.Match[str]) -> str:
        found = servers(match["host"], int(match["port"]), bool(match["late"]))
        return " ".join(f"server {host}:{port}{match['options']};" for host, port in found)

    return _PLACE.sub(line, text)


def _headers(shown: str, headers: Sequence[Sequence[str]], *, repeat: bool) -> Iterable[str]:
    """The Host header as nginx makes it of the target itself; adding one takes away those from outer blocks."""
    if not any(header[0].lower() == "host" for header in headers):
        yield f'proxy_set_header Host "{shown}";'
        if repeat:
            yield from (f'proxy_set_header {header[0]} "{header[1]}";' for header in headers)


def _redirect(match: re.Match[str], shown: str, location: Sequence[str]) -> Iterable[str]:
    """The redirects of the target that nginx turns into its own by default."""
    uri = match["uri"] or ""
    if not uri:
        yield f"proxy_redirect {match['scheme']}://{shown}/ /;"
    elif "$" not in uri and len(location) == 1:
        yield f"proxy_redirect {match['scheme']}://{shown}{uri} {location[0]};"


def _constants(every: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Variables that are set once, and to something without variables."""
    values: dict[str, set[str]] = {}
    for item in every:
        if item["directive"] == "set" and len(item["args"]) == 2:
            values.setdefault(item["args"][0].removeprefix("$"), set()).add(item["args"][1])
    single = {name: next(iter(found)) for name, found in values.items() if len(found) == 1}
    return {name: value for name, value in single.items() if "$" not in value}


def _walk(tree: Iterable[Mapping[str, Any]]) -> Iterable[Mapping[str, Any]]:
    for item in tree:
        yield item
        yield from _walk(item.get("block", ()))
