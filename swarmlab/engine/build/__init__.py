"""Building images with the classic builder."""

from swarmlab.engine.build.builder import Builder
from swarmlab.engine.build.options import BuildOptions, CommandFailedError, Message, Said, StageBuilt

__all__ = ["BuildOptions", "Builder", "CommandFailedError", "Message", "Said", "StageBuilt"]
