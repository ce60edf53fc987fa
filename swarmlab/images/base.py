"""What an image is: its configuration, its history and the files it gives to a container."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple, Protocol

import msgspec

from swarmlab.objects.container import HealthConfig


class ImageConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An image's configuration, in the terms of the Engine API; a container inherits most of it.

    The last part is what an image only has that was made of a container; `has_no_labels` is Docker's `{}` in place of
    nothing, when there are none.
    """

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
    on_build: Sequence[str] = ()
    shell: Sequence[str] = ()

    hostname: str = ""
    domainname: str = ""
    attach_stdin: bool = False
    attach_stdout: bool = False
    attach_stderr: bool = False
    tty: bool = False
    open_stdin: bool = False
    stdin_once: bool = False
    image: str = ""
    stop_timeout: int | None = None
    has_no_labels: bool = False


class HistoryEntry(msgspec.Struct, frozen=True):
    """One row of `docker image history`. `created` is in Unix nanoseconds, `size` (of its layer) in bytes."""

    created: int = 0
    created_by: str = ""
    size: int = 0
    comment: str = ""
    author: str = ""
    empty_layer: bool = False


class Content(Protocol):
    """The bytes of a file, wherever they are kept; a `Path` is one."""

    def read_bytes(self) -> bytes:
        """All of them."""


#: The numbers of a user and a group.
Owner = tuple[int, int]

ROOT: Owner = (0, 0)


class Tree(NamedTuple):
    """A root file system, by absolute path: files, the targets of symbolic links, and permission bits of both.

    `directories` are those that a layer names, `merged` those of them that several name; others follow from the paths.
    `owners` are those that are not root. `times` is when what is there was last modified, in Unix nanoseconds, where a
    layer tells it.
    """

    files: Mapping[str, Content]
    links: Mapping[str, str]
    modes: Mapping[str, int]
    directories: Mapping[str, int]
    owners: Mapping[str, Owner] = MappingProxyType({})
    merged: Mapping[str, bool] = MappingProxyType({})
    times: Mapping[str, int] = MappingProxyType({})


EMPTY_TREE = Tree({}, {}, {}, {})


class Image(msgspec.Struct, frozen=True):
    """One image, under all the names that an engine has for it.

    `id` is `sha256:` and the digest of `document`, its configuration as JSON, which names the layers (`sha256:…` of
    each layer's tar archive, from the base upwards): so it changes with them and with nothing else. Instants are Unix
    nanoseconds, `size` is in bytes. `digests` are `name@sha256:…` of what was pulled. `parent` is the image that it
    was made of on this engine.

    `tree` reads the root file system, and `absent` names commands that the shell has but this image has not.
    """

    id: str
    document: bytes
    config: ImageConfig
    created: int
    size: int
    layers: tuple[str, ...]
    history: tuple[HistoryEntry, ...]
    tags: tuple[str, ...] = ()
    digests: tuple[str, ...] = ()
    tree: Callable[[], Tree] = lambda: EMPTY_TREE
    absent: frozenset[str] = frozenset()
    #: Whether it was made of nothing of the catalogue's.
    foreign: bool = False
    os: str = "linux"
    architecture: str = "amd64"
    author: str = ""
    comment: str = ""
    docker_version: str = ""
    container: str = ""
    container_config: ImageConfig = ImageConfig()
    parent: str = ""
    tagged_at: int = 0

    @property
    def files(self) -> Mapping[str, Content]:
        """The files of the root file system, by absolute path."""
        return self.tree().files

    @property
    def links(self) -> Mapping[str, str]:
        """The targets of its symbolic links."""
        return self.tree().links


def uses_busybox(absent: frozenset[str]) -> bool:
    """Whether an image's tools are BusyBox's, by what it lacks: those that have them have no bash, or no apt-get."""
    return not {"bash", "apt-get"}.isdisjoint(absent)


class Images(Protocol):
    """Where images are found."""

    def find(self, reference: str) -> Image | None:
        """The image of a name, an id or an unambiguous prefix of one; a name wins. None when there is none."""
