"""Reading YAML so that an error can be told with its line."""

import re
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec
import yaml

T = TypeVar("T")
#: No exercise is nearly as long, or as deep; a few lines of YAML could otherwise stand for billions of values.
_MOST_CHARACTERS = 1 << 20
_MOST_VALUES = 50_000
_DEEPEST = 40


class DocumentError(Exception):
    """Raised when a document is not what it should be. `line` counts from 1."""

    def __init__(self, name: str, line: int, message: str) -> None:
        super().__init__(f"{name}:{line}: {message}")
        self.line = line


@dataclass
class Document:
    """A YAML document as plain values, and the line of each value by its path (`$.steps[0].title`)."""

    name: str
    value: Any = None
    lines: dict[str, int] = field(default_factory=dict)
    _values: int = 0

    @classmethod
    def parse(cls, text: str, name: str) -> "Document":
        """Read YAML. Raises DocumentError for what is no YAML, and for a key that is given twice."""
        document = cls(name)
        if len(text) > _MOST_CHARACTERS:
            raise DocumentError(name, 1, f"the file has {len(text):,} characters, more than {_MOST_CHARACTERS:,}")
        loader = None
        try:
            loader = yaml.SafeLoader(text)
            root = loader.get_single_node()
            if root is None:
                raise DocumentError(name, 1, "the file is empty")
            document.value = document._build(loader, root, "$")
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            raise DocumentError(name, mark.line + 1 if mark else 1, error.problem or "no YAML") from None
        except (yaml.YAMLError, RecursionError, ValueError) as error:
            raise DocumentError(name, 1, f"no YAML that can be read: {error}") from None
        finally:
            if loader is not None:
                loader.dispose()
        return document

    def error(self, path: str, message: str) -> DocumentError:
        """An error at a path, or at the nearest value around it whose line is known."""
        while path not in self.lines and path != "$":
            path = path[: max(path.rfind("."), path.rfind("["))]
        return DocumentError(self.name, self.lines.get(path, 1), message)

    def convert(self, kind: type[T], value: Any) -> T:
        """`value` (this document's, perhaps with variables filled in) as `kind`. Raises DocumentError."""
        try:
            return msgspec.convert(value, kind)
        except msgspec.ValidationError as error:
            message, _, path = str(error).partition(" - at `")
            path = path.rstrip("`") or "$"
            unknown = re.search(r"unknown field `(.+)`", message)
            raise self.error(f"{path}.{unknown[1]}" if unknown else path, f"{message} (at {path})") from None

    def _build(self, loader: yaml.SafeLoader, node: yaml.Node, path: str) -> Any:
        line = self.lines.setdefault(path, node.start_mark.line + 1)
        self._values += 1
        if self._values > _MOST_VALUES:
            raise DocumentError(self.name, line, f"more than {_MOST_VALUES:,} values; aliases are repeated too often")
        if path.count(".") + path.count("[") > _DEEPEST:
            raise DocumentError(self.name, line, f"values are nested more than {_DEEPEST} deep")
        if isinstance(node, yaml.SequenceNode):
            return [self._build(loader, item, f"{path}[{i}]") for i, item in enumerate(node.value)]
        if isinstance(node, yaml.MappingNode):
            mapping = {}
            for key_node, value_node in node.value:
                key = loader.construct_object(key_node)
                if not isinstance(key, str | int):
                    raise DocumentError(self.name, key_node.start_mark.line + 1, f"{key!r} cannot be a name")
                line = key_node.start_mark.line + 1
                if key in mapping:
                    raise DocumentError(self.name, line, f"{key!r} is given twice")
                self.lines[f"{path}.{key}"] = line
                mapping[key] = self._build(loader, value_node, f"{path}.{key}")
            return mapping
        return loader.construct_object(node)
