"""A cluster on disk: up, down, status, reset, faults, and environments for shells and notebooks.

Importing this room is cheap: what makes an engine is imported by the lab's own process only.
"""

from typing import Any

from swarmlab.lab import environ, manage
from swarmlab.lab.errors import LabError
from swarmlab.lab.folder import folder

__all__ = ["LabError", "environment", "status"]


def status(name: str | None = None) -> dict[str, Any]:
    """What a lab is and does: see `swarmlab.lab.manage.status`.

    The lab is by default the one that SWARMLAB_LAB names, else "default". Raises LabError when there is no such lab.
    """
    return manage.status(name)


def environment(name: str | None = None, node: str = "node-1", *, tcp: bool = False) -> dict[str, str]:
    """The environment variables that make `node` of a lab the docker command's engine, with `tcp` over TLS.

    Raises LabError.
    """
    where = folder(name)
    settings = where.settings()
    manage.check_node(settings, node)
    return environ.environment(where, settings, node, tcp=tcp)
