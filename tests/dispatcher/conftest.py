"""Two nodes that the leader knows, and its dispatcher."""

import pytest

from swarmlab.clock import VirtualClock
from swarmlab.dispatcher import Assignments, Dispatcher, Session
from swarmlab.objects import NodeDescription, Task, TaskState, TaskStatus
from swarmlab.store import Store
from tests.support.world import World


class Desk(World):
    """A world with a dispatcher; `inbox` holds what each node's agent was sent."""

    def __init__(self) -> None:
        super().__init__()
        self.inbox: dict[str, list[Assignments]] = {}
        self.cluster()
        for name in ("n1", "n2"):
            self.node(name, state="unknown")
        self.dispatcher = self.lead()

    def lead(self) -> Dispatcher:
        """A new leader's dispatcher begins."""
        made: list[Dispatcher] = []

        def make(store: Store, clock: VirtualClock) -> Dispatcher:
            made.append(Dispatcher(store, clock))
            return made[0]

        self.run(make)
        self.dispatcher = made[0]
        return made[0]

    def register(self, name: str, address: str = "10.0.0.9") -> Session:
        box = self.inbox.setdefault(name, [])
        session = self.dispatcher.register(name, NodeDescription(hostname=f"host-{name}"), address, box.append)
        self.advance(0.2)
        return session

    def state(self, name: str) -> tuple[str, str]:
        node = self.tables.nodes.get(name)
        assert node is not None
        return node.status.state, node.status.message

    def tell(self, session: Session, task: Task, state: TaskState, message: str = "") -> None:
        """An agent's report, without waiting for it to be written."""
        status = TaskStatus(state=state, message=message, timestamp=self.clock.now())
        self.dispatcher.update_task_status(session, task.id, status)


@pytest.fixture
def desk() -> Desk:
    return Desk()
