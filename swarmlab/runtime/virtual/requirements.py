"""What a `pip install` asks for: its command line, and the files of a container that it names."""

import posixpath
import re
from collections.abc import Sequence
from typing import NamedTuple

from swarmlab.runtime.virtual.context import Context

#: Options that mean the same to the real pip, without a value and with one.
_PASSED = frozenset({"--no-deps", "--pre", "-q", "--quiet", "-v", "--verbose"})
_SOURCES = frozenset({"-i", "--index-url", "--extra-index-url", "--trusted-host", "--timeout", "--retries"})
#: Options that change nothing here.
_IGNORED = frozenset(
    {"--no-cache-dir", "--break-system-packages", "--disable-pip-version-check", "--no-input", "--no-compile",
     "--no-warn-script-location", "--prefer-binary", "--require-virtualenv", "-I", "--ignore-installed", "-U",
     "--upgrade", "--force-reinstall", "--no-index", "--no-cache"}
)  # fmt: skip
_IGNORED_WITH_VALUE = frozenset(
    {"--root-user-action", "--progress-bar", "--cache-dir", "--log", "--exists-action", "--only-binary", "--no-binary"}
)
_REQUIREMENTS, _CONSTRAINTS = frozenset({"-r", "--requirement"}), frozenset({"-c", "--constraint"})
_BY_NAME = re.compile(r"[A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?\s*(?:\[[^\]]*\])?\s*(?:[(<>=!~;].*)?", re.ASCII)
#: Options for where packages go; the first is without a value.
_PLACES = frozenset({"--user", "--prefix", "--target", "-t", "--wheel-dir", "-w"})
#: For directories of the container with wheels.
_LINKS = frozenset({"-f", "--find-links"})
_DEPTH = 20
#: Packages that are published as source only, and those with the same modules that are published as wheels.
_AS_WHEELS = {"psycopg2": "psycopg2-binary"}


class PipError(Exception):
    """Raised for what pip refuses; the text is pip's, without `ERROR: `."""


class Asked(NamedTuple):
    """Options for the real pip, packages by name, the lines of files, those of constraints, and what to tell.

    `place` is where packages are to go, as an option and its value; empty when nothing was said of it. `wheels` are the
    container's files that are to be installed, `found` those among which packages may be.
    """

    sources: list[str]
    flags: list[str]
    names: list[str]
    lines: list[str]
    constraints: list[str]
    notes: list[str]
    wheels: list[str]
    found: list[str]
    place: tuple[str, str] = ("", "")


def parse(context: Context, arguments: Sequence[str]) -> Asked:
    """Read a command line and the files that it names. Raises PipError."""
    asked = Asked([], [], [], [], [], [], [], [])
    words = [part for word in arguments for part in _split(word)]
    while words:
        word = words.pop(0)
        if word in _REQUIREMENTS | _CONSTRAINTS | _SOURCES | _IGNORED_WITH_VALUE | _LINKS:
            if not words:
                raise PipError(f"{word} option requires 1 argument")
            _with_value(context, word, words.pop(0), context.cwd, asked, asked.lines, 0)
        elif word in _PLACES:
            if word != "--user" and not words:
                raise PipError(f"{word} option requires 1 argument")
            option = {"-t": "--target", "-w": "--wheel-dir"}.get(word, word)
            asked = asked._replace(place=(option, "" if word == "--user" else words.pop(0)))
        elif word in _PASSED:
            asked.flags.append(word)
        elif word.startswith("-") and word not in _IGNORED:
            raise _unavailable(word)
        elif word.endswith(".whl") and "://" not in word:
            asked.wheels.append(_wheel(context, word))
        elif not word.startswith("-"):
            asked.names.append(_checked(word))
    _as_wheels(asked.constraints)
    asked.notes.extend(_as_wheels(asked.names) + _as_wheels(asked.lines))
    return asked


def _split(word: str) -> list[str]:
    """`--option=value` as two words."""
    name, equals, value = word.partition("=")
    return [name, value] if word.startswith("--") and equals else [word]


def _with_value(
    context: Context, word: str, value: str, folder: str, asked: Asked, lines: list[str], depth: int
) -> None:
    """An option with its value; what files say goes to `lines`, unless it is constraints."""
    if word in _SOURCES:
        asked.sources.extend((word, value))
    elif word in _LINKS:
        asked.found.extend(context.machine.root.glob(posixpath.join(folder, value, "*.whl")))
    elif word in _REQUIREMENTS:
        _read(context, folder, value, asked, lines, depth)
    elif word in _CONSTRAINTS:
        _read(context, folder, value, asked, asked.constraints, depth)


def _read(context: Context, folder: str, name: str, asked: Asked, lines: list[str], depth: int) -> None:
    """Read a requirements file, and those that it names."""
    path = posixpath.normpath(posixpath.join(folder, name))
    try:
        text = context.machine.root.read(path).decode("utf-8", "replace")
    except (FileNotFoundError, IsADirectoryError):
        raise PipError(f"Could not open requirements file: [Errno 2] No such file or directory: '{name}'") from None
    if depth > _DEPTH:
        raise PipError(f"{name} includes itself")
    for raw in text.replace("\\\n", "").splitlines():
        # Hashes are those of files for other machines as well.
        line = re.sub(r"\s+--hash[= ]\S+", "", re.sub(r"(^|\s+)#.*$", "", raw)).strip()
        if not line.startswith("-"):
            lines += [_checked(line)] if line else []
            continue
        parts = _split(line) if line.startswith("--") and "=" in line.split()[0] else line.split(maxsplit=1)
        if len(parts) == 2 and parts[0] in _REQUIREMENTS | _CONSTRAINTS | _SOURCES | _IGNORED_WITH_VALUE:
            _with_value(context, parts[0], parts[1].strip(), posixpath.dirname(path), asked, lines, depth + 1)
        elif line in _PASSED:
            asked.flags.append(line)
        elif line not in _IGNORED:
            raise _unavailable(parts[0])


def _wheel(context: Context, name: str) -> str:
    """A wheel among the container's files. Raises PipError."""
    path = context.path(name)
    if not context.machine.root.exists(path):
        raise PipError(f"Could not install packages due to an OSError: [Errno 2] No such file or directory: '{path}'")
    return path


def _checked(requirement: str) -> str:
    """A requirement that is a name and a version. Raises PipError."""
    if not _BY_NAME.fullmatch(requirement) or "\n" in requirement:
        raise _unavailable(requirement)
    return requirement


def _as_wheels(requirements: list[str]) -> list[str]:
    """Replace requirements by those that there are wheels of; what to tell about it."""
    told = []
    for index, requirement in enumerate(requirements):
        name = re.split(r"[^\w.-]", requirement, maxsplit=1, flags=re.ASCII)[0]
        if other := _AS_WHEELS.get(re.sub(r"[-_.]+", "-", name).lower()):
            requirements[index] = other + requirement[len(name) :]
            told.append(f"{name} is published without wheels: {other}, the same modules, takes its place")
    return told


def _unavailable(what: str) -> PipError:
    return PipError(f"{what} is not available in swarmlab: packages are installed by name, from wheels")
