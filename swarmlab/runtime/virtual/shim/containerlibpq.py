"""Drivers that connect through PostgreSQL's C library are told where the server really is (`hostaddr`).

The library opens its own sockets, which nothing in Python sees.
"""

import contextlib
import importlib.abc
import importlib.machinery
import importlib.util
import types
from collections.abc import Callable, Iterator, Sequence
from typing import Any

#: No server ever listens there.
_CLOSED = 1


class Finder(importlib.abc.MetaPathFinder):
    """Finds the drivers as others do, and changes them once they are loaded."""

    def __init__(self, net: Any) -> None:
        self._net = net
        self._busy = False
        self._patches: dict[str, Callable[[types.ModuleType], None]] = {
            "psycopg": self._psycopg,
            "psycopg2": self._psycopg2,
        }

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """See `MetaPathFinder`."""
        patch = self._patches.get(name)
        if patch is None or self._busy:
            return None
        self._busy = True
        try:
            spec = importlib.util.find_spec(name)
        finally:
            self._busy = False
        if spec is None or spec.loader is None:
            return None
        loader: Any = spec.loader
        load = loader.exec_module

        def exec_module(module: types.ModuleType) -> None:
            load(module)
            patch(module)

        loader.exec_module = exec_module
        return spec

    def _psycopg2(self, module: Any) -> None:
        connect = module._connect
        extensions = module.extensions

        def led(dsn: str, *args: Any, **kwargs: Any) -> Any:
            with self._leading(extensions.parse_dsn(dsn), module.OperationalError) as params:
                return connect(extensions.make_dsn(**params), *args, **kwargs)

        module._connect = led

    def _psycopg(self, module: Any) -> None:
        parse = module.conninfo.conninfo_to_dict
        for kind in (module.Connection, module.AsyncConnection):
            kind.connect = classmethod(self._wrapped(kind.connect.__func__, parse, module.OperationalError))
        module.connect = module.Connection.connect

    def _wrapped(self, connect: Any, parse: Any, failure: type[Exception]) -> Any:
        import inspect

        def led(cls: Any, conninfo: str = "", **kwargs: Any) -> Any:
            own = {key: kwargs.pop(key) for key in list(kwargs) if key in _OPTIONS}
            with self._leading(parse(conninfo, **kwargs), failure) as params:
                return connect(cls, "", **params, **own)

        async def led_async(cls: Any, conninfo: str = "", **kwargs: Any) -> Any:
            own = {key: kwargs.pop(key) for key in list(kwargs) if key in _OPTIONS}
            with self._leading(parse(conninfo, **kwargs), failure) as params:
                return await connect(cls, "", **params, **own)

        return led_async if inspect.iscoroutinefunction(connect) else led

    @contextlib.contextmanager
    def _leading(self, params: dict[str, Any], failure: type[Exception]) -> Iterator[dict[str, Any]]:
        """Parameters of a connection that lead to the real server, as long as it takes to connect."""
        import os

        host = str(params.get("host") or os.environ.get("PGHOST") or "")
        port = str(params.get("port") or os.environ.get("PGPORT") or 5432)
        if not host or host.startswith("/"):
            with self._net.asking(op="socket", path=f"{host or '/var/run/postgresql'}/.s.PGSQL.{port}") as answer:
                directory, _, name = answer["path"].rpartition("/")
                yield {**params, "host": directory, "port": name.rpartition(".")[2]} if name else params
            return
        addresses = self._net.resolve(host) if not self._net._literal(host) else [host]
        if not addresses:
            raise failure(f'could not translate host name "{host}" to address: Name or service not known\n')
        try:
            self._net.probe(addresses[0], int(port))
            real, number = self._net.egress(host, int(port))
        except OSError:
            real, number = "127.0.0.1", _CLOSED
        try:
            yield {**params, "host": host, "hostaddr": real, "port": number}
        except failure as error:
            shown = f'at "{host}" ({addresses[0]}), port {port} '
            text = str(error).replace(f'at "{real}", port {number} ', shown)
            raise type(error)(text) from None


#: What psycopg takes beside the parameters of the library.
_OPTIONS = frozenset({"autocommit", "prepare_threshold", "context", "row_factory", "cursor_factory"})
