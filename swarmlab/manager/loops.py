"""The leader's control loops, started and stopped together (SK: manager/manager.go, becomeLeader, becomeFollower)."""

from typing import Protocol

from swarmlab.allocator import Allocator
from swarmlab.clock import Clock
from swarmlab.dispatcher import Dispatcher
from swarmlab.manager.rootrotation import RootRotator
from swarmlab.orchestrator import (
    ConstraintEnforcer,
    GlobalOrchestrator,
    JobsOrchestrator,
    ReplicatedOrchestrator,
    TaskReaper,
)
from swarmlab.scheduler import Scheduler
from swarmlab.store import Store


class Loop(Protocol):
    """A control loop. All it knows is in the store; a stopped loop remembers nothing."""

    def start(self) -> None:
        """Take in the store, put right what is wrong, then follow the store."""

    def stop(self) -> None:
        """Stop following the store."""


class LeaderLoops:
    """Runs on the leader only. `new_leader` is false when the leader only had to do without a quorum for a while."""

    def __init__(self, store: Store, clock: Clock, *, new_leader: bool = True) -> None:
        self.dispatcher = Dispatcher(store, clock, new_leader=new_leader)
        self._loops: list[Loop] = [
            self.dispatcher,
            Allocator(store, clock, new_leader=new_leader),
            Scheduler(store, clock),
            ReplicatedOrchestrator(store, clock),
            GlobalOrchestrator(store, clock),
            JobsOrchestrator(store, clock),
            TaskReaper(store, clock),
            ConstraintEnforcer(store, clock),
            RootRotator(store, clock),
        ]

    def start(self) -> None:
        """Start every loop."""
        for loop in self._loops:
            loop.start()

    def stop(self) -> None:
        """Stop every loop, the last one started first."""
        for loop in reversed(self._loops):
            loop.stop()
