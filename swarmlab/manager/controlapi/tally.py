"""How many tasks of each service run, shall run and have completed, without a look at each of them."""

from collections import Counter

from swarmlab.objects import Task, TaskState
from swarmlab.store import Table

#: A service, and the iteration of a job; None for other services.
_Key = tuple[str, int | None]


class Tally:
    """Follows a table of tasks. Jobs are counted by iteration, as only the tasks of the present one matter."""

    def __init__(self, tasks: Table[Task]) -> None:
        #: Observed state RUNNING, whatever is desired: a lost node's tasks count.
        self.running: Counter[_Key] = Counter()
        #: Desired state RUNNING, whatever is observed.
        self.desired: Counter[_Key] = Counter()
        self.completed: Counter[_Key] = Counter()
        #: Tasks of jobs that shall run to their end and have not come to it.
        self.under_way: Counter[_Key] = Counter()
        tasks.follow(self._follow)

    def _follow(self, new: Task | None, old: Task | None) -> None:
        if (
            new is not None
            and old is not None
            and new.status.state == old.status.state
            and new.desired_state == old.desired_state
        ):
            return
        if old is not None:
            self._note(old, -1)
        if new is not None:
            self._note(new, 1)

    def _note(self, task: Task, by: int) -> None:
        key = (task.service_id, task.job_iteration)
        state, desired = task.status.state, task.desired_state
        if state == TaskState.RUNNING:
            _add(self.running, key, by)
        elif state == TaskState.COMPLETE:
            _add(self.completed, key, by)
        if desired == TaskState.RUNNING:
            _add(self.desired, key, by)
        elif desired == TaskState.COMPLETE and state <= TaskState.RUNNING:
            _add(self.under_way, key, by)


def _add(counter: Counter[_Key], key: _Key, by: int) -> None:
    counter[key] += by
    if not counter[key]:
        del counter[key]
