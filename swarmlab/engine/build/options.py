"""What is asked of a build, and what it says while it goes on."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from swarmlab.engine.errors import EngineError, internal
from swarmlab.engine.image.images import Pulled
from swarmlab.objects.run import HostConfig


class BuildOptions(NamedTuple):
    """`POST /build`. A build argument without a value is only known by its name.

    With `remove` the containers of a step go when it was successful, with `force_remove` always. `build_id` is what
    `POST /build/cancel` calls it.
    """

    dockerfile: str = ""
    tags: Sequence[str] = ()
    remote: str = ""
    target: str = ""
    arguments: Mapping[str, str | None] = {}
    labels: Mapping[str, str] = {}
    no_cache: bool = False
    cache_from: Sequence[str] = ()
    pull: bool = False
    remove: bool = True
    force_remove: bool = False
    host: HostConfig = HostConfig()
    build_id: str = ""


class Said(NamedTuple):
    """A piece of the build's output; `error` for what a command has written to its standard error."""

    text: str
    error: bool = False


class StageBuilt(NamedTuple):
    """A stage is there, with this image."""

    image_id: str


class Downloading(NamedTuple):
    """How far a file has come that is added by its URL, in bytes; `total` is 0 when that is not known."""

    current: int
    total: int


Message = Said | StageBuilt | Pulled | Downloading


class CommandFailedError(EngineError):
    """Raised when a RUN ends with another exit code than 0."""

    def __init__(self, command: Sequence[str], code: int) -> None:
        super().__init__(internal("").status, f"The command '{' '.join(command)}' returned a non-zero code: {code}")
        self.code = code
