"""What an image is: its configuration, its history and the files it gives to a container."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from swarmlab.objects.container import HealthConfig


class ImageConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The part of an image's configuration that a container inherits, in the terms of the Engine API."""

    entrypoint: Sequence[str] = ()
    cmd: Sequence[str] = ()
    env: Sequence[str] = ()
    working_dir: str = ""
    user: str = ""
    exposed_ports: Sequence[str] = ()
    labels: Mapping[str, str] = {}
    stop_signal: str = ""
    healthcheck: HealthConfig | None = None
    volumes: Sequence[str] = ()


class HistoryEntry(msgspec.Struct, frozen=True):
    """One row of `docker image history`. `created` is in Unix nanoseconds, `size` in bytes."""

    created: int
    created_by: str
    size: int = 0
    comment: str = ""
    empty_layer: bool = False


class Image(msgspec.Struct, frozen=True):
    """One image of the catalogue, under all its tags.

    `id` is `sha256:` and the digest of the configuration, history and layers, so it changes with them and with nothing
    else. `created` is in Unix nanoseconds, `size` in bytes, `layers` are `sha256:…` from the base upwards. There are no
    repository digests: the image came from no registry.

    `files` is the root file system, {absolute path in the container: file on this machine}, `links` its symbolic links,
    and `absent` names commands that the shell has but this image has not.
    """

    id: str
    tags: tuple[str, ...]
    config: ImageConfig
    created: int
    size: int
    layers: tuple[str, ...]
    history: tuple[HistoryEntry, ...]
    files: Mapping[str, Path] = {}
    links: Mapping[str, str] = {}
    absent: frozenset[str] = frozenset()
    os: str = "linux"
