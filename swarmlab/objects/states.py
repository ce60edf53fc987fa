"""Task states (SK: api/types.proto, design/task_model.md)."""

from enum import IntEnum


class TaskState(IntEnum):
    """Where a task is in its life. Numbers only grow; a state above RUNNING is terminal."""

    NEW = 0
    PENDING = 64
    ASSIGNED = 192
    ACCEPTED = 256
    PREPARING = 320
    READY = 384
    STARTING = 448
    RUNNING = 512
    COMPLETE = 576
    SHUTDOWN = 640
    FAILED = 704
    REJECTED = 768
    REMOVE = 800
    ORPHANED = 832

    @property
    def text(self) -> str:
        """The state as the Engine API writes it."""
        return _TEXTS[self]

    @property
    def terminal(self) -> bool:
        """Whether a task in this state will never run again."""
        return self > TaskState.RUNNING


_TEXTS = {state: state.name.lower() for state in TaskState}
