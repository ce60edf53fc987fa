"""Python's virtual environments: directories with commands and packages of their own (PEP 405)."""

import posixpath
import sys

from swarmlab.runtime.virtual.context import Context
from swarmlab.runtime.virtual.files.applets import hand_over
from swarmlab.runtime.virtual.machine import Machine

#: How directories are named after the interpreter.
PYTHON = f"python{sys.version_info[0]}.{sys.version_info[1]}"
_MARK = "pyvenv.cfg"
_COMMANDS = ("python", "python3", "pip", "pip3")
_OPTIONS = frozenset(
    {"--system-site-packages", "--symlinks", "--copies", "--clear", "--upgrade", "--without-pip", "--upgrade-deps"}
)
_USAGE = "usage: venv [-h] [--system-site-packages] [--symlinks | --copies] [--clear] ENV_DIR [ENV_DIR ...]"
_ACTIVATE = """\
# This file must be used with "source bin/activate" *from bash*
deactivate () {{
    PATH="$_OLD_VIRTUAL_PATH"
    export PATH
    unset _OLD_VIRTUAL_PATH VIRTUAL_ENV
    [ "$1" = nondestructive ] || unset -f deactivate
}}
VIRTUAL_ENV={0}
export VIRTUAL_ENV
_OLD_VIRTUAL_PATH="$PATH"
PATH="$VIRTUAL_ENV/bin:$PATH"
export PATH
"""


def environment(context: Context) -> str:
    """The directory of the environment whose command is called; empty when it is the image's own."""
    name = context.argv[0]
    if "/" in name:
        return environment_of(context.machine, context.path(name))
    for folder in context.env.get("PATH", "").split(":"):
        if folder.startswith("/") and context.machine.root.exists(path := f"{folder}/{name}"):
            return environment_of(context.machine, path)
    return ""


def environment_of(machine: Machine, path: str) -> str:
    """The directory of the environment that a command is in; empty when it is in none."""
    folder = posixpath.dirname(posixpath.dirname(path))
    return folder if machine.root.exists(f"{folder}/{_MARK}") else ""


def packages(folder: str) -> str:
    """Where an environment, or another prefix, has its packages."""
    return f"{folder.rstrip('/')}/lib/{PYTHON}/site-packages"


async def make_environments(context: Context, arguments: list[str]) -> int:
    """`python -m venv [OPTION]… DIRECTORY…`."""
    names = []
    words = list(arguments)
    while words:
        word = words.pop(0)
        if word == "--prompt" and words:
            words.pop(0)
        elif not word.startswith("-"):
            names.append(word)
        elif word not in _OPTIONS and not word.startswith("--prompt="):
            await context.err(f"{_USAGE}\nvenv: error: unrecognized arguments: {word}\n")
            return 2
    if not names:
        await context.err(f"{_USAGE}\nvenv: error: the following arguments are required: ENV_DIR\n")
        return 2
    for name in names:
        try:
            _make(context, context.path(name), shares="--system-site-packages" in arguments)
        except (RuntimeError, OSError) as error:
            reason = str(error).removeprefix("io error: ")
            await context.err(f"Error: {reason}: '{context.path(name)}'\n")
            return 1
    return 0


def shares(machine: Machine, folder: str) -> bool:
    """Whether an environment has the packages of the image, too."""
    return b"include-system-site-packages = true" in machine.root.read(f"{folder}/{_MARK}")


def _make(context: Context, folder: str, *, shares: bool) -> None:
    version = ".".join(map(str, sys.version_info[:3]))
    settings = (
        f"home = /usr/local/bin\ninclude-system-site-packages = {str(shares).lower()}\nversion = {version}\n"
        f"executable = /usr/local/bin/{PYTHON}\ncommand = /usr/local/bin/python -m venv {folder}\n"
    )
    files = {f"bin/{name}": hand_over(name).content for name in _COMMANDS}
    root = context.machine.root
    for path in ("bin", "include", packages("")[1:]):
        fs, inner = root.personal(f"{folder}/{path}", context.user)
        fs.mkdir(inner, recursive=True)
    for path, content in files.items():
        assert content is not None
        fs, inner = root.personal(f"{folder}/{path}", context.user)
        fs.write_file(inner, content.read_bytes())
        fs.chmod(inner, 0o755)
    for path, text in ((_MARK, settings), ("bin/activate", _ACTIVATE.format(folder))):
        fs, inner = root.personal(f"{folder}/{path}", context.user)
        fs.write_file(inner, text.encode())
