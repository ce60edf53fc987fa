"""Where tasks run: filters that explain themselves, ranking, and the loop that decides."""

from swarmlab.scheduler.scheduler import Scheduler

__all__ = ["Scheduler"]
