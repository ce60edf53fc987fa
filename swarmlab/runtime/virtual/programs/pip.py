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
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

from swarmlab.runtime.virtual.context import Context
from swarmlab.runtime.virtual.programs.venv import environment, packages
from swarmlab.runtime.virtual.requirements import Asked, PipError, parse
from swarmlab.runtime.virtual.wheels import add_installed

#: Where a container's Python looks for packages.
SITE_PACKAGES = "/usr/local/lib/python3/site-packages"
_ITSELF = "/usr/local/bin/pip"

#: Variables of the lab's own environment that lead pip to its index.
_INHERITED = re.compile(
    r"PATH|HOME|LANG|XDG_CONFIG_HOME|SSL_CERT_\w+|REQUESTS_CA_BUNDLE|"
    r"(?:HTTPS?|NO|ALL)_PROXY|(?:https?|no|all)_proxy|"
    r"PIP_(?:INDEX_URL|EXTRA_INDEX_URL|FIND_LINKS|NO_INDEX|PROXY|TRUSTED_HOST|CERT|CLIENT_CERT|CONFIG_FILE)"
)
#: What the real pip says of the environment that it is from itself.
_OF_THE_LAB = re.compile(
    r"ERROR: pip's dependency resolver does not|\S+ \S+ requires .*(?:incompatible|not installed)\.$"
)
_ADVICE = (
    "Packages come as wheels from where the pip of your own machine gets them; "
    "this lab has nothing kept that would do.\n"
)
#: What pip's own package brings.
_PIP = re.compile(r"pip[\d.]*")
#: Lines that tell why wheels could not be fetched.
_REASON = re.compile(r"ERROR: |Could not fetch URL ")


class Said(NamedTuple):
    """What a call of the real pip ended with, and the lines that it wrote, each with its stream."""

    code: int
    lines: list[tuple[str, str]]


async def pip(context: Context) -> int:
    """Install packages, or tell which there are."""
    if not context.machine.root.exists(_ITSELF):
        await context.err(f"sh: {context.argv[0]}: not found\n")
        return 127
    command, *arguments = context.argv[1:] or ("help",)
    try:
        if command in {"install", "wheel"}:
            return await _install(context, command, arguments)
        if command in {"list", "freeze"}:
            return await _list(context, command)
        if command in {"-V", "--version"}:
            version = f"{sys.version_info[0]}.{sys.version_info[1]}"
            await context.out(f"pip {metadata.version('pip')} from {SITE_PACKAGES}/pip (python {version})\n")
            return 0
        raise PipError(f'"pip {command}" is not available in swarmlab: there are install, wheel, list and freeze')
    except PipError as error:
        await context.err(f"ERROR: {error}\n")
        return 1


async def _install(context: Context, command: str, arguments: Sequence[str]) -> int:
    asked = parse(context, arguments)
    if not asked.names and not asked.lines and not asked.wheels:
        raise PipError(f'You must give at least one requirement to {command} (see "pip help {command}")')
    folder = context.machine.processes.state / f"{context.machine.container_id[:12]}-{secrets.token_hex(4)}.pip"
    try:
        installation = _Installation(context, folder, asked)
        return await (installation.run() if command == "install" else installation.collect())
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class Place(NamedTuple):
    """Where packages go and where their commands do, and the interpreter that these name."""

    packages: str
    commands: str
    python: str = "/usr/local/bin/python3"


def _place(context: Context, asked: Asked) -> Place:
    """Where something is to be installed."""
    option, where = asked.place
    if option == "--target":
        return Place(context.path(where), context.path(f"{where}/bin"))
    if option == "--user":
        where = context.env.get("PYTHONUSERBASE") or f"{context.user.home.rstrip('/')}/.local"
    elif not option and (own := environment(context)):
        return Place(packages(own), f"{own}/bin", f"{own}/bin/python3")
    if option:
        where = context.path(where)
        return Place(packages(where), posixpath.join(where, "bin"))
    return Place(SITE_PACKAGES, "/usr/local/bin")


class _Installation:
    """One call of the real pip that fetches wheels, and another that installs them."""

    def __init__(self, context: Context, folder: Path, asked: Asked) -> None:
        """`folder` is made, and is for this installation only; wheels are kept for those to come."""
        self._context = context
        self._folder = folder
        self._asked = asked
        self._place = _place(context, asked)
        kept = context.machine.processes.state / "pip"
        self._wheels, self._cache = kept / "wheels", kept / "cache"
        for path in (folder, self._wheels):
            path.mkdir(parents=True, exist_ok=True, mode=0o700)

    async def run(self) -> int:
        """Install; the exit code."""
        target = self._folder / "target"
        code = await self._do("install", "--target", str(target), "--no-compile")
        return code or await self._put(target)

    async def collect(self) -> int:
        """Put wheels into a directory of the container; the exit code."""
        out = self._folder / "wheels"
        code = await self._do("download", "--dest", str(out))
        where = self._asked.place[1] if self._asked.place[0] == "--wheel-dir" else "."
        for path in sorted(out.iterdir()) if not code else ():
            self._context.machine.root.take(self._context.path(posixpath.join(where, path.name)), path, 0o644)
        return code

    def _given(self) -> tuple[list[str], list[str]]:
        """Wheels of the container as files of this machine, and the options for those among which others may be."""
        root = self._context.machine.root
        files = []
        for kind, paths in (("given", self._asked.wheels), ("found", self._asked.found)):
            for path in paths:
                real = self._folder / kind / posixpath.basename(path)
                real.parent.mkdir(exist_ok=True)
                real.write_bytes(root.read(path))
                files += [str(real)] if kind == "given" else []
        return files, ["--find-links", str(self._folder / "found")] if self._asked.found else []

    async def _do(self, command: str, *options: str) -> int:
        """Fetch wheels, and have the real pip do something with them; the exit code."""
        asked = self._asked
        if not {"-q", "--quiet"} & set(asked.flags):
            await self._show([("stdout", note) for note in asked.notes])
        files, links = await asyncio.to_thread(self._given)
        wanted = [*asked.flags, *links, *asked.names, *files]
        for flag, name, lines in (
            ("-r", "requirements.txt", asked.lines),
            ("-c", "constraints.txt", asked.constraints),
        ):
            if lines:
                path = self._folder / name
                path.write_text("".join(f"{line}\n" for line in lines))
                wanted += [flag, str(path)]
        download = ["download", "--dest", str(self._wheels), "--cache-dir", str(self._cache), "--retries", "0"]
        fetched = await self._pip([*download, *asked.sources, *wanted])
        if fetched.code:
            await asyncio.to_thread(add_installed, [*asked.names, *asked.lines], self._wheels)
        installed = await self._pip([command, "--no-index", "--find-links", str(self._wheels), *options, *wanted])
        if installed.code and fetched.code:
            # Why there are no wheels was said when they were to be fetched; the second call only misses them.
            await self._show([("stderr", line) for _, line in fetched.lines if _REASON.match(line)])
            await self._context.err(_ADVICE)
            return installed.code
        await self._show(installed.lines)
        return installed.code

    async def _show(self, lines: Sequence[tuple[str, str]]) -> None:
        for stream, line in lines:
            if shown := self._as_inside(line):
                await self._context.output(stream, shown.encode())

    async def _pip(self, arguments: Sequence[str]) -> Said:
        """Run the real pip to its end."""
        fixed = ["--only-binary=:all:", "--disable-pip-version-check", "--no-input", "--progress-bar=off"]
        # The folder is named in any case, so that the process can be recognised as one of the lab's.
        command = [sys.executable, "-I", "-m", "pip", arguments[0], *fixed, f"--src={self._folder}", *arguments[1:]]
        if arguments[0] == "install":
            command += ["--root-user-action=ignore", "--no-warn-script-location"]
        said: list[tuple[str, str]] = []
        rest = {"stdout": b"", "stderr": b""}

        def output(stream: str, data: bytes) -> None:
            *lines, rest[stream] = (rest[stream] + data).split(b"\n")
            said.extend((stream, line.decode("utf-8", "replace")) for line in lines)

        child = self._context.machine.spawn(
            command, executable=Path(sys.executable), directory=self._folder, env=self._environment(), on_output=output
        )
        try:
            return Said(await child.wait(), said)
        finally:
            child.signal("SIGKILL")

    def _environment(self) -> Mapping[str, str]:
        inherited = {key: value for key, value in os.environ.items() if _INHERITED.fullmatch(key)}
        own = {"TMPDIR": str(self._folder), "PIP_USER": "0", "PIP_REQUIRE_VIRTUALENV": "0", "NO_COLOR": "1"}
        return {**inherited, **own}

    def _as_inside(self, line: str) -> str:
        """A line as a container would show it: without the folders of this machine."""
        if line.startswith("Looking in links: ") or _OF_THE_LAB.match(line):
            return ""
        line = line.replace(f"{self._folder}/wheels/", f"{self._asked.place[1].rstrip('/')}/")
        line = line.replace(f"{self._folder}/given/", "")
        processing = re.match(rf"Processing {re.escape(str(self._wheels))}/(([^-]+)-\S+)(.*)", line)
        if processing is not None:
            line = f"Collecting {processing[2]}{processing[3]}\n  Using cached {processing[1]}"
        line = line.replace(f"{self._folder}/requirements.txt", "requirements.txt")
        return line.replace(str(self._wheels), "/root/.cache/pip").replace(str(self._folder), "/root/.pip") + "\n"

    async def _put(self, target: Path) -> int:
        """Bring what was installed into the container."""
        try:
            await asyncio.to_thread(self._put_all, target)
        except (RuntimeError, OSError):
            # The container's file system takes no file of that size, or no more files.
            await self._context.err(
                "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device\n"
            )
            return 1
        return 0

    def _put_all(self, target: Path) -> None:
        root = self._context.machine.root
        first = f"#!{self._place.python}\n".encode()
        for top in sorted(target.iterdir()):
            if top.name == "bin":
                # `pip install --upgrade pip`: the command stays the one that is played.
                for path in (found for found in _files(top) if not _PIP.fullmatch(found.name)):
                    path.write_bytes(re.sub(rb"\A#![^\n]*\n", lambda _: first, path.read_bytes()))
                    root.take(posixpath.join(self._place.commands, *path.relative_to(top).parts), path, 0o755)
            elif not root.take_whole(posixpath.join(self._place.packages, top.name), top):
                # Something of that name is there: what is in both is the new one's.
                for path in _files(top):
                    root.take(posixpath.join(self._place.packages, *path.relative_to(target).parts), path, 0o644)


def _files(top: Path) -> list[Path]:
    return [top] if top.is_file() else sorted(found for found in top.rglob("*") if found.is_file())


async def _list(context: Context, command: str) -> int:
    rows = sorted(_installed(context), key=lambda row: row[0].lower())
    if command == "freeze":
        await context.out("".join(f"{name}=={version}\n" for name, version in rows))
    elif rows:
        first, second = (max(len(row[column]) for row in [("Package", "Version"), *rows]) for column in (0, 1))
        table = [("Package", "Version"), ("-" * first, "-" * second), *rows]
        await context.out("".join(f"{name:{first}} {version}\n" for name, version in table))
    return 0


def _installed(context: Context) -> list[tuple[str, str]]:
    """Names and versions."""
    root = context.machine.root
    found = []
    own = environment(context)
    folder = packages(own) if own else SITE_PACKAGES
    fs, inner = root.at(folder)
    for entry in fs.read_dir(inner) if fs.exists(inner) else ():
        if entry["name"].endswith(".dist-info"):
            text = root.read(posixpath.join(folder, entry["name"], "METADATA")).decode("utf-8", "replace")
            fields = dict(line.partition(": ")[::2] for line in text.partition("\n\n")[0].splitlines())
            found.append((fields.get("Name", "?"), fields.get("Version", "?")))
    return found
