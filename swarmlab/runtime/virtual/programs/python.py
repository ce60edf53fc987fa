"""Python: the lab's own interpreter in a process beside it, which sees the container's files and networks."""

import asyncio
import functools
import hashlib
import json
import posixpath
import shlex
import sys
from pathlib import Path
from typing import Any

from swarmlab.runtime.virtual import shim
from swarmlab.runtime.virtual.context import Context, Program
from swarmlab.runtime.virtual.files.private import private_folder
from swarmlab.runtime.virtual.processes import native
from swarmlab.runtime.virtual.processes.bridge import Bridge
from swarmlab.runtime.virtual.processes.native import Native
from swarmlab.runtime.virtual.programs.pip import pip
from swarmlab.runtime.virtual.programs.venv import environment, make_environments, packages, shares

#: The names of the interpreter that images have.
NAMES = ("python", "python3")
_LAUNCH = Path(shim.__file__).parent / "launch.py"
#: Options that the interpreter must be given itself.
_OWN = frozenset("bBdOquv")


async def python(context: Context) -> int:
    """Run the interpreter as the command line says."""
    machine = context.machine
    if context.argv[1:3] == ("-m", "venv"):
        return await make_environments(context, list(context.argv[3:]))
    if context.argv[1:3] == ("-m", "pip"):
        # That of the same environment.
        name = posixpath.join(posixpath.dirname(context.argv[0]), "pip")
        return await pip(context.with_argv((name, *context.argv[3:])))
    # An image with many packages has thousands of files.
    root = await asyncio.to_thread(machine.root.make_all_real)
    try:
        surroundings = await _surroundings(context, root)
    except OSError as error:
        await context.err(f"{context.argv[0]}: {error.strerror}\n")
        return 126
    arguments = list(context.argv[1:])
    options = [word for word in _leading(arguments) if _OWN.issuperset(word[1:])]
    argv = [str(interpreter()), "-s", "-S", *options, str(_LAUNCH), *arguments]
    cwd = root / context.cwd.lstrip("/")
    cwd.mkdir(parents=True, exist_ok=True)
    env = {key: value for key, value in context.env.items() if key not in {"PYTHONHOME", "PYTHONSTARTUP"}}
    env |= surroundings
    own = f"{environment(context) or '/usr/local'}/bin/python"
    pairs = [(str(machine.directory / "bin" / "python"), own), *_paths(context, root)]
    process = Native(
        context, argv, executable=interpreter(), env=env, cwd=cwd, rewrite=native.replacing(pairs), is_anything=True
    )  # fmt: skip
    return await process.run(as_init=context.is_main)


@functools.cache
def interpreter() -> Path:
    """The interpreter, without the packages of the lab's own environment."""
    return Path(getattr(sys, "_base_executable", "") or sys.executable)


async def _surroundings(context: Context, root: Path) -> dict[str, str]:
    """The variables that tell the process of its container. Raises OSError."""
    machine = context.machine
    bridge = machine.bridge
    if bridge is None:
        bridge = machine.bridge = Bridge(machine)
        await bridge.start()
    directory = machine.directory / "bin"
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    settings: dict[str, Any] = {
        "root": str(root),
        "mounts": machine.root.real_mounts(),
        "bridge": str(bridge.path),
        "exchange": machine.exchange(),
        "hostname": machine.hostname,
        "address": next((host for place in machine.sandbox.places for host in place.hosts), "127.0.0.1"),
        "writable": [
            *map(str, (machine.processes.state, private_folder(machine.processes.state))),
            *(source for _, source in machine.root.real_mounts()),
        ],
        "uid": context.user.uid,
        "gid": context.user.gid,
        "bin": str(directory),
        "python": str(directory / "python"),
        "site": _sites(root, context.user.home),
        "prefix": (venv := environment(context)),
    }
    if venv:
        settings["site"] = [packages(venv), *(settings["site"] if shares(machine, venv) else ())]
    kind = hashlib.sha256(venv.encode()).hexdigest()[:8] if venv else "own"
    file = directory / f"shim-{context.user.uid}-{context.user.gid}-{kind}.json"
    file.write_text(json.dumps(settings))
    script = f'#!/bin/sh\nexec {shlex.quote(str(interpreter()))} -s -S {shlex.quote(str(_LAUNCH))} "$@"\n'
    for name in (*NAMES, f"python{sys.version_info[0]}.{sys.version_info[1]}"):
        path = directory / name
        if not path.exists():
            path.write_text(script)
            path.chmod(0o700)
    return {"SWARMLAB_SHIM": str(file)}


def _sites(root: Path, home: str) -> list[str]:
    """Where the container has packages, as it calls these directories; a user's own are in his home."""
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    user = packages(f"{home.rstrip('/')}/.local")
    found = [user] if (root / user[1:]).is_dir() else []
    for parent in ("/usr/local/lib", "/usr/lib"):
        for name in (version, "python3", *sorted(path.name for path in (root / parent[1:]).glob("python3.*"))):
            for kind in ("site-packages", "dist-packages"):
                path = f"{parent}/{name}/{kind}"
                if (root / path[1:]).is_dir() and path not in found:
                    found.append(path)
    return found


def _paths(context: Context, root: Path) -> list[tuple[str, str]]:
    """What the process may say, and what the container calls it."""
    mounts = [(source, target) for target, source in context.machine.root.real_mounts()]
    return [(f"{root}/", "/"), (str(root), "/"), *((source, target) for source, target in mounts)]


def script(path: str) -> Program:
    """The program that a file is whose first line names Python."""

    async def run(context: Context) -> int:
        interpreter = interpreter_of(context.machine.root.read(path))
        return await python(context.with_argv((*interpreter, path, *context.argv[1:])))

    return run


def _leading(arguments: list[str]) -> list[str]:
    """The options before what is to be run."""
    found = []
    for word in arguments:
        if not word.startswith("-") or word == "-" or word[1:2] in "cm" or word.startswith("--"):
            break
        found.append(word)
    return found


def is_python(name: str) -> bool:
    """Whether a command (or a script's interpreter) is Python."""
    base = posixpath.basename(name)
    return base in NAMES or (base.startswith("python3.") and base[8:].isdigit())


def interpreter_of(data: bytes) -> list[str]:
    """The words of a script's first line after `#!`, without `env`; none for another file."""
    words = data[2:].partition(b"\n")[0].decode("utf-8", "replace").split() if data.startswith(b"#!") else []
    return words[1:] if words and posixpath.basename(words[0]) == "env" else words


def is_script(data: bytes) -> bool:
    """Whether a file is a script for Python."""
    return is_python((interpreter_of(data) or [""])[0])
