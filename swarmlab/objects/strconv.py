"""Numbers, flags and sizes as Go reads them, with its complaints (strconv; docker/go-units)."""

import re

_TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})
_FALSE = frozenset({"0", "f", "F", "FALSE", "false", "False"})
_INTEGER = re.compile(r"[+-]?[0-9]+")
_SIZE = re.compile(r"(\d+(?:\.\d+)?) ?([kKmMgGtTpP])?[iI]?[bB]?")
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5}
_INT64 = range(-(1 << 63), 1 << 63)
DECIMAL, BINARY = 1000, 1024


def parse_bool(text: str) -> bool:
    """`true`, `0`, `T` and the like. Raises ValueError."""
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    raise ValueError(f'strconv.ParseBool: parsing "{text}": invalid syntax')


def atoi(text: str) -> int:
    """A decimal number of 64 bits. Raises ValueError."""
    if not _INTEGER.fullmatch(text):
        raise ValueError(f'strconv.Atoi: parsing "{text}": invalid syntax')
    if int(text) not in _INT64:
        raise ValueError(f'strconv.Atoi: parsing "{text}": value out of range')
    return int(text)


def parse_size(text: str, base: int) -> int:
    """The bytes of `10m`, `1.5 GB`, `3`: a unit is a power of `base`, `DECIMAL` or `BINARY`. Raises ValueError."""
    match = _SIZE.fullmatch(text)
    if match is None:
        raise ValueError(f"invalid size: '{text}'")
    return int(float(match[1]) * base ** _POWERS[(match[2] or "").lower()])
