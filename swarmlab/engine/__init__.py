"""Docker engines: their identity, containers and networks, and their membership in swarms."""

from swarmlab.engine.build import BuildOptions, CommandFailedError, Said, StageBuilt
from swarmlab.engine.build import Message as BuildMessage
from swarmlab.engine.cluster import ClusterComponent
from swarmlab.engine.commit import CommitRequest, commit
from swarmlab.engine.containers import Containers
from swarmlab.engine.engine import DockerEngine
from swarmlab.engine.errors import EngineError
from swarmlab.engine.execs import Exec, Execs
from swarmlab.engine.imageconfig import requested
from swarmlab.engine.imageremoval import Removed
from swarmlab.engine.images import Pulled
from swarmlab.engine.lab import Lab
from swarmlab.engine.offline import unreachable
from swarmlab.engine.servicelogs import IncompleteLogsError, LogBroker, Selector, TaskLine
from swarmlab.engine.swarminfo import SwarmInfo
from swarmlab.engine.version import API_VERSION, MIN_API_VERSION, VERSION

__all__ = [
    "API_VERSION",
    "MIN_API_VERSION",
    "VERSION",
    "BuildMessage",
    "BuildOptions",
    "ClusterComponent",
    "CommandFailedError",
    "CommitRequest",
    "Containers",
    "DockerEngine",
    "EngineError",
    "Exec",
    "Execs",
    "IncompleteLogsError",
    "Lab",
    "LogBroker",
    "Pulled",
    "Removed",
    "Said",
    "Selector",
    "StageBuilt",
    "SwarmInfo",
    "TaskLine",
    "commit",
    "requested",
    "unreachable",
]
