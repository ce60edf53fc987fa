"""What stands behind the question mark: booleans, versions, instants and filters, by Docker's rules."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress

from swarmlab.api.errors import bad_request
from swarmlab.objects.gojson import GoSyntaxError, loads

_TRUE = frozenset({"1", "t", "T", "true", "TRUE", "True"})
_FALSE = frozenset({"0", "f", "F", "false", "FALSE", "False"})
_UINT64 = 1 << 64


def truthy(value: str) -> bool:
    """A query parameter as the daemon's own handlers read it: anything but these few words is true."""
    return value.strip().lower() not in {"", "0", "no", "false", "none"}


def parse_bool(value: str, name: str) -> bool:
    """A query parameter that must be a Go boolean; empty is false. Raises ApiError (400)."""
    if value in _TRUE:
        return True
    if value in _FALSE or not value:
        return False
    raise bad_request(f'invalid value for {name}: {value}: strconv.ParseBool: parsing "{value}": invalid syntax')


def parse_int(value: str, function: str) -> int:
    """A number of 64 bits, as a function of Go's strconv reads it. Raises ApiError (400)."""
    if not re.fullmatch(r"[+-]?[0-9]+", value):
        raise bad_request(f'{function}: parsing "{value}": invalid syntax')
    if not -(_UINT64 >> 1) <= int(value) < _UINT64 >> 1:
        raise bad_request(f'{function}: parsing "{value}": value out of range')
    return int(value)


def parse_version(value: str, kind: str) -> int:
    """The version of an object that a client saw. Raises ApiError (400)."""
    if not re.fullmatch(r"[0-9]+", value):
        reason = "invalid syntax"
    elif int(value) >= _UINT64:
        reason = "value out of range"
    else:
        return int(value)
    raise bad_request(f"invalid {kind} version '{value}': strconv.ParseUint: parsing \"{value}\": {reason}")


def parse_instant(value: str) -> int:
    """`seconds` or `seconds.nanoseconds` since 1970 as Unix nanoseconds; empty is 0. Raises ApiError (400)."""
    if not value:
        return 0
    seconds, _, fraction = value.partition(".")
    if not re.fullmatch(r"[+-]?[0-9]+", seconds):
        raise bad_request(f'strconv.ParseInt: parsing "{seconds}": invalid syntax')
    if fraction and not fraction.isdigit():
        raise bad_request(f'strconv.ParseInt: parsing "{fraction}": invalid syntax')
    return int(seconds) * 1_000_000_000 + int((fraction or "0").ljust(9, "0")[:9])


class Filters:
    """The `filters` parameter: several values a key, in either of the forms that clients send."""

    def __init__(self, fields: Mapping[str, Iterable[str]]) -> None:
        self._fields = {key: tuple(values) for key, values in fields.items()}

    @classmethod
    def parse(cls, text: str) -> "Filters":
        """Read `{"key": {"value": true}}` or `{"key": ["value"]}`. Raises ApiError (400)."""
        if not text:
            return cls({})
        with suppress(GoSyntaxError):
            raw = loads(text)
            if raw is None:
                return cls({})
            if isinstance(raw, dict) and all(_is_values(values) for values in raw.values()):
                return cls({key: values or () for key, values in raw.items()})
        raise bad_request("Invalid filter")

    def __contains__(self, key: str) -> bool:
        return key in self._fields

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def get(self, key: str) -> tuple[str, ...]:
        """The values of a key, in no order that means anything."""
        return self._fields.get(key, ())

    def validate(self, *accepted: str) -> None:
        """Raise ApiError (400) when a key is not one of those."""
        for key in self._fields:
            if key not in accepted:
                raise bad_request(f"Invalid filter '{key}'")

    def replaced(self, key: str, replace: Callable[[str], str]) -> "Filters":
        """The same filters with the values of one key translated."""
        return Filters({**self._fields, key: [replace(value) for value in self.get(key)]}) if key in self else self

    def adding(self, key: str, value: str) -> "Filters":
        """The same filters with one more value of a key."""
        return Filters({**self._fields, key: (*self.get(key), value)})

    def flag(self, key: str) -> bool | None:
        """A boolean filter, None when it is absent. Raises ApiError (400)."""
        if key not in self:
            return None
        values = set(self.get(key))
        no, yes = bool(values & {"0", "false"}), bool(values & {"1", "true"})
        if no == yes:
            raise bad_request(f"Invalid filter '{key}=[{' '.join(sorted(values))}]'")
        return yes

    def exact(self, key: str, *candidates: str) -> bool:
        """Whether one of the candidates is among the values, or there are none."""
        values = self.get(key)
        return not values or any(candidate in values for candidate in candidates)

    def prefix(self, key: str, candidate: str) -> bool:
        """Whether the candidate begins with one of the values, or there are none."""
        values = self.get(key)
        return not values or candidate.startswith(values)

    def match(self, key: str, *candidates: str) -> bool:
        """Whether a value, read as a regular expression, is found in one of the candidates, or there are none."""
        if self.exact(key, *candidates):
            return True
        for value in self.get(key):
            with suppress(re.error):
                if any(re.search(value, candidate) for candidate in candidates):
                    return True
        return False

    def labels(self, key: str, labels: Mapping[str, str], *, empty_matches: bool = False) -> bool:
        """Whether the labels have every `name` or `name=value` of the filter.

        SwarmKit lets `name=` match any value (`empty_matches`), the daemon's own lists take it literally.
        """
        for value in self.get(key):
            name, has_value, wanted = value.partition("=")
            if name not in labels:
                return False
            if has_value and labels[name] != wanted and not (empty_matches and not wanted):
                return False
        return True


def _is_values(values: object) -> bool:
    """Whether Go would read this as the values of a filter; null is Go's nil."""
    if isinstance(values, dict):
        return all(value is None or isinstance(value, bool) for value in values.values())
    return values is None or (isinstance(values, list) and all(isinstance(value, str) for value in values))
