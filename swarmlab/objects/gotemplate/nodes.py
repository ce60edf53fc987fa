"""What a template consists of. Positions are of the whole text, in characters; `source` is how Go shows a node."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple


class TemplateError(ValueError):
    """Raised for a template that cannot be expanded; the text is Go's."""


class Literal(NamedTuple):
    """A constant."""

    position: int
    source: str
    value: object


class Access(NamedTuple):
    """Fields, one of the other's, of what `of` is: a variable's name, another operand, or the dot (empty)."""

    position: int
    source: str
    of: "str | Pipe"
    fields: tuple[str, ...]


class Call(NamedTuple):
    """A function's name."""

    position: int
    source: str
    name: str


class Pipe(NamedTuple):
    """Commands that hand on what they come to; `names` are variables that get it, new ones if it `declares`."""

    position: int
    source: str
    names: tuple[str, ...]
    declares: bool
    commands: tuple["Command", ...]


class Command(NamedTuple):
    """Operands, the first of which may be a function."""

    position: int
    source: str
    operands: tuple["Literal | Access | Call | Pipe", ...]


class Text(NamedTuple):
    """What stays as it is."""

    text: str


class Branch(NamedTuple):
    """`if`, `with` and `range`."""

    kind: str
    pipe: Pipe
    then: Sequence["Node"]
    otherwise: Sequence["Node"]


class Use(NamedTuple):
    """Another template's place."""

    position: int
    source: str
    name: str
    pipe: Pipe | None


class Jump(NamedTuple):
    """`break` and `continue`."""

    kind: str


Operand = Literal | Access | Call | Pipe
Node = Text | Pipe | Branch | Use | Jump


class Source(NamedTuple):
    """What a template is read from, and its name in what goes wrong."""

    name: str
    text: str

    def error(self, position: int, reason: str) -> TemplateError:
        """Why it cannot be read."""
        return TemplateError(f"template: {self.name}:{self._line(position)}: {reason}")

    def executing(self, position: int, at: str, reason: str) -> TemplateError:
        """Why it cannot be executed, at a piece of it."""
        column = position - (self.text.rfind("\n", 0, position) + 1)
        where = f"{self.name}:{self._line(position)}:{column}"
        return TemplateError(f'template: {where}: executing "{self.name}" at <{at}>: {reason}')

    def _line(self, position: int) -> int:
        return self.text.count("\n", 0, position) + 1


class Template(NamedTuple):
    """A whole one, with those that it defines."""

    source: Source
    nodes: Sequence[Node]
    defined: Mapping[str, Sequence[Node]]
