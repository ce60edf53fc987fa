"""Volumes of the cluster in the answers of `/volumes` (MB: daemon/cluster/{volumes,convert/volume}.go).

An engine without CSI plugins keeps them, shows them as still to be made, and lets no task use them.
"""

from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

import msgspec

from swarmlab.api.call import ApiVersion, Call
from swarmlab.api.encode import instant
from swarmlab.api.errors import ApiError
from swarmlab.api.query import parse_version
from swarmlab.api.resolve import find_volume
from swarmlab.objects import new_id
from swarmlab.objects.requests import VolumeCreateRequest, VolumeUpdateRequest
from swarmlab.objects.volume import ClusterVolume, ClusterVolumeSpec

#: The API that knows them.
VERSION = ApiVersion(1, 42)
_NO_SWARM = "volume update only valid for cluster volumes, but swarm is unavailable"
_SCOPES = {"multi": "multi"}
_SHARING = frozenset({"none", "readonly", "onewriter", "all"})
_AVAILABILITIES = frozenset({"active", "pause", "drain"})


def are_known(call: Call) -> bool:
    """Whether Docker would look for volumes of the cluster."""
    return call.version >= VERSION and call.engine.cluster.info().control_available


def view(volume: ClusterVolume) -> dict[str, Any]:
    """One as Docker shows it."""
    made = datetime.fromtimestamp(volume.created_at // 1_000_000_000, UTC)
    fraction = f"{volume.created_at % 1_000_000_000:09d}".rstrip("0")
    return {
        "ClusterVolume": {
            "ID": volume.id,
            "Version": {"Index": volume.version},
            "CreatedAt": instant(volume.created_at),
            "UpdatedAt": instant(volume.updated_at),
            "Spec": volume.spec,
        },
        # As Go prints a time that nobody has formatted.
        "CreatedAt": f"{made:%Y-%m-%d %H:%M:%S}{'.' if fraction else ''}{fraction} +0000 UTC",
        "Driver": volume.driver,
        "Labels": volume.labels or None,
        "Mountpoint": "",
        "Name": volume.name,
        "Options": volume.options or None,
        "Scope": "global",
    }


def create(call: Call, request: VolumeCreateRequest) -> dict[str, Any]:
    """Make one. Raises what the control API does."""
    wanted = ClusterVolume(
        id=new_id(),
        name=request.name,
        driver=request.driver,
        options=request.driver_opts,
        labels=request.labels,
        spec=_normal(request.cluster_volume_spec or ClusterVolumeSpec()),
    )
    return view(call.control.create_volume(wanted, call.actor))


def update(call: Call) -> None:
    """Change its availability. Raises ApiError."""
    if not call.engine.cluster.info().control_available:
        raise ApiError(HTTPStatus.SERVICE_UNAVAILABLE, _NO_SWARM)
    version = parse_version(call.param("version"), "swarm object")
    asked = call.decode(VolumeUpdateRequest).spec if call.body else None
    volume = find_volume(call.control, call.name)
    availability = asked.availability if asked is not None and asked.availability in _AVAILABILITIES else ""
    call.control.update_volume(volume.id, version, availability, call.actor)


def remove(call: Call, *, force: bool) -> None:
    """Remove one. Raises ApiError (404), unless it is by force."""
    try:
        volume = find_volume(call.control, call.name)
    except ApiError as error:
        if force and error.status == HTTPStatus.NOT_FOUND:
            return
        raise
    call.control.remove_volume(volume.id, call.actor, force=force)


def _normal(spec: ClusterVolumeSpec) -> ClusterVolumeSpec:
    """What SwarmKit makes of words that it does not know: the first of each list."""
    mode = spec.access_mode
    if mode is not None:
        sharing = mode.sharing if mode.sharing in _SHARING else "none"
        mode = msgspec.structs.replace(mode, scope=_SCOPES.get(mode.scope, "single"), sharing=sharing)
        if mode.mount_volume is not None:
            mode = msgspec.structs.replace(mode, block_volume=None)
    availability = spec.availability if spec.availability in _AVAILABILITIES else "active"
    return msgspec.structs.replace(spec, access_mode=mode, availability=availability)
