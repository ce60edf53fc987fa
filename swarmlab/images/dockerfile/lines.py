"""The instructions of a Dockerfile as lines: continuations joined, comments gone, flags apart.

dockerfile-parse finds which lines make an instruction. Where it differs from Docker the text is prepared for it
(BK: frontend/dockerfile/parser/{parser,split_command}.go).
"""

import io
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from dockerfile_parse import DockerfileParser  # type: ignore[import-untyped]

from swarmlab.images.dockerfile.errors import DockerfileError

DEFAULT_ESCAPE = "\\"
#: Bytes of one line.
_MAX_LINE = 64 * 1024
_BOM = "\ufeff"
_DIRECTIVE = re.compile(r"#\s*([a-zA-Z][a-zA-Z0-9]*)\s*=\s*(.+?)\s*")
_DIRECTIVES = frozenset({"escape", "syntax"})
#: Put where the library would go wrong, and taken out again: no Dockerfile has this character.
_MARK = "\0"
_SPACE = re.compile(r"[\t\v\f\r ]+")


class Line(NamedTuple):
    """One instruction. `number` is that of its first line, `word` is in lower case, `rest` has no flags."""

    number: int
    word: str
    flags: tuple[str, ...]
    rest: str
    original: str


class Lines(NamedTuple):
    """All instructions; `warnings` is what Docker says before the first step, empty for nothing."""

    lines: Sequence[Line]
    escape: str
    warnings: str


def read_lines(text: str) -> Lines:
    """Take a Dockerfile apart. Raises DockerfileError."""
    text = text.removeprefix(_BOM).replace("\r\n", "\n").replace(_MARK, "")
    if any(len(line.encode()) >= _MAX_LINE for line in text.split("\n") if len(line) * 4 >= _MAX_LINE):
        raise DockerfileError(f"dockerfile line greater than max allowed size of {_MAX_LINE - 1}")
    escape = _escape_of(text)
    token = re.escape(escape)
    continued = re.compile(rf"(?:(?<=[^{token}])|^){token}[ \t]*$")
    prepared, blank = _without_blanks(text, token)
    # An escaped escape continues nothing, a word that touches the escape is a word, and the last line ends.
    prepared = re.sub(rf"(?m)({token}{token})([ \t]*)$", rf"\1{_MARK} \2", prepared)
    prepared = re.sub(rf"(?m)^([ \t]*[^\s#{token}]+)({token}[ \t]*)$", rf"\1{_MARK} \2", prepared)
    found: list[Line] = []
    warned: list[str] = []
    parser = DockerfileParser(fileobj=io.BytesIO(f"{prepared}\n{_MARK}\n".encode()), env_replace=False)
    items = [item for item in parser.structure if not _is_aside(item["content"])]
    starts = [*(item["startline"] for item in items), len(prepared)]
    for item, after in zip(items, starts[1:], strict=True):
        pieces = item["content"].replace(f"{_MARK} ", "").replace(f"{_MARK}\n", "").split("\n")
        original = "".join(continued.sub("", piece) for piece in pieces).lstrip()
        if any(item["startline"] <= number < after for number in blank):
            warned.append(f"[WARNING]: Empty continuation line found in:\n    {original}\n")
        found.append(_line(item["startline"] + 1, original))
    if not found:
        raise DockerfileError("file with no instructions")
    if warned:
        warned.append("[WARNING]: Empty continuation lines will become errors in a future release.\n")
    return Lines(found, escape, "".join(warned))


def _is_aside(content: str) -> bool:
    return content.lstrip().startswith("#") or content == f"{_MARK}\n"


def _escape_of(text: str) -> str:
    """What the directives at the top say. Raises DockerfileError."""
    seen: dict[str, str] = {}
    for line in text.split("\n"):
        match = _DIRECTIVE.fullmatch(line.lstrip())
        name = match[1].lower() if match is not None else ""
        if match is None or name not in _DIRECTIVES:
            break
        if name in seen:
            raise DockerfileError(f"only one {name} parser directive can be used")
        seen[name] = match[2]
    escape = seen.get("escape", DEFAULT_ESCAPE)
    if escape not in {"\\", "`"}:
        raise DockerfileError(f"invalid escape token '{escape}' does not match ` or \\")
    return escape


def _without_blanks(text: str, token: str) -> tuple[str, set[int]]:
    """Empty lines within an instruction do not end it: they become comments. Also their numbers, from 0."""
    blank: set[int] = set()
    lines = text.split("\n")
    continues = re.compile(rf"(?:.*[^{token}])?{token}[ \t]*")
    within = False
    for number, line in enumerate(lines):
        stripped = line.strip()
        if stripped.startswith("#"):
            continue
        if within and not stripped:
            if number < len(lines) - 1:
                blank.add(number)
            lines[number] = "#"
            continue
        within = continues.fullmatch(line) is not None
    return "\n".join(lines), blank


def _line(number: int, original: str) -> Line:
    parts = _SPACE.split(original.strip(), maxsplit=1)
    flags, rest = _flags(parts[1]) if len(parts) == 2 else ((), "")
    return Line(number, parts[0].lower(), flags, rest.strip(), original)


def _flags(text: str) -> tuple[tuple[str, ...], str]:
    """The words at the beginning that are flags, their quotes removed, and what follows them."""
    found: list[str] = []
    rest = text.lstrip()
    while rest.startswith("--"):
        word, after = _word(rest)
        if word == "--":
            return tuple(found), after
        found.append(word)
        rest = after.lstrip()
    return tuple(found), rest


def _word(text: str) -> tuple[str, str]:
    """The first word of a text, unquoted, and the rest."""
    word, quote = "", ""
    characters = iter(enumerate(text))
    for at, character in characters:
        if not quote and character.isspace():
            return word, text[at:]
        if character == "\\":
            _, character = next(characters, (at, ""))  # noqa: PLW2901
            word += character
        elif quote == character:
            quote = ""
        elif not quote and character in "'\"":
            quote = character
        else:
            word += character
    return word, ""


def flag_values(flags: Sequence[str], known: Sequence[str]) -> dict[str, str]:
    """Flags by name. Raises DockerfileError for one that is unknown, has no value or comes twice."""
    found: dict[str, str] = {}
    for name, equals, value in _named(flags):
        if name not in known:
            raise DockerfileError(f"Unknown flag: {name}")
        if name in found:
            raise DockerfileError(f"Duplicate flag specified: {name}")
        if not equals:
            raise DockerfileError(f"Missing a value on flag: {name}")
        found[name] = value
    return found


def _named(flags: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    for flag in flags:
        yield flag.removeprefix("--").partition("=")
