"""`swarmlab …` on the command line."""

from swarmlab.cli.app import main

__all__ = ["main"]
