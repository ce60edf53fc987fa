"""Tasks (SK: manager/controlapi/task.go)."""

from collections.abc import Iterable

from swarmlab.manager.errors import not_found
from swarmlab.objects import Task
from swarmlab.store import Store


class TaskAPI:
    """Look at tasks."""

    store: Store

    def tasks(self) -> list[Task]:
        """All tasks, oldest first."""
        return list(self.store.tables.tasks)

    def tasks_of(self, service_ids: Iterable[str] | None = None, node_ids: Iterable[str] | None = None) -> list[Task]:
        """The tasks of some services or on some nodes, without looking at all others."""
        if service_ids is not None:
            found = [
                t
                for service_id in dict.fromkeys(service_ids)
                for t in self.store.tables.tasks.by("service", service_id)
            ]
            nodes = set(node_ids) if node_ids is not None else None
            return found if nodes is None else [task for task in found if task.node_id in nodes]
        if node_ids is not None:
            return [t for node_id in dict.fromkeys(node_ids) for t in self.store.tables.tasks.by("node", node_id)]
        return self.tasks()

    def task(self, task_id: str) -> Task:
        """One task by id. Raises StatusError (NotFound)."""
        task = self.store.tables.tasks.get(task_id)
        if task is None:
            raise not_found(f"task {task_id} not found")
        return task
