"""`/volumes` (MB: daemon/server/router/volume, volume/service)."""

from http import HTTPStatus
from typing import Any

from swarmlab.api.call import NO_CONTENT, Answer, ApiVersion, Call, Route, document
from swarmlab.api.encode import instant, sorted_map
from swarmlab.api.errors import ApiError, bad_request, not_available, not_found
from swarmlab.api.query import Filters
from swarmlab.engine import DockerEngine, EngineError
from swarmlab.objects.local import ANONYMOUS_LABEL, Volume
from swarmlab.objects.requests import VolumeCreateRequest

#: The API that knows volumes of the cluster, and that prunes none with a name unless it is asked to.
_CLUSTER_VOLUMES = ApiVersion(1, 42)
_NO_SWARM = "volume update only valid for cluster volumes, but swarm is unavailable"


def view(engine: DockerEngine, volume: Volume) -> dict[str, Any]:
    """A volume as Docker shows it."""
    return {
        "CreatedAt": f"{instant(volume.created_at).partition('.')[0].removesuffix('Z')}Z",
        "Driver": volume.driver,
        "Labels": sorted_map(volume.labels) or None,
        "Mountpoint": str(engine.volumes.path(volume.id)),
        "Name": volume.id,
        "Options": sorted_map(volume.options) or None,
        "Scope": "local",
    }


def usage(engine: DockerEngine) -> list[dict[str, Any]]:
    """All volumes with what they hold, for `docker system df`."""
    volumes = engine.volumes
    return [
        {**view(engine, v), "UsageData": {"RefCount": len(volumes.users(v.id)), "Size": volumes.size(v.id)}}
        for v in volumes.list()
    ]


def list_volumes(call: Call) -> Answer:
    """`GET /volumes`."""
    filters = call.filters("dangling", "driver", "label", "name")
    _check_dangling(filters)
    engine = call.engine
    found = [view(engine, volume) for volume in engine.volumes.list() if _matches(engine, volume, filters)]
    return document({"Volumes": found, "Warnings": None})


def _check_dangling(filters: Filters) -> None:
    values = filters.get("dangling")
    if values and not set(values) & {"1", "true", "0", "false"}:
        raise bad_request(f"Invalid filter 'dangling=[{' '.join(sorted(values))}]'")


def _matches(engine: DockerEngine, volume: Volume, filters: Filters) -> bool:
    wanted = set(filters.get("dangling"))
    used = bool(engine.volumes.users(volume.id))
    # Asked for both, it shows both.
    hidden = wanted & {"0", "false"} if not used else wanted & {"1", "true"}
    shown = wanted & {"1", "true"} if not used else wanted & {"0", "false"}
    return (
        (not hidden or bool(shown))
        and filters.exact("driver", volume.driver)
        and filters.match("name", volume.id)
        and filters.labels("label", volume.labels)
    )


def inspect_volume(call: Call) -> Answer:
    """`GET /volumes/{name}`."""
    return document(view(call.engine, _find(call)))


def _find(call: Call) -> Volume:
    """The volume that is meant. Raises EngineError (404), on a manager in SwarmKit's words."""
    try:
        return call.engine.volumes.find(call.name)
    except EngineError:
        if _has_cluster_volumes(call):
            raise not_found(f"volume {call.name} not found") from None
        raise


def _has_cluster_volumes(call: Call) -> bool:
    """Whether Docker would look for volumes of the cluster next."""
    return call.version >= _CLUSTER_VOLUMES and call.engine.cluster.info().control_available


def create_volume(call: Call) -> Answer:
    """`POST /volumes/create`."""
    request = call.decode(VolumeCreateRequest)
    if request.cluster_volume_spec is not None and call.version >= _CLUSTER_VOLUMES:
        call.control  # noqa: B018  (a manager's business: the error of one that is none comes first)
        raise not_available("a volume of the cluster (CSI)")
    volume = call.engine.volumes.create(request.name, request.driver, request.driver_opts, request.labels)
    return document(view(call.engine, volume), HTTPStatus.CREATED)


def update_volume(call: Call) -> Answer:
    """`PUT /volumes/{name}`: volumes of the cluster only, and there are none."""
    if call.version < _CLUSTER_VOLUMES:
        raise not_found("page not found")
    if not call.engine.cluster.info().control_available:
        raise ApiError(HTTPStatus.SERVICE_UNAVAILABLE, _NO_SWARM)
    version = call.param("version")
    if not version.isdigit():
        raise bad_request(
            f"invalid swarm object version '{version}': strconv.ParseUint: parsing \"{version}\": invalid syntax"
        )
    raise not_found(f"volume {call.name} not found")


def remove_volume(call: Call) -> Answer:
    """`DELETE /volumes/{name}`."""
    force = call.flag("force")
    if not force:
        _find(call)
    call.engine.volumes.remove(call.name, force=force)
    return NO_CONTENT


def prune_volumes(call: Call) -> Answer:
    """`POST /volumes/prune`: those that no container has; before API 1.42, or with the filter `all`, named ones too."""
    filters = call.filters("label", "label!", "all")
    every = bool(filters.flag("all")) or call.version < ApiVersion(1, 42)
    engine = call.engine
    deleted: list[str] = []
    reclaimed = 0
    for volume in engine.volumes.list():
        unwanted = filters.get("label!")
        if (
            engine.volumes.users(volume.id)
            or volume.options
            or not (every or ANONYMOUS_LABEL in volume.labels)
            or not filters.labels("label", volume.labels)
            or (unwanted and filters.labels("label!", volume.labels))
        ):
            continue
        reclaimed += engine.volumes.size(volume.id)
        engine.volumes.remove(volume.id)
        deleted.append(volume.id)
    engine.events.publish("volume", "prune", "", {"reclaimed": str(reclaimed)})
    return document({"VolumesDeleted": deleted, "SpaceReclaimed": reclaimed})


ROUTES = (
    Route("GET", "/volumes", list_volumes),
    Route("GET", "/volumes/{name}", inspect_volume),
    Route("POST", "/volumes/create", create_volume),
    Route("PUT", "/volumes/{name}", update_volume),
    Route("DELETE", "/volumes/{name}", remove_volume),
    Route("POST", "/volumes/prune", prune_volumes),
)
