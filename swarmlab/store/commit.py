"""What a transaction did, as watchers and the journal see it."""

from enum import StrEnum
from typing import NamedTuple

import msgspec

from swarmlab.objects import Object


class Kind(StrEnum):
    """The kinds of objects; also the names of their tables."""

    CLUSTER = "cluster"
    NODE = "node"
    SERVICE = "service"
    TASK = "task"
    NETWORK = "network"
    SECRET = "secret"  # noqa: S105  (a table's name)
    CONFIG = "config"
    CLUSTER_VOLUME = "cluster_volume"
    ENGINE = "engine"
    CONTAINER = "container"
    IMAGE = "image"
    VOLUME = "volume"
    LOCAL_NETWORK = "local_network"
    OVERLAY = "overlay"
    PORT = "port"


class Actor(msgspec.Struct, frozen=True, omit_defaults=True):
    """Who asked for a transaction: a control loop by name, or a request to an engine."""

    loop: str = ""
    engine: str = ""
    request: str = ""
    client: str = ""


class Change(NamedTuple):
    """One object before and after. `old` is None when it was created, `new` is None when it was deleted."""

    kind: Kind
    old: Object | None
    new: Object | None

    @property
    def id(self) -> str:
        """The object's id."""
        obj = self.new if self.new is not None else self.old
        assert obj is not None
        return obj.id


class Commit(NamedTuple):
    """One transaction that was carried out.

    `scope` names the store it belongs to, `index` is the version that all its objects got, `at` its instant in Unix
    nanoseconds of swarm time.
    """

    scope: str
    index: int  # type: ignore[assignment]  # hides tuple.index, which nobody calls
    at: int
    actor: Actor
    changes: tuple[Change, ...]
