"""What a lab's process is made of: the engines, and the servers of their APIs."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from swarmlab.api import Server
    from swarmlab.engine import DockerEngine, Lab
    from swarmlab.journal import Journal

Action = Literal["stop", "kill", "start"]


class Parts(NamedTuple):
    """How they are made. Tests make others, which are quicker to start and easier to break."""

    lab: "Callable[..., Lab]"
    server: "Callable[[DockerEngine, Journal], Server]"
