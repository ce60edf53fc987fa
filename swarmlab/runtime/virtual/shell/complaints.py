"""What a container's shell says when the interpreter gives up: in BusyBox's words, where it has any."""

import re

#: The exit code of a script that is none.
MISUSE = 2

_PLACE = re.compile(r"parse error(?: at line \d+, column \d+)?: (?:syntax error:? )?")
_SYNTAX = (
    (re.compile(r"near unexpected token `(.*)'", re.DOTALL), r'unexpected "\1"'),
    (re.compile(r"unexpected EOF while looking for matching .*", re.DOTALL), "unterminated quoted string"),
    (re.compile(r"unterminated command substitution"), 'unexpected end of file (expecting ")")'),
    (re.compile(r"expected variable name in for loop"), "bad for loop variable"),
)
_LIMIT = re.compile(r"resource limit exceeded: (?:execution budget exhausted: |memory limit exceeded: )?")


def complaint(error: str) -> str:
    """What is wrong with a script, as the shell says it after its name."""
    place = _PLACE.match(error)
    if place is None:
        return _LIMIT.sub("swarmlab: too much for a shell: ", error)
    text = error[place.end() :]
    for pattern, words in _SYNTAX:
        if pattern.fullmatch(text):
            text = pattern.sub(words, text)
    return f"syntax error: {text}"


def is_syntax_error(error: str) -> bool:
    """Whether it is no script at all."""
    return _PLACE.match(error) is not None
