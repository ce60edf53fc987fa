"""`pip`: packages for the container's Python, by the real pip of the lab's own environment.

It works beside the container, in a folder of the lab's: nothing else of this machine is changed. Only wheels are
installed, so no code of a package runs.
"""

import asyncio
import os
import posixpath
import re
import secrets
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import metadata
from pathlib import Path

from swarmlab.runtime.virtual.machine import Context
from swarmlab.runtime.virtual.wheels import add_installed

#: Where a container's Python looks for packages, and where their commands are.
SITE_PACKAGES = "/usr/local/lib/python3/site-packages"
_BIN = "/usr/local/bin"
_ITSELF = "/usr/local/bin/pip"
_PYTHON = f"#!{_BIN}/python3\n".encode()

#: Options that mean the same to the real pip; those with a value end in `=`.
_PASSED = frozenset({"--no-deps", "--pre", "-U", "--upgrade", "--force-reinstall", "-q", "--quiet", "-v", "--verbose"})
_SOURCES = frozenset({"-i", "--index-url", "--extra-index-url", "--trusted-host", "--timeout", "--retries"})
_IGNORED = frozenset(
    {"--no-cache-dir", "--user", "--break-system-packages", "--disable-pip-version-check", "--no-input", "--no-compile",
     "--no-warn-script-location", "--prefer-binary", "--require-virtualenv", "-I", "--ignore-installed"}
)  # fmt: skip
_IGNORED_WITH_VALUE = frozenset({"--root-user-action", "--progress-bar", "--cache-dir", "--log", "--exists-action"})
#: Variables of the lab's own environment that lead pip to its index.
_INHERITED = re.compile(
    r"PATH|HOME|LANG|XDG_CONFIG_HOME|SSL_CERT_\w+|REQUESTS_CA_BUNDLE|"
    r"(?:HTTPS?|NO|ALL)_PROXY|(?:https?|no|all)_proxy|PIP_(?:INDEX_URL|EXTRA_INDEX_URL|TRUSTED_HOST|CERT|CONFIG_FILE)"
)
_BY_NAME = re.compile(r"[A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?\s*(?:\[[^\]]*\])?\s*(?:[(<>=!~;].*)?", re.ASCII)


class PipError(Exception):
    """Raised for what pip refuses; the text is pip's, without `ERROR: `."""


async def pip(context: Context) -> int:
    """Install packages, or tell which there are."""
    if not context.machine.root.exists(_ITSELF):
        await context.err(f"sh: {context.argv[0]}: not found\n")
        return 127
    command, *arguments = context.argv[1:] or ("help",)
    try:
        if command == "install":
            return await _install(context, arguments)
        if command in {"list", "freeze"}:
            return await _list(context, command)
        if command in {"-V", "--version"}:
            version = f"{sys.version_info[0]}.{sys.version_info[1]}"
            await context.out(f"pip {metadata.version('pip')} from {SITE_PACKAGES}/pip (python {version})\n")
            return 0
        raise PipError(f'"pip {command}" is not available in swarmlab: there are install, list and freeze')
    except PipError as error:
        await context.err(f"ERROR: {error}\n")
        return 1


async def _install(context: Context, arguments: Sequence[str]) -> int:
    options, requirements, constraints = _parsed(context, arguments)
    if not requirements:
        raise PipError('You must give at least one requirement to install (see "pip help install")')
    folder = context.machine.processes.state / f"{context.machine.container_id[:12]}-{secrets.token_hex(4)}.pip"
    try:
        return await _Installation(context, folder, options).run(requirements, constraints)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class _Installation:
    """One call of the real pip, and then another."""

    def __init__(self, context: Context, folder: Path, options: Sequence[str]) -> None:
        self._context = context
        self._folder = folder
        self._options = options
        kept = context.machine.processes.state / "pip"
        self._wheels, self._cache = kept / "wheels", kept / "cache"
        for path in (folder, self._wheels):
            path.mkdir(parents=True, exist_ok=True, mode=0o700)

    async def run(self, requirements: Sequence[str], constraints: Sequence[str]) -> int:
        files = []
        for flag, name, lines in (("-r", "requirements.txt", requirements), ("-c", "constraints.txt", constraints)):
            if lines:
                path = self._folder / name
                path.write_text("".join(f"{line}\n" for line in lines))
                files += [flag, str(path)]
        sources = _only(self._options, _SOURCES)
        download = ["download", "--dest", str(self._wheels), "--cache-dir", str(self._cache), "--retries", "0"]
        if await self._pip([*download, *sources, *_flags(self._options), *files], lambda stream, line: None):
            await asyncio.to_thread(add_installed, list(requirements), self._wheels)
        said: asyncio.Queue[tuple[str, str] | None] = asyncio.Queue()
        target = self._folder / "target"
        install = ["install", "--no-index", "--find-links", str(self._wheels), "--target", str(target), "--no-compile"]
        call = asyncio.ensure_future(
            self._pip([*install, *_flags(self._options), *files], lambda stream, line: said.put_nowait((stream, line)))
        )
        call.add_done_callback(lambda done: said.put_nowait(None))
        try:
            while (item := await said.get()) is not None:
                stream, line = item
                if shown := self._as_inside(line):
                    await self._context.output(stream, shown.encode())
        finally:
            call.cancel()
        return call.result() or await self._put(target)

    async def _pip(self, arguments: Sequence[str], tell: Callable[[str, str], None]) -> int:
        """Run the real pip to its end; its exit code. `tell` gets each line of what it says."""
        fixed = ["--only-binary=:all:", "--disable-pip-version-check", "--no-input", "--progress-bar=off"]
        command = [sys.executable, "-I", "-m", "pip", arguments[0], *fixed, *arguments[1:]]
        if arguments[0] == "install":
            command += ["--root-user-action=ignore", "--no-warn-script-location"]
        rest = {"stdout": b"", "stderr": b""}

        def output(stream: str, data: bytes) -> None:
            *lines, rest[stream] = (rest[stream] + data).split(b"\n")
            for line in lines:
                tell(stream, line.decode("utf-8", "replace"))

        child = self._context.machine.spawn(
            command, executable=Path(sys.executable), directory=self._folder, env=self._environment(), on_output=output
        )
        try:
            return await child.wait()
        finally:
            child.signal("SIGKILL")

    def _environment(self) -> Mapping[str, str]:
        inherited = {key: value for key, value in os.environ.items() if _INHERITED.fullmatch(key)}
        return {
            **inherited,
            "TMPDIR": str(self._folder),
            "PIP_USER": "0",
            "PIP_REQUIRE_VIRTUALENV": "0",
            "NO_COLOR": "1",
        }

    def _as_inside(self, line: str) -> str:
        """A line as a container would show it: without the folders of this machine."""
        if line.startswith("Looking in links: "):
            return ""
        line = re.sub(rf"^(\s*)Processing {re.escape(str(self._wheels))}/", r"\1Using cached ", line)
        line = line.replace(f"{self._folder}/requirements.txt", "requirements.txt")
        return line.replace(str(self._wheels), "/root/.cache/pip").replace(str(self._folder), "/root/.pip") + "\n"

    async def _put(self, target: Path) -> int:
        """Bring what was installed into the container."""
        try:
            for path in _files(target):
                inside = path.relative_to(target)
                if inside.parts[0] == "bin":
                    data = re.sub(rb"\A#![^\n]*\n", _PYTHON, path.read_bytes())
                    self._write(posixpath.join(_BIN, *inside.parts[1:]), data, 0o755)
                else:
                    self._write(posixpath.join(SITE_PACKAGES, *inside.parts), path.read_bytes(), 0o644)
        except (RuntimeError, OSError):
            # The container's file system takes no file of that size, or no more files.
            await self._context.err(
                "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device\n"
            )
            return 1
        return 0

    def _write(self, path: str, data: bytes, mode: int) -> None:
        fs, inner = self._context.machine.root.at(path)
        fs.mkdir(posixpath.dirname(inner), recursive=True)
        fs.write_file(inner, data)
        fs.chmod(inner, mode)


def _parsed(context: Context, arguments: Sequence[str]) -> tuple[list[str], list[str], list[str]]:
    """Options for the real pip, requirements and constraints, the files that name them read. Raises PipError."""
    options: list[str] = []
    requirements: list[str] = []
    constraints: list[str] = []
    words = [part for word in arguments for part in _split(word)]
    while words:
        word = words.pop(0)
        if word in {"-r", "--requirement", "-c", "--constraint"} | _SOURCES | _IGNORED_WITH_VALUE:
            if not words:
                raise PipError(f"{word} option requires 1 argument")
            value = words.pop(0)
            if word in _SOURCES:
                options += (word, value)
            elif word not in _IGNORED_WITH_VALUE:
                found = requirements if word in {"-r", "--requirement"} else constraints
                found += _lines(context, context.path(value), value, options, constraints, 0)
        elif word in _PASSED:
            options.append(word)
        elif word in _IGNORED:
            continue
        elif word.startswith("-"):
            raise PipError(f"{word} is not available in swarmlab: packages are installed by name, from wheels")
        else:
            requirements.append(_checked(word))
    return options, requirements, constraints


def _split(word: str) -> list[str]:
    """`--option=value` as two words."""
    name, equals, value = word.partition("=")
    return [name, value] if word.startswith("--") and equals else [word]


def _lines(context: Context, path: str, name: str, options: list[str], constraints: list[str], depth: int) -> list[str]:
    """The requirements of a file, and of those that it names."""
    try:
        text = context.machine.root.read(path).decode("utf-8", "replace")
    except (FileNotFoundError, IsADirectoryError):
        raise PipError(f"Could not open requirements file: [Errno 2] No such file or directory: '{name}'") from None
    if depth > 20:
        raise PipError(f"{name} includes itself")
    found: list[str] = []
    for raw in text.replace("\\\n", "").splitlines():
        line = re.sub(r"(^|\s+)#.*$", "", raw).strip()
        # Hashes are those of files that other platforms have as well.
        line = re.sub(r"\s+--hash[= ]\S+", "", line)
        word, _, value = line.replace("=", " ", 1).partition(" ") if line.startswith("--") else line.partition(" ")
        value = value.strip()
        if not line:
            continue
        if word in {"-r", "--requirement", "-c", "--constraint"}:
            below = _lines(
                context, posixpath.join(posixpath.dirname(path), value), value, options, constraints, depth + 1
            )
            (found if word in {"-r", "--requirement"} else constraints).extend(below)
        elif word in _SOURCES:
            options += (word, value)
        elif line.startswith("-"):
            if word not in _PASSED | {"--prefer-binary", "--only-binary", "--no-binary"}:
                raise PipError(f"{word} is not available in swarmlab: packages are installed by name, from wheels")
        else:
            found.append(_checked(line))
    return found


def _checked(requirement: str) -> str:
    """A requirement that is a name and a version. Raises PipError."""
    if not _BY_NAME.fullmatch(requirement) or "\n" in requirement:
        raise PipError(f"{requirement} is not available in swarmlab: packages are installed by name, from wheels")
    return requirement


def _only(options: Sequence[str], names: frozenset[str]) -> list[str]:
    """The options of these names, with their values."""
    return [word for at, word in enumerate(options) if word in names or (at and options[at - 1] in names)]


def _flags(options: Sequence[str]) -> list[str]:
    """The options without a value that both calls take."""
    return [word for word in options if word in {"--no-deps", "--pre", "-q", "--quiet", "-v", "--verbose"}]


def _files(folder: Path) -> list[Path]:
    return sorted(found for found in folder.rglob("*") if found.is_file())


async def _list(context: Context, command: str) -> int:
    rows = sorted(_installed(context), key=lambda row: row[0].lower())
    if command == "freeze":
        await context.out("".join(f"{name}=={version}\n" for name, version in rows))
        return 0
    if rows:
        table = [("Package", "Version"), *rows]
        first, second = (max(len(row[column]) for row in table) for column in (0, 1))
        ruled = [table[0], ("-" * first, "-" * second), *rows]
        await context.out("".join(f"{name:{first}} {version}\n" for name, version in ruled))
    return 0


def _installed(context: Context) -> list[tuple[str, str]]:
    """Names and versions."""
    root = context.machine.root
    found = []
    fs, inner = root.at(SITE_PACKAGES)
    for entry in fs.read_dir(inner) if fs.exists(inner) else ():
        if entry["name"].endswith(".dist-info"):
            text = root.read(posixpath.join(SITE_PACKAGES, entry["name"], "METADATA")).decode("utf-8", "replace")
            fields = dict(line.partition(": ")[::2] for line in text.partition("\n\n")[0].splitlines())
            found.append((fields.get("Name", "?"), fields.get("Version", "?")))
    return found
