"""Go templates in `Hostname`, `Env` and mounts of tasks (SK: template/). Only what SwarmKit offers is understood."""

import re
from collections.abc import Callable

from swarmlab.objects import NodeDescription, Task

_ACTION = re.compile(r"\{\{-?\s*(.*?)\s*-?\}\}")


class TemplateError(ValueError):
    """Raised for a template that cannot be expanded."""


def expand(text: str, task: Task, node: NodeDescription) -> str:
    """The text with `{{.Service.Name}}` and its like replaced. Raises TemplateError for anything else in braces."""
    if "{{" not in text:
        return text
    values: dict[str, Callable[[], str]] = {
        ".Service.ID": lambda: task.service_id,
        ".Service.Name": lambda: task.service_name,
        ".Node.ID": lambda: task.node_id,
        ".Node.Hostname": lambda: node.hostname,
        ".Node.Platform.OS": lambda: node.platform.os,
        ".Node.Platform.Architecture": lambda: node.platform.architecture,
        ".Task.ID": lambda: task.id,
        ".Task.Name": lambda: task.name,
        ".Task.Slot": lambda: str(task.slot or task.node_id),
    }

    def replace(match: re.Match[str]) -> str:
        action = match[1]
        if action in values:
            return values[action]()
        label = re.fullmatch(r'index\s+\.Service\.Labels\s+"([^"]*)"', action)
        if label:
            return task.service_labels.get(label[1], "")
        raise TemplateError(f"template: expansion: cannot expand {match[0]}")

    return _ACTION.sub(replace, text)
