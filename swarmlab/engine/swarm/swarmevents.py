"""The swarm's share of `docker events`, as its managers report it (MB: daemon/events.go)."""

from collections.abc import Callable

from swarmlab.engine.events import Events
from swarmlab.objects import Config, Network, Node, Object, Secret, Service
from swarmlab.store import Change, Commit, Kind, Store

_KINDS = (Kind.NODE, Kind.SERVICE, Kind.NETWORK, Kind.SECRET, Kind.CONFIG)


def report(store: Store, events: Events, hears: Callable[[], bool]) -> Callable[[], None]:
    """Publish what happens to the swarm's objects from now on, while `hears()`; returns a function that ends it."""

    def on_commit(commit: Commit) -> None:
        if not hears():
            return
        for change in commit.changes:
            _publish(events, change, commit.at)

    return store.watch(on_commit, *_KINDS)


def _publish(events: Events, change: Change, at: int) -> None:
    obj = change.new if change.new is not None else change.old
    assert obj is not None
    action = "remove" if change.new is None else "create" if change.old is None else "update"
    attributes = {"name": _name(obj)}
    if change.old is not None and change.new is not None:
        attributes |= _changes(change.old, change.new)
    events.publish(change.kind.value, action, obj.id, attributes, "swarm", at)


def _name(obj: Object) -> str:
    if isinstance(obj, Node):
        return obj.spec.name or obj.description.hostname
    assert isinstance(obj, Service | Network | Secret | Config)
    return obj.spec.name


def _changes(old: Object, new: Object) -> dict[str, str]:
    """Before and after of what a reader of events wants to know."""
    pairs: dict[str, tuple[str, str]] = {}
    if isinstance(old, Node) and isinstance(new, Node):
        pairs["availability"] = (old.spec.availability, new.spec.availability)
        pairs["role"] = (old.role, new.role)
        pairs["state"] = (old.status.state, new.status.state)
    if isinstance(old, Service) and isinstance(new, Service):
        pairs["image"] = (_image(old), _image(new))
        pairs["replicas"] = (str(old.replicas), str(new.replicas))
        pairs["updatestate"] = (_update_state(old), _update_state(new))
    found: dict[str, str] = {}
    for name, (before, after) in pairs.items():
        if before == after or not after:
            continue
        if before:
            found[f"{name}.old"] = before
        found[f"{name}.new"] = after
    return found


def _image(service: Service) -> str:
    container = service.spec.task_template.container_spec
    return container.image if container is not None else ""


def _update_state(service: Service) -> str:
    return service.update_status.state if service.update_status is not None else ""
