"""Docker engines: their identity, containers and networks, and their membership in swarms."""

from swarmlab.engine.build import BuildOptions, CommandFailedError, Downloading, Said, StageBuilt
from swarmlab.engine.build import Message as BuildMessage
from swarmlab.engine.container.containers import Containers
from swarmlab.engine.container.execs import Exec, Execs
from swarmlab.engine.engine import DockerEngine
from swarmlab.engine.errors import EngineError
from swarmlab.engine.image.commit import CommitRequest, commit
from swarmlab.engine.image.imageconfig import requested
from swarmlab.engine.image.imageremoval import Removed
from swarmlab.engine.image.images import Pulled
from swarmlab.engine.image.transfers import PushedTag, Pushing
from swarmlab.engine.lab import Lab
from swarmlab.engine.offline import unreachable
from swarmlab.engine.swarm.cluster import ClusterComponent
from swarmlab.engine.swarm.swarminfo import SwarmInfo
from swarmlab.engine.task.servicelogs import IncompleteLogsError, LogBroker, Selector, TaskLine
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
    "Downloading",
    "EngineError",
    "Exec",
    "Execs",
    "IncompleteLogsError",
    "Lab",
    "LogBroker",
    "Pulled",
    "PushedTag",
    "Pushing",
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
