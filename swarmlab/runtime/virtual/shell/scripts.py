"""Scripts as BusyBox's shell reads them, told to an interpreter that takes itself for bash."""

import re
from collections.abc import Mapping, Sequence

from swarmlab.runtime.virtual.machine import Machine
from swarmlab.runtime.virtual.programs.kill import ITSELF, NOT_OURS

#: Jobs are the shell's own to kill, itself too, and all other processes the container's.
_KILL = (
    f'kill() {{ .kill "$@"; case $? in 0) ;; {NOT_OURS}) builtin kill "$@";; {ITSELF}) case $1 in '
    '-s) builtin kill "-$2" $$;; -*) builtin kill "$1" $$;; *) builtin kill $$;; esac;; *) return 1;; esac; }'
)
#: A name that the image has no program for is not found, though the interpreter knows it.
_COMMAND = (
    'command() { case $1 in -v|-V) .known "$2" || return 127;; esac; builtin command "$@"; }',
    'hash() { case $1 in -*|"") ;; *) .known "$1" || { echo "sh: $1: not found" >&2; return 1; };; esac; '
    'builtin hash "$@"; }',
)
#: For what is done at a signal: the shell's jobs have ended with its script, as if the signal had reached them, too.
JOBS_ENDED = 'kill() { .kill "$@" 2>/dev/null; return 0; }; wait() { [ $# = 0 ] || return 143; }'
#: What only bash has, and what images with BusyBox have no program for.
_BASHISMS = ("declare", "typeset", "shopt", "pushd", "popd", "dirs", "mapfile", "readarray", "make", "man", "nano")
_BUSYBOX = (
    'cd() { builtin cd "$@" || return 2; }',
    # The interpreter's own knows the files of `<(command)`.
    'diff() { case "$*" in */dev/fd/*) command diff "$@";; *) .diff "$@";; esac; }',
    'ash() { sh "$@"; }',
    # The interpreter has one of its own.
    'busybox() { /bin/busybox "$@"; }',
    'zcat() { gzip -dc "$@"; }',
    'setsid() { "$@"; }',
    # Without `return`: when it ends a shell the interpreter forgets that it is in a function.
    'timeout() { command timeout "$@"; case $?$1$2 in 124-sKILL|124-s9) (exit 137);; 124*) (exit 143);; '
    "125*) (exit 1);; *) (exit $?);; esac; }",
    'type() { local n r=0; for n; do case $n in cd|kill|command|type|hash|test) echo "$n is a shell builtin";; '
    'ash|diff|setsid|timeout|zcat) echo "$n is /usr/bin/$n";; *) if ! .known "$n"; then echo "$n: not found"; r=127; '
    'elif [ "$(builtin type -t "$n")" = function ]; then echo "$n is a function"; '
    'else builtin type "$n" 2>/dev/null || { echo "$n: not found"; r=127; }; fi;; esac; done; return $r; }',
)
#: How a list of words in braces begins, or a range; in a script for BusyBox these are letters.
_BRACES = re.compile(r"\{[^{}\s'\"$;]*(?:,|\.\.)[^{}\s'\"$;]*\}")
#: A here-document whose text is taken as it is.
_VERBATIM = re.compile(r"<<-?\s*['\"\\]")
_TRAP = re.compile(r"\btrap\b")


def has_traps(script: str) -> bool:
    """Whether a script seems to handle signals, or its own end."""
    return _TRAP.search(script) is not None


def missing(machine: Machine) -> Sequence[str]:
    """Commands that the interpreter has itself, and the image does not."""
    names = (*_BASHISMS, "bash") if machine.is_busybox else ()
    return [name for name in names if name != "bash" or "bash" in machine.absent]


def prelude(machine: Machine) -> str:
    """What a shell of this image knows before its script begins."""
    lines = [_KILL, *_COMMAND, "unset SHELL OLDPWD"]
    if machine.is_busybox:
        lines += [*_BUSYBOX, *(f"{name}() {{ .missing {name}; }}" for name in missing(machine))]
    # In one line with what follows: a script of several lines is read line by line.
    return "; ".join(lines)


def prepared(script: str, words: Mapping[str, str], *, is_busybox: bool) -> str:
    """A script with what the interpreter has other values for: `$$`, `$0`, and no braces that stand for several words.

    `words` are parameters and their values. Nothing changes in single quotes, nor behind a backslash.
    """
    values = {name: value for word, value in words.items() for name in (word, f"${{{word[1:]}}}")}
    if _VERBATIM.search(script) or not (is_busybox or any(name in script for name in values)):
        return script
    has_document = "<<" in script
    found, quote, position = [], "", 0
    while position < len(script):
        letter = script[position]
        step = 1
        if letter == "\\" and quote != "'":
            letter, step = script[position : position + 2], 2
        elif letter == "$" and quote != "'":
            name = next((one for one in values if script.startswith(one, position)), letter)
            letter, step = values.get(name, letter), len(name)
        elif letter == "{" and not quote and is_busybox and not has_document:
            braces = _BRACES.match(script, position)
            letter = "\\{" if braces is not None else letter
        elif letter in "'\"" and quote in {"", letter}:
            quote = "" if quote else letter
        found.append(letter)
        position += step
    return "".join(found)
