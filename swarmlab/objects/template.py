"""Go templates in the environment, the mounts and the hostname of a task's container (SK: template/).

Understood are the fields that SwarmKit offers, `.Service.Labels.key`, `index .Service.Labels "key"` and SwarmKit's own
function `join`; in configs and secrets also `env`, `secret` and `config`.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import msgspec

from swarmlab.objects.container import ContainerSpec, Mount
from swarmlab.objects.node import NodeDescription
from swarmlab.objects.task import Task

_ACTION = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_OPENED = re.compile(r".*?\{\{(?:- )?\s*(.*)", re.DOTALL)
#: What Go's parser knows without being told (text/template: keywords and builtins), and SwarmKit's own function.
_WORDS = frozenset({
    "and", "block", "break", "call", "continue", "define", "else", "end", "eq", "false", "ge", "gt", "html", "if",
    "index", "join", "js", "le", "len", "lt", "ne", "nil", "not", "or", "print", "printf", "println", "range",
    "slice", "template", "true", "urlquery", "with",
})  # fmt: skip
_FIELD = re.compile(r"(?:\.\w+)+")
_FIELDS: dict[str, Callable[[Task, NodeDescription], str]] = {
    ".Service.ID": lambda task, node: task.service_id,
    ".Service.Name": lambda task, node: task.service_name,
    ".Node.ID": lambda task, node: task.node_id,
    ".Node.Hostname": lambda task, node: node.hostname,
    ".Node.Platform.OS": lambda task, node: node.platform.os,
    ".Node.Platform.Architecture": lambda task, node: node.platform.architecture,
    ".Task.ID": lambda task, node: task.id,
    ".Task.Name": lambda task, node: task.name,
    ".Task.Slot": lambda task, node: str(task.slot or task.node_id),
}
_INDEX = re.compile(r'index\s+\.Service\.Labels\s+"([^"]*)"')
_LABEL = re.compile(r"\.Service\.Labels\.(\w+)")
_OPERAND = r""""[^"]*"|(?:\.\w+)+"""
_JOIN = re.compile(rf"join((?:\s+(?:{_OPERAND}))+)")
_CALL = re.compile(r'(\w+)\s+"([^"]*)"')
#: Go's names of what a field can be looked for in.
_TYPES = {
    ".Service": "type struct { ID string; Name string; Labels map[string]string }",
    ".Node": "type struct { ID string; Hostname string; Platform template.Platform }",
    ".Node.Platform": "type template.Platform",
    ".Task": "type struct { ID string; Name string; Slot string }",
}


#: What a template may call with one string. Raises LookupError, with Go's text, for what there is not.
Function = Callable[[str], str]


class TemplateError(ValueError):
    """Raised for a template that cannot be expanded; the text is Go's."""


def expand_container(spec: ContainerSpec, task: Task, node: NodeDescription) -> ContainerSpec:
    """The spec as it is for one task on one node. Raises TemplateError."""

    def expanded(text: str) -> str:
        return _expand(text, task, node)

    with _explained("expanding env failed"):
        env = tuple(_variable(variable, expanded) for variable in spec.env)
    with _explained("expanding mounts failed"):
        mounts = tuple(_mount(mount, expanded) for mount in spec.mounts)
    with _explained("expanding hostname failed"):
        hostname = expanded(spec.hostname)
    return msgspec.structs.replace(spec, env=env, mounts=mounts, hostname=hostname)


def expand_payload(data: bytes, task: Task, node: NodeDescription, functions: Mapping[str, Function]) -> bytes:
    """A config or secret as it is for one task on one node. Raises TemplateError, also when a function finds none."""
    text = data.decode(errors="surrogateescape")
    return _expand(text, task, node, functions).encode(errors="surrogateescape")


def _variable(variable: str, expanded: Callable[[str], str]) -> str:
    name, equals, value = variable.partition("=")
    with _explained(f"expanding env {_quoted(variable)}"):
        return name + equals + expanded(value)


def _mount(mount: Mount, expanded: Callable[[str], str]) -> Mount:
    with _explained(f"expanding mount source {_quoted(mount.source)}"):
        source = expanded(mount.source)
    with _explained(f"expanding mount target {_quoted(mount.target)}"):
        target = expanded(mount.target)
    options = mount.volume_options
    if options is not None:
        with _explained("expanding volume labels"):
            options = msgspec.structs.replace(options, labels=_map(options.labels, expanded))
        if (driver := options.driver_config) is not None:
            with _explained("expanding volume driver config"):
                driver = msgspec.structs.replace(driver, options=_map(driver.options, expanded))
            options = msgspec.structs.replace(options, driver_config=driver)
    return msgspec.structs.replace(mount, source=source, target=target, volume_options=options)


def _map(values: Mapping[str, str], expanded: Callable[[str], str]) -> dict[str, str]:
    found = {}
    for key, value in values.items():
        with _explained(f"expanding map entry {_quoted(key)}={_quoted(value)}"):
            found[key] = expanded(value)
    return found


def _quoted(text: str) -> str:
    """As Go shows a text with `%q`."""
    return json.dumps(text, ensure_ascii=False)


@contextmanager
def _explained(what: str) -> Iterator[None]:
    try:
        yield
    except TemplateError as error:
        raise TemplateError(f"{what}: {error}") from None


def _expand(text: str, task: Task, node: NodeDescription, functions: Mapping[str, Function] | None = None) -> str:
    if "{{" not in text:
        return text
    context = "type *template.Context" if functions is None else "type *template.PayloadContext"

    def value(operand: str, position: int) -> str:
        if operand.startswith('"'):
            return operand[1:-1]
        if operand in _FIELDS:
            return _FIELDS[operand](task, node)
        if (label := _LABEL.fullmatch(operand)) and label[1] in task.service_labels:
            return task.service_labels[label[1]]
        raise TemplateError(_problem(text, position, operand, context))

    def replace(match: re.Match[str]) -> str:
        action = match[1].strip("- ")
        position = match.start(1) + match[1].index(action)
        if action in _FIELDS or _LABEL.fullmatch(action):
            return value(action, position)
        if index := _INDEX.fullmatch(action):
            return task.service_labels.get(index[1], "")
        if join := _JOIN.fullmatch(action):
            start = position + join.start(1)
            separator, *parts = (value(o[0], start + o.start()) for o in re.finditer(_OPERAND, join[1]))
            return separator.join(parts)
        if (call := _CALL.fullmatch(action)) and (function := (functions or {}).get(call[1])) is not None:
            try:
                return function(call[2])
            except LookupError as error:
                raise TemplateError(f"{_executing(text, position, action)}: error calling {call[1]}: {error}") from None
        raise TemplateError(_problem(text, position, action, context))

    result = _ACTION.sub(replace, text)
    if (opened := _OPENED.match(text, text.rfind("}}") + 1)) is not None:
        raise TemplateError(_unclosed(text, opened.start(1), opened[1], functions or {}))
    return result


def _unclosed(text: str, position: int, action: str, functions: Mapping[str, Function]) -> str:
    """What is said of an action without an end: Go's parser knows the names in it before it finds the end missing."""
    line = text.count("\n", 0, position) + 1
    name = re.match(r"[A-Za-z_]\w*", action)
    if name and name[0] not in {*_WORDS, *functions}:
        return f'template: expansion:{line}: function "{name[0]}" not defined'
    return f"template: expansion:{line + action.count(chr(10))}: unclosed action"


def _problem(text: str, position: int, action: str, context: str) -> str:
    line = text.count("\n", 0, position) + 1
    if not action:
        return f"template: expansion:{line}: missing value for command"
    if name := re.match(r"[A-Za-z_]\w*", action):
        return f'template: expansion:{line}: function "{name[0]}" not defined'
    if _FIELD.fullmatch(action):
        # Go tells where the second field of a chain is.
        offset = len(action[1:].partition(".")[0]) + 1 if action.count(".") > 1 else 0
        at = _executing(text, position, action, offset)
        if label := _LABEL.fullmatch(action):
            return f'{at}: map has no entry for key "{label[1]}"'
        types = {"": context, **_TYPES}
        parent = ""
        for part in action[1:].split("."):
            if parent in types and not any(
                f"{known}.".startswith(f"{parent}.{part}.") for known in (*_FIELDS, ".Service.Labels")
            ):
                return f"{at}: can't evaluate field {part} in {types[parent]}"
            parent += f".{part}"
    return f"template: expansion:{line}: swarmlab cannot expand {{{{{action}}}}}"


def _executing(text: str, position: int, action: str, offset: int = 0) -> str:
    line = text.count("\n", 0, position) + 1
    column = position - (text.rfind("\n", 0, position) + 1) + offset
    return f'template: expansion:{line}:{column}: executing "expansion" at <{action}>'
