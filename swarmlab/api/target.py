"""What a request asks for: the path as it is matched, and the query, both by Go's rules (net/url, gorilla/mux)."""

import posixpath
import re
from typing import NamedTuple
from urllib.parse import parse_qsl, quote, unquote

from multidict import MultiDict

from swarmlab.api.errors import bad_request

_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://([^/?]*)(.*)", re.DOTALL)
_WRONG_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2}).{0,2}", re.DOTALL)
_NO_ESCAPE = "/:@!$&'()*+,;=~"


class WrongTargetError(Exception):
    """Raised for a target that Go's server does not let through at all."""


class Target(NamedTuple):
    """`authority` is empty unless the target is a whole URL; `path` is decoded; `query` is as it was sent."""

    authority: str
    path: str
    query: str

    @classmethod
    def parse(cls, text: str) -> "Target":
        """Read the target of a request line. Raises WrongTargetError."""
        authority = ""
        if (absolute := _ABSOLUTE.fullmatch(text)) is not None:
            authority, text = absolute[1], absolute[2] or "/"
        path, _, query = text.partition("?")
        if _WRONG_ESCAPE.search(path):
            raise WrongTargetError(path)
        return cls(authority, unquote(path, errors="replace"), query)

    @property
    def moved(self) -> str:
        """Where a path with `//`, `.` or `..` in it leads; empty when this one has none (gorilla/mux: cleanPath)."""
        # Go knows no meaning of two slashes at the beginning.
        path = "/" + self.path.lstrip("/")
        clean = posixpath.normpath(path)
        if path.endswith("/") and clean != "/":
            clean += "/"
        if clean == self.path or not self.path.startswith("/"):
            return ""
        return quote(clean, safe=_NO_ESCAPE) + (f"?{self.query}" if self.query else "")


def parse_query(text: str) -> MultiDict[str]:
    """What stands behind the question mark. Raises ApiError (400) with Go's text."""
    if ";" in text:
        raise bad_request("invalid semicolon separator in query")
    if (wrong := _WRONG_ESCAPE.search(text)) is not None:
        raise bad_request(f'invalid URL escape "{wrong[0]}"')
    return MultiDict(parse_qsl(text, keep_blank_values=True, errors="replace"))
