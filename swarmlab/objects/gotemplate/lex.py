"""A template's text in pieces (Go: text/template/parse/lex.go)."""

import ast
import re
from collections.abc import Iterator
from typing import NamedTuple

from swarmlab.objects.gotemplate.nodes import Source

_ACTION = re.compile(r"\{\{(-(?=\s))?")
_COMMENT = re.compile(r"(\s*)/\*.*?\*/(\s+-)?\}\}", re.DOTALL)
_TOKEN = re.compile(
    r"""(?P<space>\s+)|(?P<string>"(?:\\.|[^"\\\n])*")|(?P<raw>`[^`]*`)|(?P<char>'(?:\\.|[^'\\\n])+')
    |(?P<number>[+-]?(?:0[xX][0-9a-fA-F_]+|0[bB][01_]+|0[oO][0-7_]+|[0-9][0-9_]*(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?
    |\.[0-9]+))|(?P<field>\.[^\W\d]\w*)|(?P<variable>\$\w*)|(?P<word>[^\W\d]\w*)|(?P<sign>:=|[.|(),=]|[!#%&*+;<>?@^~/\[\]{}:-])""",
    re.VERBOSE,
)


#: What Go does not know behind a backslash.
_BAD_ESCAPE = re.compile(r"(?<!\\)(?:\\\\)*\\[^abfnrtv\\'\"xuU0-7]")


class Token(NamedTuple):
    """A piece of an action; `kind` is one of the groups of `_TOKEN`, or `end`."""

    kind: str
    text: str
    position: int


class Action(NamedTuple):
    """What stands in braces."""

    position: int
    tokens: list[Token]


def pieces(source: Source) -> Iterator[str | Action]:
    """Texts and actions by turns. Raises TemplateError."""
    text = source.text
    position, trims = 0, False
    while (opened := _ACTION.search(text, position)) is not None:
        before = text[position : opened.start()]
        yield _trimmed(before, left=trims, right=opened[1] is not None)
        if (comment := _COMMENT.match(text, opened.end())) is not None:
            position, trims = comment.end(), comment[2] is not None
            continue
        action, position, trims = _action(source, opened.end())
        yield action
    yield _trimmed(text[position:], left=trims, right=False)


def _trimmed(text: str, *, left: bool, right: bool) -> str:
    text = text.lstrip() if left else text
    return text.rstrip() if right else text


def _action(source: Source, begin: int) -> tuple[Action, int, bool]:
    """An action, where it ends, and whether space behind it goes."""
    text = source.text
    tokens: list[Token] = []
    position = begin
    while True:
        if text.startswith("}}", position):
            return Action(begin, [*tokens, Token("end", "", position)]), position + 2, False
        if text.startswith("-}}", position) and text[position - 1].isspace():
            return Action(begin, [*tokens, Token("end", "", position)]), position + 3, True
        if position >= len(text):
            raise source.error(begin, "unclosed action")
        found = _TOKEN.match(text, position)
        if found is None:
            raise source.error(position, _complaint(text, position))
        kind = found.lastgroup
        assert kind is not None
        tokens.append(Token(kind, found[0], position))
        position = found.end()


def _complaint(text: str, position: int) -> str:
    letter = text[position]
    if letter in "\"'":
        return "unterminated quoted string" if letter == '"' else "unterminated character constant"
    if letter == "`":
        return "unterminated raw quoted string"
    return f"unrecognized character in action: U+{ord(letter):04X} '{letter}'"


def constant(token: Token) -> object:
    """What a literal means. Raises ValueError."""
    if token.kind == "raw":
        return token.text[1:-1].replace("\r", "")
    if token.kind == "number":
        plain = token.text.replace("_", "")
        return float(plain) if re.search(r"[.eE]", plain) and "x" not in plain.lower() else int(plain, 0)
    if _BAD_ESCAPE.search(token.text):
        raise ValueError("invalid syntax")
    value = ast.literal_eval(token.text)
    if token.kind == "char" and len(value) != 1:
        raise ValueError("malformed character constant")
    return ord(value) if token.kind == "char" else value
