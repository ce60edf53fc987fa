"""Whether a script may begin others, which may begin others without end."""

from collections.abc import Callable

from bashkit import Bash, BashError

#: Commands that begin others which their arguments name.
_BEGIN_OTHERS = frozenset(
    {"command", "env", "exec", "find", "nice", "nohup", "setsid", "su", "time", "timeout", "watch", "xargs"}
)


def may_nest(script: str, is_command: Callable[[str], bool]) -> bool:
    """Whether a script may run scripts from files; `is_command` tells which names are the shell's own commands."""
    try:
        found = _READER.analyze(script)
    except BashError:
        # It does not run at all.
        return False
    if found.is_opaque or found.has_interpreter_reentry or found.has_dynamic_commands:
        return True
    own = set(found.functions)
    return any(name in _BEGIN_OTHERS or not (name in own or is_command(name)) for name in found.command_names)


#: Only asked about scripts; it runs none.
_READER = Bash()
