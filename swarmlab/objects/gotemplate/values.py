"""Values of templates, and the functions that Go has for them (text/template/funcs.go)."""

import html
import json
import re
from collections.abc import Callable, Mapping
from typing import NamedTuple
from urllib.parse import quote_plus


class Struct(NamedTuple):
    """A struct with its type's name."""

    type: str
    fields: Mapping[str, "Value"]


class Map(NamedTuple):
    """A map of strings."""

    items: Mapping[str, str]


Value = str | int | float | bool | None | Struct | Map
#: Raises LookupError, with Go's text, for what it cannot do.
Function = Callable[..., Value]

_VERB = re.compile(r"%([-+# 0]*)(\d*)(?:\.(\d*))?(.)", re.DOTALL)


def is_true(value: Value) -> bool:
    """Whether `if` takes it for true: nothing that is empty."""
    return True if isinstance(value, Struct) else bool(value.items if isinstance(value, Map) else value)


def shown(value: Value) -> str:
    """As Go prints it (%v)."""
    if value is None:
        return "<nil>"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Map):
        return f"map[{' '.join(f'{key}:{value.items[key]}' for key in sorted(value.items))}]"
    if isinstance(value, Struct):
        return "{" + " ".join(shown(field) for field in value.fields.values()) + "}"
    return f"{value:g}" if isinstance(value, float) else str(value)


def type_of(value: Value) -> str:
    """Go's name of its type."""
    if isinstance(value, Struct):
        return value.type
    names = {Map: "map[string]string", bool: "bool", int: "int", float: "float64", str: "string"}
    return names.get(type(value), "nil")


def quoted(text: str) -> str:
    """As Go shows a text with `%q`."""
    return json.dumps(text, ensure_ascii=False)


def _length(value: Value) -> Value:
    if isinstance(value, str):
        return len(value.encode("utf-8", "surrogateescape"))
    if isinstance(value, Map):
        return len(value.items)
    raise LookupError(f"len of type {type_of(value)}")


def _index(value: Value, *keys: Value) -> Value:
    for key in keys:
        if isinstance(value, Map):
            if not isinstance(key, str):
                raise LookupError(f"value has type {type_of(key)}; should be string")
            value = value.items.get(key, "")
        elif isinstance(value, str) and isinstance(key, int):
            data = value.encode("utf-8", "surrogateescape")
            if not 0 <= key < len(data):
                raise LookupError(f"index out of range: {key}")
            value = data[key]
        elif isinstance(value, str):
            raise LookupError(f"cannot index slice/array with type {type_of(key)}")
        else:
            raise LookupError(f"can't index item of type {type_of(value)}")
    return value


def _slice(value: Value, *bounds: Value) -> Value:
    if not isinstance(value, str):
        raise LookupError(f"can't slice item of type {type_of(value)}")
    data = value.encode("utf-8", "surrogateescape")
    given = [bound for bound in bounds if isinstance(bound, int)]
    low, high = (*given, *(0, len(data))[len(given) :])[:2]
    if not 0 <= low <= high <= len(data):
        raise LookupError(f"index out of range: {high if high > len(data) else low}")
    return data[low:high].decode("utf-8", "surrogateescape")


def _equal(first: Value, *others: Value) -> Value:
    if not others:
        raise LookupError("missing argument for comparison")
    return any(_comparable(first, other) and first == other for other in others)


def _comparable(first: Value, second: Value) -> bool:
    if type(first) is not type(second):
        raise LookupError("incompatible types for comparison")
    if isinstance(first, Map | Struct):
        raise LookupError(f"non-comparable type {shown(first)}: {type_of(first)}")
    return True


def _less(first: Value, second: Value) -> bool:
    _comparable(first, second)
    if isinstance(first, bool) or first is None:
        raise LookupError("invalid type for comparison")
    return bool(first < second)  # type: ignore[operator]


def _print(*values: Value) -> str:
    text = ""
    for number, value in enumerate(values):
        space = number > 0 and not isinstance(value, str) and not isinstance(values[number - 1], str)
        text += (" " if space else "") + shown(value)
    return text


def _printf(form: Value, *values: Value) -> str:
    if not isinstance(form, str):
        raise LookupError(f"wrong type for value; expected string; got {type_of(form)}")
    rest = list(values)

    def verb(match: re.Match[str]) -> str:
        flags, width, precision, letter = match.groups()
        if letter == "%":
            return "%"
        if not rest:
            return f"%!{letter}(MISSING)"
        value = rest.pop(0)
        text = _verb(letter, flags, precision, value)
        filled = "0" if "0" in flags and "-" not in flags and not isinstance(value, str) else " "
        return text.ljust(int(width or 0)) if "-" in flags else text.rjust(int(width or 0), filled)

    text = _VERB.sub(verb, form)
    extra = ", ".join(f"{type_of(value)}={shown(value)}" for value in rest)
    return f"{text}%!(EXTRA {extra})" if rest else text


def _verb(letter: str, flags: str, precision: str | None, value: Value) -> str:
    is_number = isinstance(value, int) and not isinstance(value, bool)
    if letter == "v" or (letter == "s" and isinstance(value, str)) or (letter == "t" and isinstance(value, bool)):
        text = shown(value)
        return text[: int(precision or 0)] if precision is not None and isinstance(value, str) else text
    if letter == "q" and isinstance(value, str):
        return quoted(value)
    if letter == "T":
        return type_of(value)
    if is_number and letter in "dxXob":
        return f"{value:{'+' if '+' in flags else ''}{letter}}"
    if isinstance(value, float) and letter in "feg":
        return f"{value:.{precision or 6}{letter}}"
    if letter in "xX" and isinstance(value, str):
        return value.encode("utf-8", "surrogateescape").hex()
    return f"%!{letter}({type_of(value)}={shown(value)})"


def _call(value: Value, *arguments: Value) -> Value:
    raise LookupError(f"non-function of type {type_of(value)}")


def _escaped(value: str) -> str:
    return html.escape(value).replace("&quot;", "&#34;").replace("&#x27;", "&#39;")


#: `and` and `or` are not here: they look at no more than they need.
FUNCTIONS: Mapping[str, Function] = {
    "call": _call,
    "not": lambda value: not is_true(value),
    "len": _length,
    "index": _index,
    "slice": _slice,
    "print": _print,
    "println": lambda *values: " ".join(map(shown, values)) + "\n",
    "printf": _printf,
    "html": lambda *values: _escaped(_print(*values)),
    "urlquery": lambda *values: quote_plus(_print(*values)),
    "eq": _equal,
    "ne": lambda first, second: not _equal(first, second),
    "lt": _less,
    "le": lambda first, second: _less(first, second) or first == second,
    "gt": lambda first, second: not (_less(first, second) or first == second),
    "ge": lambda first, second: not _less(first, second),
}
