"""Dockerfiles: what they say, and what their instructions do to an image's configuration."""

from swarmlab.images.dockerfile.configuration import DEFAULT_SHELL, Configuration
from swarmlab.images.dockerfile.errors import DockerfileError
from swarmlab.images.dockerfile.instructions import Dockerfile, Instruction, Stage, parse, parse_changes, parse_trigger
from swarmlab.images.dockerfile.words import expand, expand_words

__all__ = [
    "DEFAULT_SHELL",
    "Configuration",
    "Dockerfile",
    "DockerfileError",
    "Instruction",
    "Stage",
    "expand",
    "expand_words",
    "parse",
    "parse_changes",
    "parse_trigger",
]
