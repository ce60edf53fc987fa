"""The loops that turn what is wanted of services into tasks: one loop, one file."""

from swarmlab.orchestrator.constraintenforcer import ConstraintEnforcer
from swarmlab.orchestrator.global_ import GlobalOrchestrator
from swarmlab.orchestrator.jobs import JobsOrchestrator
from swarmlab.orchestrator.replicated import ReplicatedOrchestrator
from swarmlab.orchestrator.taskreaper import TaskReaper

__all__ = ["ConstraintEnforcer", "GlobalOrchestrator", "JobsOrchestrator", "ReplicatedOrchestrator", "TaskReaper"]
