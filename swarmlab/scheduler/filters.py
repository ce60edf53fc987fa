"""The rules a node must meet to get a task; each explains itself (SK: manager/scheduler/filter.go)."""

from typing import Protocol

from swarmlab.objects import Task
from swarmlab.objects.constraint import Constraint, ConstraintError, node_matches, parse
from swarmlab.objects.node import Platform, Resources
from swarmlab.scheduler.nodeinfo import NodeInfo, host_ports, reservations


class Filter(Protocol):
    """One rule. `set_task` comes first and says whether the rule applies to the task at all."""

    def set_task(self, task: Task) -> bool:
        """Prepare for checking nodes for `task`; return whether the rule applies."""

    def check(self, node: NodeInfo) -> bool:
        """Whether the node meets the rule."""

    def explain(self, nodes: int) -> str:
        """Why `nodes` nodes (at least one) were turned down."""


class ReadyFilter:
    """The node is ready and active."""

    def set_task(self, task: Task) -> bool:
        """See `Filter`."""
        return True

    def check(self, node: NodeInfo) -> bool:
        """See `Filter`."""
        return node.node.status.state == "ready" and node.node.spec.availability == "active"

    def explain(self, nodes: int) -> str:
        """See `Filter`."""
        return "1 node not available for new tasks" if nodes == 1 else f"{nodes} nodes not available for new tasks"


class ResourceFilter:
    """The node has what the task reserves."""

    def __init__(self) -> None:
        self._wanted = Resources()

    def set_task(self, task: Task) -> bool:
        """See `Filter`."""
        self._wanted = reservations(task)
        return bool(self._wanted.nano_cpus or self._wanted.memory_bytes or self._wanted.generic_resources)

    def check(self, node: NodeInfo) -> bool:
        """See `Filter`."""
        if self._wanted.nano_cpus > node.cpus or self._wanted.memory_bytes > node.memory:
            return False
        return node.generic.has(self._wanted.generic_resources)

    def explain(self, nodes: int) -> str:
        """See `Filter`."""
        return "insufficient resources on 1 node" if nodes == 1 else f"insufficient resources on {nodes} nodes"


class PluginFilter:
    """The node has the volume and log drivers that the task names."""

    def __init__(self) -> None:
        self._volume_drivers: set[str] = set()
        self._log_driver = ""

    def set_task(self, task: Task) -> bool:
        """See `Filter`."""
        container = task.spec.container_spec
        self._volume_drivers = {
            mount.volume_options.driver_config.name
            for mount in (container.mounts if container is not None else ())
            if mount.type == "volume"
            and mount.volume_options is not None
            and mount.volume_options.driver_config is not None
        } - {"", "local"}
        self._log_driver = task.spec.log_driver.name if task.spec.log_driver is not None else ""
        return bool(self._volume_drivers) or self._log_driver not in {"", "none"}

    def check(self, node: NodeInfo) -> bool:
        """See `Filter`."""
        plugins: dict[str, set[str]] = {}
        for plugin in node.node.description.engine.plugins:
            plugins.setdefault(plugin.type, set()).update({plugin.name, plugin.name.removesuffix(":latest")})
        if not self._volume_drivers <= plugins.get("Volume", set()):
            return False
        logs = plugins.get("Log")
        return self._log_driver in {"", "none"} or logs is None or self._log_driver in logs

    def explain(self, nodes: int) -> str:
        """See `Filter`."""
        return "missing plugin on 1 node" if nodes == 1 else f"missing plugin on {nodes} nodes"


class ConstraintFilter:
    """The node meets the placement constraints."""

    def __init__(self) -> None:
        self._constraints: tuple[Constraint, ...] = ()

    def set_task(self, task: Task) -> bool:
        """See `Filter`."""
        placement = task.spec.placement
        if placement is None or not placement.constraints:
            return False
        try:
            self._constraints = parse(placement.constraints)
        except ConstraintError:
            # Constraints are validated when a service is created; upstream too ignores what it cannot parse here.
            return False
        return True

    def check(self, node: NodeInfo) -> bool:
        """See `Filter`."""
        return node_matches(self._constraints, node.node)

    def explain(self, nodes: int) -> str:
        """See `Filter`."""
        where = "1 node" if nodes == 1 else f"{nodes} nodes"
        return f"scheduling constraints not satisfied on {where}"


_SAME_ARCHITECTURE = {"x86_64": "amd64", "aarch64": "arm64"}


class PlatformFilter:
    """The image exists for the node's platform."""

    def __init__(self) -> None:
        self._platforms: tuple[Platform, ...] = ()

    def set_task(self, task: Task) -> bool:
        """See `Filter`."""
        self._platforms = task.spec.placement.platforms if task.spec.placement is not None else ()
        return bool(self._platforms)

    def check(self, node: NodeInfo) -> bool:
        """See `Filter`."""
        actual = node.node.description.platform
        architecture = _SAME_ARCHITECTURE.get(actual.architecture, actual.architecture)
        return any(
            (not wanted.os or wanted.os == actual.os)
            and (
                not wanted.architecture
                or _SAME_ARCHITECTURE.get(wanted.architecture, wanted.architecture) == architecture
            )
            for wanted in self._platforms
        )

    def explain(self, nodes: int) -> str:
        """See `Filter`."""
        return "unsupported platform on 1 node" if nodes == 1 else f"unsupported platform on {nodes} nodes"


class HostPortFilter:
    """The node's ports that the task wants for itself are free."""

    def __init__(self) -> None:
        self._ports: set[tuple[str, int]] = set()

    def set_task(self, task: Task) -> bool:
        """See `Filter`."""
        self._ports = host_ports(task)
        return bool(self._ports)

    def check(self, node: NodeInfo) -> bool:
        """See `Filter`."""
        return not self._ports & node.used_ports

    def explain(self, nodes: int) -> str:
        """See `Filter`."""
        where = "1 node" if nodes == 1 else f"{nodes} nodes"
        return f"host-mode port already in use on {where}"


class MaxReplicasFilter:
    """The node has fewer tasks of the service than the placement allows."""

    def __init__(self) -> None:
        self._limit = 0
        self._service = ""

    def set_task(self, task: Task) -> bool:
        """See `Filter`."""
        self._limit = task.spec.placement.max_replicas if task.spec.placement is not None else 0
        self._service = task.service_id
        return self._limit > 0

    def check(self, node: NodeInfo) -> bool:
        """See `Filter`."""
        return node.active_by_service.get(self._service, 0) < self._limit

    def explain(self, nodes: int) -> str:
        """See `Filter`."""
        return "max replicas per node limit exceed"


class VolumesFilter:
    """Cluster (CSI) volumes are not served by any node of a lab."""

    def set_task(self, task: Task) -> bool:
        """See `Filter`."""
        container = task.spec.container_spec
        return container is not None and any(mount.type == "cluster" for mount in container.mounts)

    def check(self, node: NodeInfo) -> bool:
        """See `Filter`."""
        return False

    def explain(self, nodes: int) -> str:
        """See `Filter`."""
        where = "1 node" if nodes == 1 else f"{nodes} nodes"
        return f"cannot fulfill requested CSI volume mounts on {where}"


class Pipeline:
    """All rules in order. A node is blamed on the first rule it fails (SK: manager/scheduler/pipeline.go)."""

    def __init__(self) -> None:
        self._filters: list[Filter] = [
            ReadyFilter(),
            ResourceFilter(),
            PluginFilter(),
            ConstraintFilter(),
            PlatformFilter(),
            HostPortFilter(),
            MaxReplicasFilter(),
            VolumesFilter(),
        ]
        self._enabled: list[int] = []
        self._failures: dict[int, int] = {}

    def set_task(self, task: Task) -> None:
        """Prepare all rules for a task and forget the counts."""
        self._enabled = [i for i, rule in enumerate(self._filters) if rule.set_task(task)]
        self._failures = {}

    def process(self, node: NodeInfo) -> bool:
        """Whether a node passes. A node that does resets all counts."""
        for i in self._enabled:
            if not self._filters[i].check(node):
                self._failures[i] = self._failures.get(i, 0) + 1
                return False
        self._failures.clear()
        return True

    def explain(self) -> str:
        """Why no node was found: the reasons that count most first, equal counts in the order of the rules."""
        counts = sorted(self._failures.items(), key=lambda item: (-item[1], item[0]))
        return "; ".join(self._filters[i].explain(count) for i, count in counts)
