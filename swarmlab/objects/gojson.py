"""Go's words for JSON that is not well-formed (encoding/json, scanner.go).

The standard library's parser does the work; only a text that it refuses is read again, character by character, to find
what Go would say. Go follows 10,000 levels of nested values, this a few hundred.
"""

import json
from typing import Any

_SPACE = " \t\r\n"
_LITERALS = {"t": "true", "f": "false", "n": "null"}
_DIGITS = "0123456789"
_ESCAPES = '"\\/bfnrt'


class GoSyntaxError(ValueError):
    """Raised when a text is no JSON value; the message is Go's."""


class Number(float):
    """A number that was written with a fraction or an exponent; `literal` is how it was written."""

    literal: str

    def __new__(cls, literal: str) -> "Number":
        """Keep the literal beside the value."""
        self = super().__new__(cls, literal)
        self.literal = literal
        return self


def loads(text: str) -> Any:
    """The first JSON value in `text`, floats as `Number`. Raises GoSyntaxError."""
    try:
        value, end = _DECODER.raw_decode(text, len(text) - len(text.lstrip(_SPACE)))
    except (ValueError, RecursionError):
        raise GoSyntaxError(_Scanner(text).explain()) from None
    if text[end:].strip(_SPACE):
        raise GoSyntaxError("unexpected content after JSON")
    # Only an escape can be half of a surrogate pair.
    return _as_text(value) if "\\ud" in text.lower() else value


def _as_text(value: Any) -> Any:
    """The same value, with Go's replacement character for each half of a surrogate pair, which is no text."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_as_text(inner) for inner in value]
    if isinstance(value, dict):
        return {_as_text(key): _as_text(inner) for key, inner in value.items()}
    return value


def _no_constant(_: str) -> None:
    raise ValueError


_DECODER = json.JSONDecoder(parse_float=Number, parse_constant=_no_constant)


def quoted(char: str) -> str:
    """A character as Go quotes it in these errors."""
    if char == "'":
        return r"'\''"
    if char == '"':
        return "'\"'"
    if char.isprintable():
        return f"'{char}'"
    return {"\n": r"'\n'", "\t": r"'\t'", "\r": r"'\r'"}.get(char, f"'\\x{ord(char):02x}'")


class _StopError(Exception):
    """Carries the message out of the scan."""


class _Scanner:
    """Reads a text that is known to be wrong."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def explain(self) -> str:
        """What Go says is wrong."""
        try:
            self._value("looking for beginning of value", 0)
        except _StopError as stop:
            return str(stop)
        except RecursionError:
            return str(self._fail(self.text[self.at - 1], "exceeded max depth"))
        return "unexpected content after JSON"

    def _peek(self) -> str:
        if self.at >= len(self.text):
            raise _StopError("unexpected EOF")
        return self.text[self.at]

    def _next(self, skip_space: bool = True) -> str:
        while skip_space and self._peek() in _SPACE:
            self.at += 1
        char = self._peek()
        self.at += 1
        return char

    @staticmethod
    def _fail(char: str, context: str) -> _StopError:
        return _StopError(f"invalid character {quoted(char)} {context}")

    def _value(self, context: str, depth: int, first: str | None = None) -> None:
        char = first if first is not None else self._next()
        if char == "{":
            self._object(depth)
        elif char == "[":
            self._array(depth)
        elif char == '"':
            self._string()
        elif char in _LITERALS:
            self._literal(_LITERALS[char])
        elif char == "-" or char in _DIGITS:
            self._number(char)
        else:
            raise self._fail(char, context)

    def _object(self, depth: int) -> None:
        if (char := self._next()) == "}":
            return
        while True:
            if char != '"':
                raise self._fail(char, "looking for beginning of object key string")
            self._string()
            if (char := self._next()) != ":":
                raise self._fail(char, "after object key")
            self._value("looking for beginning of value", depth + 1)
            if (char := self._next()) == "}":
                return
            if char != ",":
                raise self._fail(char, "after object key:value pair")
            char = self._next()

    def _array(self, depth: int) -> None:
        if (char := self._next()) == "]":
            return
        while True:
            self._value("looking for beginning of value", depth + 1, char)
            if (char := self._next()) == "]":
                return
            if char != ",":
                raise self._fail(char, "after array element")
            char = self._next()

    def _string(self) -> None:
        while (char := self._next(skip_space=False)) != '"':
            if char < " ":
                raise self._fail(char, "in string literal")
            if char != "\\":
                continue
            escape = self._next(skip_space=False)
            if escape == "u":
                for _ in range(4):
                    if (digit := self._next(skip_space=False)) not in "0123456789abcdefABCDEF":
                        raise self._fail(digit, r"in \u hexadecimal character escape")
            elif escape not in _ESCAPES:
                raise self._fail(escape, "in string escape code")

    def _literal(self, word: str) -> None:
        for wanted in word[1:]:
            if (char := self._next(skip_space=False)) != wanted:
                raise self._fail(char, f"in literal {word} (expecting {quoted(wanted)})")

    def _number(self, char: str) -> None:
        if char == "-" and (char := self._next(skip_space=False)) not in _DIGITS:
            raise self._fail(char, "in numeric literal")
        if char != "0":
            self._digits()
        if self.text[self.at : self.at + 1] == ".":
            self.at += 1
            self._some_digits("after decimal point in numeric literal")
        if self.text[self.at : self.at + 1] in ("e", "E"):
            self.at += 1
            if self.text[self.at : self.at + 1] in ("+", "-"):
                self.at += 1
            self._some_digits("in exponent of numeric literal")

    def _some_digits(self, context: str) -> None:
        if (char := self._next(skip_space=False)) not in _DIGITS:
            raise self._fail(char, context)
        self._digits()

    def _digits(self) -> None:
        while self.text[self.at : self.at + 1] in tuple(_DIGITS):
            self.at += 1
