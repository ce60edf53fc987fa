"""The tables of a store."""

from collections.abc import Hashable

from swarmlab.objects import Cluster, Config, Network, Node, Object, Secret, Service, Task
from swarmlab.objects.local import Container, Engine, LocalImage, LocalNetwork, Overlay, Port, Volume
from swarmlab.objects.volume import ClusterVolume
from swarmlab.store.commit import Kind
from swarmlab.store.table import Table


def _networks_of(service: Service) -> tuple[Hashable, ...]:
    return tuple(attachment.target for attachment in service.spec.task_template.networks or service.spec.networks)


def _secrets_of(service: Service) -> tuple[Hashable, ...]:
    container = service.spec.task_template.container_spec
    return tuple(reference.secret_id for reference in container.secrets) if container else ()


def _configs_of(service: Service) -> tuple[Hashable, ...]:
    container = service.spec.task_template.container_spec
    return tuple(reference.config_id for reference in container.configs) if container else ()


def _volumes_of(container: Container) -> tuple[Hashable, ...]:
    return tuple(mount.name for mount in container.mounts if mount.type == "volume")


class Tables:
    """Every table, each with the look-ups that loops and lists need.

    A swarm's store fills the first eight, the store of a single engine the others.
    """

    def __init__(self) -> None:
        self.clusters: Table[Cluster] = Table()
        self.nodes: Table[Node] = Table(name=lambda n: (n.description.hostname,))
        self.services: Table[Service] = Table(
            name=lambda s: (s.spec.name.lower(),), network=_networks_of, secret=_secrets_of, config=_configs_of
        )
        self.tasks: Table[Task] = Table(
            service=lambda t: (t.service_id,),
            node=lambda t: (t.node_id,),
            slot=lambda t: (t.slot_key,),
            desired=lambda t: (t.desired_state,),
        )
        self.networks: Table[Network] = Table(name=lambda n: (n.spec.name.lower(),))
        self.secrets: Table[Secret] = Table(name=lambda s: (s.spec.name.lower(),))
        self.configs: Table[Config] = Table(name=lambda c: (c.spec.name.lower(),))
        self.cluster_volumes: Table[ClusterVolume] = Table(name=lambda v: (v.name.lower(),))
        self.engines: Table[Engine] = Table()
        self.containers: Table[Container] = Table(
            name=lambda c: (c.name,), task=lambda c: (c.task_id,), volume=_volumes_of
        )
        self.images: Table[LocalImage] = Table()
        self.volumes: Table[Volume] = Table()
        self.local_networks: Table[LocalNetwork] = Table(name=lambda n: (n.name,))
        self.overlays: Table[Overlay] = Table()
        self.ports: Table[Port] = Table()
        self._by_kind: dict[Kind, Table[Object]] = {kind: getattr(self, f"{kind.value}s") for kind in Kind}

    def of(self, kind: Kind) -> Table[Object]:
        """The table that holds objects of a kind."""
        return self._by_kind[kind]


#: Kinds whose names are unique, whatever the case (SK: manager/state/store/*.go).
UNIQUE_NAMES = frozenset({Kind.SERVICE, Kind.NETWORK, Kind.SECRET, Kind.CONFIG, Kind.CLUSTER_VOLUME})
