"""Volumes of the cluster (SK: manager/controlapi/volume.go)."""

import msgspec

from swarmlab.manager.errors import Code, StatusError, invalid_argument, not_found
from swarmlab.objects.volume import ClusterVolume
from swarmlab.store import Actor, Kind, NameConflictError, SequenceConflictError, Store


class VolumeAPI:
    """Create, update, remove and look at volumes of the cluster."""

    store: Store

    def volumes(self) -> list[ClusterVolume]:
        """All of them, oldest first."""
        return list(self.store.tables.cluster_volumes)

    def volume(self, volume_id: str) -> ClusterVolume:
        """One by id. Raises StatusError (NotFound)."""
        return _found(self.store.tables.cluster_volumes.get(volume_id), volume_id)

    def create_volume(self, volume: ClusterVolume, actor: Actor) -> ClusterVolume:
        """A new one."""
        if not volume.name:
            raise invalid_argument("meta: name must be provided")
        mode = volume.spec.access_mode
        if mode is None:
            raise invalid_argument("AccessMode must not be nil")
        if mode.mount_volume is None and mode.block_volume is None:
            raise invalid_argument("Volume AccessMode must specify either Mount or Block access type")
        secrets = self.store.tables.secrets
        missing = [wanted.secret for wanted in volume.spec.secrets if secrets.get(wanted.secret) is None]
        if missing:
            raise invalid_argument(f"secret{'s' if len(missing) > 1 else ''} not found: {', '.join(missing)}")
        try:
            with self.store.transaction(actor) as tx:
                return tx.create(Kind.CLUSTER_VOLUME, volume)
        except NameConflictError as error:
            raise StatusError(Code.UNKNOWN, str(error)) from None

    def update_volume(self, volume_id: str, version: int, availability: str, actor: Actor) -> None:
        """Change whether it may be used; when empty nothing but its version changes."""
        volume = self.volume(volume_id)
        spec = msgspec.structs.replace(volume.spec, availability=availability or volume.spec.availability)
        try:
            with self.store.transaction(actor) as tx:
                tx.update(Kind.CLUSTER_VOLUME, msgspec.structs.replace(volume, version=version, spec=spec))
        except SequenceConflictError as error:
            raise StatusError(Code.UNKNOWN, str(error)) from None

    def remove_volume(self, volume_id: str, actor: Actor, *, force: bool) -> None:
        """With `force` it is gone at once; else it waits for its driver, which nobody here has."""
        volume = self.volume(volume_id)
        with self.store.transaction(actor) as tx:
            if force:
                tx.delete(Kind.CLUSTER_VOLUME, volume_id)
            else:
                tx.update(Kind.CLUSTER_VOLUME, msgspec.structs.replace(volume, pending_delete=True))


def _found(volume: ClusterVolume | None, volume_id: str) -> ClusterVolume:
    if volume is None:
        raise not_found(f"volume {volume_id} not found")
    return volume
