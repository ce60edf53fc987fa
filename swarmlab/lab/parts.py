"""What a lab's process is made of, as this room needs it: the engines, and the servers of their APIs."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple, Protocol

from swarmlab.clock import Clock
from swarmlab.journal import Journal

Action = Literal["stop", "kill", "start"]


class Published(Protocol):
    """A published port of a node, and where it is really served; `reason` says why that is elsewhere, or nowhere."""

    @property
    def node_id(self) -> str: ...  # noqa: D102
    @property
    def address(self) -> str: ...  # noqa: D102
    @property
    def port(self) -> int: ...  # noqa: D102
    @property
    def protocol(self) -> str: ...  # noqa: D102
    @property
    def service_id(self) -> str: ...  # noqa: D102
    @property
    def bound_address(self) -> str: ...  # noqa: D102
    @property
    def bound_port(self) -> int: ...  # noqa: D102
    @property
    def reason(self) -> str: ...  # noqa: D102


class Engine(Protocol):
    """One Docker engine. `power` is `on`, `stopped` or `killed`."""

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def address(self) -> str: ...  # noqa: D102
    @property
    def power(self) -> str: ...  # noqa: D102


class Lab(Protocol):
    """All engines of a lab: see `swarmlab.engine.Lab`."""

    @property
    def engines(self) -> Mapping[str, Engine]:
        """By node name."""

    async def start(self) -> None:
        """Restore everything from the journal and go on."""

    async def stop(self) -> None:
        """End all processes; what happened stays in the journal."""

    async def power(self, node: str, action: Action) -> None:
        """Shut a node down, cut its power, or start it again."""

    async def reset(self, journal: Journal) -> None:
        """Begin anew, with an empty journal."""

    def published(self) -> Sequence[Published]:
        """Where the published ports are served."""

    def service_name(self, service_id: str) -> str:
        """What a service is called."""


class Server(Protocol):
    """The Docker Engine API of one engine: see `swarmlab.api.Server`."""

    async def start(self, path: Path, mode: int = 0o600) -> None:
        """Listen on a Unix socket."""

    async def close(self) -> None:
        """End all connections and remove the socket."""


class MakeLab(Protocol):
    """Makes the engines of a lab; `addresses` are theirs, in order."""

    def __call__(  # noqa: D102
        self, *, name: str, nodes: int, clock: Clock, journal: Journal, state_dir: Path, addresses: list[str]
    ) -> Lab: ...


class MakeServer(Protocol):
    """Makes the server of one engine, which notes its requests in the journal."""

    def __call__(self, engine: Engine, journal: Journal) -> Server: ...  # noqa: D102


class Parts(NamedTuple):
    """How the parts are made. Tests use others than the lab's process."""

    lab: MakeLab
    server: MakeServer
