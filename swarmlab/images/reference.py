"""Image references as Docker reads them (the familiar names of distribution/reference)."""

import re
from typing import NamedTuple

_DOMAIN = "docker.io"
_DOMAIN_ALIASES = frozenset({"docker.io", "index.docker.io", "registry-1.docker.io"})
_NAME = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_REFERENCE = re.compile(
    rf"(?:(?P<domain>(?:[A-Za-z0-9-]+\.)+[A-Za-z0-9-]+(?::\d+)?|[A-Za-z0-9-]+:\d+|localhost)/)?"
    rf"(?P<path>{_NAME}(?:/{_NAME})*)"
    r"(?::(?P<tag>\w[\w.-]{0,127}))?(?:@(?P<digest>[A-Za-z][A-Za-z0-9]*:[0-9a-fA-F]{32,}))?",
    re.ASCII,
)


class Reference(NamedTuple):
    """A normalised reference. `name` is the familiar one (`nginx`, `training/whoami`, `example.org/a/b`)."""

    name: str
    tag: str
    digest: str = ""

    @property
    def key(self) -> str:
        """What finds the image: with a digest the tag means nothing."""
        return f"{self.name}@{self.digest}" if self.digest else f"{self.name}:{self.tag}"

    @property
    def qualified(self) -> str:
        """The whole name, with its registry."""
        host, slash, _ = self.name.partition("/")
        if slash and (host == "localhost" or "." in host or ":" in host):
            return self.name
        return f"{_DOMAIN}/{self.name}" if slash else f"{_DOMAIN}/library/{self.name}"

    def __str__(self) -> str:
        return f"{self.name}:{self.tag}" + (f"@{self.digest}" if self.digest else "")


def parse_reference(text: str) -> Reference:
    """The reference that `text` means; a missing tag is `latest`. Raises ValueError when it is no valid reference."""
    match = _REFERENCE.fullmatch(text)
    if match is None:
        raise ValueError("invalid reference format")
    domain, path = match["domain"] or _DOMAIN, match["path"]
    name = path.removeprefix("library/") if domain in _DOMAIN_ALIASES else f"{domain}/{path}"
    return Reference(name, match["tag"] or "latest", match["digest"] or "")


def check_reference(text: str) -> Reference:
    """The same of what a client sent. Raises ValueError, in Docker's words, when `text` cannot name an image."""
    host, slash, rest = text.partition("/")
    is_host = bool(slash) and (host == "localhost" or "." in host or ":" in host)
    repository = (rest if is_host else text).partition(":")[0]
    if repository.lower() != repository:
        raise ValueError("invalid reference format: repository name must be lowercase")
    return parse_reference(text)
