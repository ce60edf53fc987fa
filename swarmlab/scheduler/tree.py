"""Spreading tasks over branches of nodes, and over the nodes of a branch.

Source: SK: manager/scheduler/{nodeset,decision_tree}.go.
"""

import heapq
from collections.abc import Callable, Iterable, Sequence

from swarmlab.objects import Task
from swarmlab.objects.service import PlacementPreference
from swarmlab.scheduler.nodeinfo import NodeInfo

Rank = tuple[int, int, int]
_NODE_LABEL = "node.labels."
_ENGINE_LABEL = "engine.labels."


class Branch:
    """Nodes that share the values of the preferences so far: either further branches, or a leaf with nodes.

    `tasks` counts the service's active tasks on all nodes of the branch, also on those that fail the rules.
    """

    def __init__(self) -> None:
        self.tasks = 0
        self.branches: dict[str, Branch] = {}
        self._best: list[tuple[Rank, int, NodeInfo]] = []
        self._ordered: list[NodeInfo] | None = None

    def offer(self, node: NodeInfo, rank: Rank, order: int, limit: int, fits: Callable[[NodeInfo], bool]) -> None:
        """Keep the node if it is among the `limit` best of this leaf that fit."""
        # Negated, so that the worst of those kept is on top of the heap.
        entry = ((-rank[0], -rank[1], -rank[2]), -order, node)
        if len(self._best) < limit:
            if fits(node):
                heapq.heappush(self._best, entry)
        elif entry[0] > self._best[0][0] and fits(node):
            heapq.heapreplace(self._best, entry)

    def ordered(self, fits: Callable[[NodeInfo], bool], rank: Callable[[NodeInfo], Rank]) -> list[NodeInfo]:
        """The leaf's nodes, best first; those that stopped fitting since an earlier call are left out."""
        if self._ordered is None:
            self._ordered = [node for _, _, node in sorted(self._best, key=lambda entry: entry[:2], reverse=True)]
        else:
            self._ordered = sorted((node for node in self._ordered if fits(node)), key=rank)
        return self._ordered


def spread_value(preference: PlacementPreference, node: NodeInfo) -> str | None:
    """The value by which a preference groups a node; None when the preference is to be ignored."""
    descriptor = preference.spread.spread_descriptor if preference.spread is not None else ""
    for prefix, labels in (
        (_NODE_LABEL, node.node.spec.labels),
        (_ENGINE_LABEL, node.node.description.engine.labels),
    ):
        if len(descriptor) > len(prefix) and descriptor.lower().startswith(prefix):
            return labels.get(descriptor[len(prefix) :], "")
    return None


def build_tree(
    nodes: Iterable[NodeInfo],
    task: Task,
    limit: int,
    fits: Callable[[NodeInfo], bool],
    rank: Callable[[NodeInfo], Rank],
) -> Branch:
    """Group the nodes by the task's preferences, keeping at most `limit` nodes in each leaf."""
    preferences: Sequence[PlacementPreference] = (
        task.spec.placement.preferences if task.spec.placement is not None else ()
    )
    root = Branch()
    for order, node in enumerate(nodes):
        count = node.active_by_service.get(task.service_id, 0)
        branch = root
        for preference in preferences:
            value = spread_value(preference, node)
            if value is None:
                continue
            branch.tasks += count
            branch = branch.branches.setdefault(value, Branch())
        branch.tasks += count
        branch.offer(node, rank(node), order, limit, fits)
    return root
