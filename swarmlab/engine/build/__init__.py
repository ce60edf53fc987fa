"""Building images with the classic builder."""

from swarmlab.engine.build.builder import Builder
from swarmlab.engine.build.options import BuildOptions, CommandFailedError, Downloading, Message, Said, StageBuilt

__all__ = ["BuildOptions", "Builder", "CommandFailedError", "Downloading", "Message", "Said", "StageBuilt"]
