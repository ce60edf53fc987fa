"""All of the control API in one object, as a manager offers it."""

from swarmlab.manager.controlapi.blobs import BlobAPI
from swarmlab.manager.controlapi.cluster import ClusterAPI
from swarmlab.manager.controlapi.networks import NetworkAPI
from swarmlab.manager.controlapi.nodes import Members, NodeAPI
from swarmlab.manager.controlapi.services import ServiceAPI
from swarmlab.manager.controlapi.tally import Tally
from swarmlab.manager.controlapi.tasks import TaskAPI
from swarmlab.manager.controlapi.volumes import VolumeAPI
from swarmlab.store import Store


class ControlAPI(ClusterAPI, NodeAPI, ServiceAPI, TaskAPI, NetworkAPI, BlobAPI, VolumeAPI):
    """Every call a manager answers, on the store of its swarm. All raise StatusError."""

    def __init__(self, store: Store, members: Members, tally: Tally | None = None) -> None:
        """Two that serve the same store may share a tally of its tasks."""
        self.store = store
        self.members = members
        self.tally = tally or Tally(store.tables.tasks)
