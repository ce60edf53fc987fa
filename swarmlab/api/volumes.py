"""`/volumes` (MB: daemon/server/router/volume, volume/service)."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from swarmlab.api import clustervolumes
from swarmlab.api.call import DONE, NO_CONTENT, Answer, ApiVersion, Call, Route, document
from swarmlab.api.encode import instant, sorted_map
from swarmlab.api.errors import bad_request, not_found
from swarmlab.api.query import Filters
from swarmlab.api.resolve import find_volume
from swarmlab.engine import DockerEngine, EngineError
from swarmlab.objects.local import ANONYMOUS_LABEL, Volume
from swarmlab.objects.requests import VolumeCreateRequest


def _shown(volume: Volume, given_as: str, values: Mapping[str, str]) -> dict[str, str] | None:
    return sorted_map(values) or ({} if given_as in volume.given_empty else None)


def view(engine: DockerEngine, volume: Volume) -> dict[str, Any]:
    """A volume as Docker shows it."""
    return {
        "CreatedAt": f"{instant(volume.created_at).partition('.')[0].removesuffix('Z')}Z",
        "Driver": volume.driver,
        "Labels": _shown(volume, "Labels", volume.labels),
        "Mountpoint": str(engine.volumes.path(volume.id)),
        "Name": volume.id,
        "Options": _shown(volume, "DriverOpts", volume.options),
        "Scope": "local",
    }


def usage(engine: DockerEngine) -> list[dict[str, Any]]:
    """Volumes with what they hold, for `docker system df`, which leaves out those with options of their driver.

    Source: MB: volume/service/service.go, LocalVolumesSize.
    """
    volumes = engine.volumes
    return [
        {**view(engine, v), "UsageData": {"RefCount": len(volumes.users(v.id)), "Size": volumes.size(v.id)}}
        for v in volumes.list()
        if not v.options
    ]


def list_volumes(call: Call) -> Answer:
    """`GET /volumes`."""
    filters = call.filters("dangling", "driver", "label", "name")
    _check_dangling(filters)
    engine = call.engine
    found = [view(engine, volume) for volume in engine.volumes.list() if _matches(engine, volume, filters)]
    if clustervolumes.are_known(call):
        # As in Docker, no filter looks at them.
        found += [clustervolumes.view(volume) for volume in call.control.volumes()]
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
    try:
        return document(view(call.engine, call.engine.volumes.find(call.name)))
    except EngineError:
        if not clustervolumes.are_known(call):
            raise
    return document(clustervolumes.view(find_volume(call.control, call.name)))


def create_volume(call: Call) -> Answer:
    """`POST /volumes/create`."""
    request = call.decode(VolumeCreateRequest)
    if request.cluster_volume_spec is not None and call.version >= clustervolumes.VERSION:
        return document(clustervolumes.create(call, request), HTTPStatus.CREATED)
    volume = call.engine.volumes.create(
        request.name, request.driver, request.driver_opts, request.labels, request.given_empty
    )
    return document(view(call.engine, volume), HTTPStatus.CREATED)


def update_volume(call: Call) -> Answer:
    """`PUT /volumes/{name}`: volumes of the cluster only."""
    if call.version < clustervolumes.VERSION:
        raise not_found("page not found")
    clustervolumes.update(call)
    return DONE


def remove_volume(call: Call) -> Answer:
    """`DELETE /volumes/{name}`."""
    force = call.flag("force")
    missing = None
    try:
        call.engine.volumes.remove(call.name, force=force)
    except EngineError as error:
        if error.status != HTTPStatus.NOT_FOUND:
            raise
        missing = error
    if (missing is not None or force) and clustervolumes.are_known(call):
        clustervolumes.remove(call, force=force)
    elif missing is not None:
        raise missing
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
