"""Docker Swarm for learning: a cluster of Docker engines in one process."""

__version__ = "0.1.0"
