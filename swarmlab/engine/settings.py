"""What the configuration file of one engine would say (MB: daemon/config/config.go)."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from swarmlab.objects.generic import parse
from swarmlab.objects.node import GenericResource


class EngineSettings(NamedTuple):
    """`labels` are `key=value` (dockerd's `--label`); `generic` is what the node offers (`--node-generic-resource`).

    `socket` is where its API is served (`--host`): what containers are given that mount /var/run/docker.sock.
    """

    labels: tuple[str, ...] = ()
    generic: tuple[GenericResource, ...] = ()
    socket: Path | None = None


NO_SETTINGS = EngineSettings()


def engine_settings(
    labels: Sequence[str] = (), generic_resources: Sequence[str] = (), socket: Path | None = None
) -> EngineSettings:
    """Settings as dockerd's options give them. Raises ValueError with the daemon's text."""
    values: dict[str, str] = {}
    for label in labels:
        key, separator, value = label.partition("=")
        if not separator:
            raise ValueError(f"bad attribute format: {label}")
        if values.setdefault(key, value) != value:
            raise ValueError(f"conflict labels for {key}={value} and {key}={values[key]}")
    return EngineSettings(tuple(dict.fromkeys(labels)), parse(generic_resources), socket)
