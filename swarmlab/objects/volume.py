"""Volumes of the cluster (MB: api/types/volume/cluster_volume.go)."""

from typing import Any

import msgspec

from swarmlab.objects.base import Labels, Object, Spec, Strings, always_empty, always_zero


class TypeMount(Spec, frozen=True):
    """A volume that is mounted."""

    fs_type: str = ""
    mount_flags: Strings = ()


class TypeBlock(Spec, frozen=True):
    """A volume that is a block device."""


class AccessMode(Spec, frozen=True):
    """On how many nodes at a time (`single`, `multi`), shared how (`none`, `readonly`, `onewriter`, `all`), as what."""

    scope: str = ""
    sharing: str = ""
    mount_volume: TypeMount | None = None
    block_volume: TypeBlock | None = None


class Topology(Spec, frozen=True):
    """A place, such as `region=r1,zone=z1`."""

    segments: Labels = msgspec.field(default_factory=dict)


class TopologyRequirement(Spec, frozen=True):
    """From where a volume must be accessible, and from where it would better be."""

    requisite: tuple[Topology, ...] = ()
    preferred: tuple[Topology, ...] = ()


class CapacityRange(Spec, frozen=True):
    """Bytes, 0 for any number."""

    required_bytes: int = msgspec.field(default_factory=always_zero)
    limit_bytes: int = msgspec.field(default_factory=always_zero)


class VolumeSecret(Spec, frozen=True):
    """A secret of the swarm for the volume's driver."""

    key: str = msgspec.field(default_factory=always_empty)
    secret: str = msgspec.field(default_factory=always_empty)


class ClusterVolumeSpec(Spec, frozen=True):
    """What a volume of the cluster was asked to be. `availability` is `active`, `pause` or `drain`."""

    group: str = ""
    access_mode: AccessMode | None = None
    accessibility_requirements: TopologyRequirement | None = None
    capacity_range: CapacityRange | None = None
    secrets: tuple[VolumeSecret, ...] = ()
    availability: str = ""


def _spec() -> Any:
    return ClusterVolumeSpec()


class ClusterVolume(Object, frozen=True):
    """A volume of the cluster. Its driver, a CSI plugin, would make it; there is none, so it stays to be made.

    `pending_delete`: it is to be removed once its driver has done so.
    """

    name: str
    driver: str = ""
    options: Labels = msgspec.field(default_factory=dict)
    labels: Labels = msgspec.field(default_factory=dict)
    spec: ClusterVolumeSpec = msgspec.field(default_factory=_spec)
    pending_delete: bool = False
