"""What a container shares with another one, which has to run when it starts (MB: daemon/{oci_linux,container}.go)."""

from collections.abc import Callable, Iterable, Iterator

from swarmlab.engine.errors import EngineError, internal
from swarmlab.objects.local import Container

#: Ways to have memory of one's own that nobody else can join.
_PRIVATE = frozenset({"", "private", "none"})


def check_shared(container: Container, find: Callable[[str], Container]) -> None:
    """Raises EngineError (500) when another container's processes or memory cannot be joined."""
    host = container.wanted
    kind, _, other = host.ipc_mode.partition(":")
    if kind == "container":
        try:
            donor = _running(other, find)
            if donor.wanted.ipc_mode in _PRIVATE:
                raise internal("non-shareable IPC (hint: use IpcMode:shareable for the donor container)")
        except EngineError as error:
            raise internal(f"can't join IPC of container {other}: {error}") from None
    kind, _, other = host.pid_mode.partition(":")
    if kind == "container":
        _running(other, find)


def guests(container_id: str, running: Iterable[Container]) -> Iterator[Container]:
    """Those that live among a container's processes: the kernel ends them with its first one."""
    return (other for other in running if other.wanted.pid_mode == f"container:{container_id}")


def _running(reference: str, find: Callable[[str], Container]) -> Container:
    other = find(reference)
    if other.state.status == "restarting":
        raise internal(f"Container {other.id} is restarting, wait until the container is running")
    if not other.state.runs:
        raise internal(f"container {other.id} is not running")
    return other
