"""Whether an answer is one that Docker's definitions allow."""

import json
import re
from collections.abc import Iterator
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from tests.support.quick_schemas import Draft7Validator

from . import deviations

#: Elements of a list that are looked at; they are all made by the same code.
_SAMPLE = 30
_ERROR = {"type": "object", "required": ["message"], "properties": {"message": {"type": "string", "pattern": "."}}}


class Definitions:
    """One version's definitions."""

    def __init__(self, version: str) -> None:
        self.version = version
        self._file = json.loads((Path(__file__).parent / f"v{version}.json").read_text())
        self._validators: dict[str, Draft7Validator] = {}

    @cached_property
    def _routes(self) -> list[tuple[str, re.Pattern[str], str]]:
        """Method, pattern and key of each endpoint; those with fewer names in braces come first."""
        keys = sorted(self._file["answers"], key=lambda key: (key.count("{"), key))
        found = []
        for key in keys:
            method, _, path = key.partition(" ")
            found.append((method, re.compile(re.sub(r"\{\w+\}", ".+", path)), key))
        return found

    @property
    def endpoints(self) -> list[str]:
        """`METHOD /path` of each."""
        return sorted(self._file["answers"])

    def endpoint(self, method: str, path: str) -> str | None:
        """The endpoint that a path without version belongs to."""
        for known, pattern, key in self._routes:
            if known == method and pattern.fullmatch(path):
                return key
        return None

    def problems(self, method: str, path: str, status: int, body: bytes | None) -> list[str]:
        """What is wrong with an answer; `body` is its JSON, None when it has none (or text, or a stream)."""
        where = f"{method} {path} {status}"
        if status >= 400:
            return [f"{where}: {text}" for text in self._invalid("error", _ERROR, body)] if body is not None else []
        key = self.endpoint(method, path)
        if key is None:
            return []
        successes = self._file["answers"][key]
        if status in deviations.STATUSES.get(key, ()):
            return []
        if str(status) not in successes:
            return [f"{where}: the status is none of {', '.join(successes)}"]
        wanted = successes[str(status)]
        if wanted is None or body is None or wanted == {"type": "string"}:
            return []
        return [f"{where}: {text}" for text in self._invalid(key, wanted, body)]

    def _invalid(self, key: str, wanted: dict[str, Any], body: bytes) -> Iterator[str]:
        try:
            value = json.loads(body)
        except ValueError:
            yield "this is no JSON"
            return
        if key not in self._validators:
            self._validators[key] = Draft7Validator({**wanted, "definitions": self._file["definitions"]})
        if isinstance(value, list):
            value = value[:_SAMPLE]
        for error in self._validators[key].iter_errors(value):
            for leaf in _leaves(error):
                at = re.sub(r"\[\d+\]", "[]", leaf.json_path)
                said = re.sub(r"\s+", " ", leaf.message)[:200]
                if not deviations.known(key, at, leaf.instance):
                    yield f"{at}: {said}"


def _leaves(error: Any) -> Iterator[Any]:
    """The errors behind one that says that none of a thing's alternatives fits; null is no alternative here."""
    below = [inner for inner in error.context or () if inner.validator_value != "null"]
    if not below:
        yield error
    for inner in below:
        yield from _leaves(inner)


@lru_cache
def definitions(version: str) -> Definitions:
    """The definitions that answers of an API version (`1.41`; empty is the newest) have to follow."""
    minor = int(version.partition(".")[2] or 50)
    return _load("1.41" if minor < 44 else "1.50")


@lru_cache
def _load(version: str) -> Definitions:
    return Definitions(version)
