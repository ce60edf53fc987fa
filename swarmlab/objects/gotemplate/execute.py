"""Templates carried out (Go: text/template/exec.go, with missingkey=error)."""

from collections.abc import Mapping, Sequence
from inspect import Parameter, signature
from typing import NoReturn

from swarmlab.objects.gotemplate.nodes import (
    Access,
    Branch,
    Call,
    Command,
    Jump,
    Literal,
    Node,
    Operand,
    Pipe,
    Template,
    Text,
    Use,
)
from swarmlab.objects.gotemplate.values import Function, Map, Struct, Value, is_true, shown, type_of

_DEEPEST = 100
#: A function's value that is not there yet.
_NOTHING = object()


def execute(template: Template, data: Value, functions: Mapping[str, Function]) -> str:
    """The text that a template comes to for some data. Raises TemplateError."""
    run = _Run(template, functions)
    run.all(template.nodes, data, [("$", data)], 0)
    return "".join(run.written)


class _Jump(Exception):  # noqa: N818 (no error)
    """Raised by `break` and `continue`."""


class _Run:
    def __init__(self, template: Template, functions: Mapping[str, Function]) -> None:
        self._template = template
        self._functions = functions
        self.written: list[str] = []

    def all(self, nodes: Sequence[Node], dot: Value, variables: list[tuple[str, Value]], depth: int) -> None:
        """Write what nodes come to; variables that they declare are gone behind them."""
        known = len(variables)
        try:
            for node in nodes:
                self._node(node, dot, variables, depth)
        finally:
            del variables[known:]

    def _node(self, node: Node, dot: Value, variables: list[tuple[str, Value]], depth: int) -> None:
        if isinstance(node, Text):
            self.written.append(node.text)
        elif isinstance(node, Pipe):
            value = self._pipe(node, dot, variables)
            if not node.names:
                self.written.append("<no value>" if value is None else shown(value))
        elif isinstance(node, Jump):
            raise _Jump(node.kind)
        elif isinstance(node, Use):
            inner = self._template.defined.get(node.name)
            if inner is None:
                self._fail(node, f'template "{node.name}" not defined')
            if depth > _DEEPEST:
                self._fail(node, f"exceeded maximum template depth ({_DEEPEST})")
            value = None if node.pipe is None else self._pipe(node.pipe, dot, variables)
            self.all(inner, value, [("$", value)], depth + 1)
        else:
            known = len(variables)
            try:
                self._branch(node, dot, variables, depth)
            finally:
                del variables[known:]

    def _branch(self, node: Branch, dot: Value, variables: list[tuple[str, Value]], depth: int) -> None:
        if node.kind == "range":
            self._range(node, dot, variables, depth)
            return
        value = self._pipe(node.pipe, dot, variables)
        if is_true(value):
            self.all(node.then, value if node.kind == "with" else dot, variables, depth)
        else:
            self.all(node.otherwise, dot, variables, depth)

    def _range(self, node: Branch, dot: Value, variables: list[tuple[str, Value]], depth: int) -> None:
        names = node.pipe.names
        value = self._pipe(node.pipe._replace(names=()), dot, variables)
        if not isinstance(value, Map):
            self._fail(node.pipe.commands[0].operands[0], f"range can't iterate over {shown(value)}")
        for key, item in sorted(value.items.items()):
            known = len(variables)
            parts = (key, item) if len(names) == 2 else (item,) * len(names)
            for name, part in zip(names, parts, strict=True):
                self._set(node.pipe, name, part, variables)
            try:
                self.all(node.then, item, variables, depth)
            except _Jump as jump:
                if jump.args == ("break",):
                    break
            finally:
                del variables[known:]
        if not value.items:
            self.all(node.otherwise, dot, variables, depth)

    # --- values ----------------------------------------------------------------------------------------------------

    def _pipe(self, pipe: Pipe, dot: Value, variables: list[tuple[str, Value]]) -> Value:
        value: object = _NOTHING
        for command in pipe.commands:
            value = self._command(command, dot, variables, value)
        found: Value = value  # type: ignore[assignment]
        for name in pipe.names:
            self._set(pipe, name, found, variables)
        return found

    def _set(self, pipe: Pipe, name: str, value: Value, variables: list[tuple[str, Value]]) -> None:
        if pipe.declares:
            variables.append((name, value))
            return
        last = max((number for number, (known, _) in enumerate(variables) if known == name), default=None)
        if last is None:
            self._fail(pipe.commands[0].operands[0], f"undefined variable: {name}")
        variables[last] = (name, value)

    def _command(self, command: Command, dot: Value, variables: list[tuple[str, Value]], last: object) -> Value:
        first, *rest = command.operands
        if isinstance(first, Call):
            return self._call(command, first, rest, dot, variables, last)
        if rest or last is not _NOTHING:
            if isinstance(first, Access) and first.fields:
                self._fail(first, f"{first.fields[-1]} has arguments but cannot be invoked as function")
            self._fail(first, f"can't give argument to non-function {first.source}")
        if isinstance(first, Literal) and first.value is None:
            self._fail(first, "nil is not a command")
        return self._operand(first, dot, variables)

    def _operand(self, operand: Operand, dot: Value, variables: list[tuple[str, Value]]) -> Value:
        if isinstance(operand, Literal):
            return operand.value  # type: ignore[return-value]
        if isinstance(operand, Call):
            return self._call(operand, operand, [], dot, variables, _NOTHING)
        if isinstance(operand, Pipe):
            return self._pipe(operand, dot, variables)
        if isinstance(operand.of, Pipe):
            value = self._pipe(operand.of, dot, variables)
        elif operand.of:
            value = next(found for name, found in reversed(variables) if name == operand.of)
        else:
            value = dot
        for name in operand.fields:
            value = self._field(operand, value, name)
        return value

    def _field(self, node: Access, value: Value, name: str) -> Value:
        if isinstance(value, Struct) and name in value.fields:
            return value.fields[name]
        if isinstance(value, Map):
            if name not in value.items:
                self._fail(node, f'map has no entry for key "{name}"')
            return value.items[name]
        return self._fail(node, f"can't evaluate field {name} in type {type_of(value)}")

    def _call(
        self, node: Command | Call, call: Call, rest: Sequence[Operand], dot: Value,
        variables: list[tuple[str, Value]], last: object,
    ) -> Value:  # fmt: skip
        if call.name in {"and", "or"}:
            return self._either(node, call, rest, dot, variables, last)
        arguments = [self._operand(operand, dot, variables) for operand in rest]
        if last is not _NOTHING:
            arguments.append(last)  # type: ignore[arg-type]
        function = self._functions[call.name]
        wanted = signature(function).parameters.values()
        least = sum(each.kind is not Parameter.VAR_POSITIONAL for each in wanted)
        if least > len(arguments) or (least == len(wanted) and least != len(arguments)):
            more = "" if least == len(wanted) else "at least "
            self._fail(call, f"wrong number of args for {call.name}: want {more}{least} got {len(arguments)}")
        try:
            return function(*arguments)
        except LookupError as error:
            self._fail(node, f"error calling {call.name}: {error.args[0] if error.args else ''}")

    def _either(
        self, node: Command | Call, call: Call, rest: Sequence[Operand], dot: Value,
        variables: list[tuple[str, Value]], last: object,
    ) -> Value:  # fmt: skip
        """The first argument that settles it, or the last one."""
        if not rest and last is _NOTHING:
            self._fail(call, f"wrong number of args for {call.name}: want at least 1 got 0")
        value: Value = None
        for operand in rest:
            value = self._operand(operand, dot, variables)
            if is_true(value) == (call.name == "or"):
                return value
        return value if last is _NOTHING else last  # type: ignore[return-value]

    def _fail(self, node: Operand | Command | Use, reason: str) -> NoReturn:
        raise self._template.source.executing(node.position, node.source, reason)
