"""Which names are commands of the shell."""

import functools
import shlex

from bashkit import Bash

from swarmlab.runtime.virtual.machine import Machine
from swarmlab.runtime.virtual.programs import OWN, PROGRAMS

#: Commands that exist only inside a shell: an exec of one finds no file.
_SHELL_ONLY = frozenset(
    [
        ".", ":", "alias", "bg", "bind", "break", "builtin", "caller", "cd", "compgen", "complete", "continue",
        "declare", "dirs", "disown", "eval", "exec", "exit", "export", "fc", "fg", "getopts", "hash", "help",
        "history", "jobs", "let", "local", "logout", "mapfile", "popd", "pushd", "read", "readonly", "return",
        "set", "shift", "shopt", "source", "suspend", "times", "trap", "type", "typeset", "ulimit", "umask",
        "unalias", "unset", "wait", "case", "do", "done", "elif", "else", "esac", "fi", "for", "function", "if",
        "in", "select", "then", "until", "while", "{", "}", "[[", "]]", "!",
    ]
)  # fmt: skip


def command_exists(machine: Machine, name: str) -> bool:
    """Whether an image has a command of this name that is not a file of its own."""
    if not name or name in _SHELL_ONLY or name == "sudo" or machine.lacks(name):
        return False
    if name == "ash":
        return machine.is_busybox
    return name not in OWN and (name in PROGRAMS or _is_builtin(name))


def is_no_script(machine: Machine, name: str) -> bool:
    """Whether a name in a script stands for a command of the shell or a program of ours; paths are scripts."""
    return name in _SHELL_ONLY or name in PROGRAMS or command_exists(machine, name)


@functools.cache
def _is_builtin(name: str) -> bool:
    return Bash().execute_sync(f"type -t {shlex.quote(name)}").exit_code == 0
