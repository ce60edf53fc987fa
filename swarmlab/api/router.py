"""From a request's path to its handler: `/v1.41/nodes/x` and `/nodes/x` are the same."""

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from swarmlab.api.call import Route

_VERSIONED = re.compile(r"/v([0-9.]+)(/.*)")
_NAME = re.compile(r"\{(\w+)(\*?)\}")
#: Objects whose names Docker's router takes with slashes in them, to say that there are none such.
_ANY_NAME = frozenset({"containers", "exec", "networks", "volumes"})


class Match(NamedTuple):
    """A route that fits a path, and the parts of the path that it names."""

    route: Route
    names: Mapping[str, str]


def split_version(path: str) -> tuple[str, str]:
    """The version that a path asks for (empty when it names none), and the rest of it."""
    match = _VERSIONED.fullmatch(path)
    return (match[1], match[2]) if match else ("", path)


class Router:
    """All routes, the more specific ones first within a method."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._fixed: dict[tuple[str, str], Route] = {}
        self._patterns: dict[tuple[str, str], list[tuple[re.Pattern[str], Route]]] = {}
        for route in routes:
            if "{" not in route.path:
                self._fixed[route.method, route.path] = route
            else:
                key = (route.method, route.path.split("/")[1])
                self._patterns.setdefault(key, []).append((_pattern(route.path), route))

    def find(self, method: str, path: str) -> Match | None:
        """The route of a decoded path without version; None when Docker has none either."""
        fixed = self._fixed.get((method, path))
        if fixed is not None:
            return Match(fixed, {})
        for pattern, route in self._patterns.get((method, path.partition("/")[2].partition("/")[0]), ()):
            if (match := pattern.fullmatch(path)) is not None:
                return Match(route, match.groupdict())
        return None


def _pattern(path: str) -> re.Pattern[str]:
    any_name = path.split("/")[1] in _ANY_NAME
    return re.compile(_NAME.sub(lambda match: f"(?P<{match[1]}>{'.*' if match[2] or any_name else '[^/]+'})", path))
