"""Go templates in the environment, the mounts and the hostname of a task's container (SK: template/).

They have the fields that SwarmKit offers and its own function `join`; in configs and secrets also `env`, `secret` and
`config`.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import msgspec

from swarmlab.objects.container import ContainerSpec, Mount
from swarmlab.objects.gotemplate import FUNCTIONS, Function, Map, Source, Struct, TemplateError, Value, execute, parse
from swarmlab.objects.gotemplate.values import quoted
from swarmlab.objects.node import NodeDescription
from swarmlab.objects.task import Task

__all__ = ["Function", "TemplateError", "expand_container", "expand_payload"]


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
    with _explained(f"expanding env {quoted(variable)}"):
        return name + equals + expanded(value)


def _mount(mount: Mount, expanded: Callable[[str], str]) -> Mount:
    with _explained(f"expanding mount source {quoted(mount.source)}"):
        source = expanded(mount.source)
    with _explained(f"expanding mount target {quoted(mount.target)}"):
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
        with _explained(f"expanding map entry {quoted(key)}={quoted(value)}"):
            found[key] = expanded(value)
    return found


@contextmanager
def _explained(what: str) -> Iterator[None]:
    try:
        yield
    except TemplateError as error:
        raise TemplateError(f"{what}: {error}") from None


def _expand(text: str, task: Task, node: NodeDescription, functions: Mapping[str, Function] | None = None) -> str:
    if "{{" not in text:
        return text
    known = {**FUNCTIONS, "join": _join, **(functions or {})}
    template = parse(Source("expansion", text), (*known, "and", "or"))
    return execute(template, _context(task, node, "Context" if functions is None else "PayloadContext"), known)


def _join(*words: str) -> Value:
    """What SwarmKit itself adds: the first word between the others."""
    if not words:
        raise LookupError("runtime error: slice bounds out of range [1:0]")
    return words[0].join(words[1:])


def _context(task: Task, node: NodeDescription, name: str) -> Struct:
    """What a template begins with (SK: template/context.go)."""
    service: dict[str, Value] = {"ID": task.service_id, "Name": task.service_name, "Labels": Map(task.service_labels)}
    platform = {"Architecture": node.platform.architecture, "OS": node.platform.os}
    where: dict[str, Value] = {
        "ID": task.node_id,
        "Hostname": node.hostname,
        "Platform": Struct("template.Platform", platform),
    }
    own = {"ID": task.id, "Name": task.name, "Slot": str(task.slot or task.node_id)}
    return Struct(
        f"*template.{name}",
        {
            "Service": Struct("struct { ID string; Name string; Labels map[string]string }", service),
            "Node": Struct("struct { ID string; Hostname string; Platform template.Platform }", where),
            "Task": Struct("struct { ID string; Name string; Slot string }", own),
        },
    )
