"""`/containers`: making, starting, stopping and removing them by hand (MB: daemon/server/router/container)."""

from collections.abc import AsyncIterator
from http import HTTPStatus

from swarmlab.api import creationgates
from swarmlab.api.call import DONE, NO_CONTENT, Answer, ApiVersion, Call, Route, Stream, document
from swarmlab.api.duration import parse_until
from swarmlab.api.errors import bad_request
from swarmlab.api.execs import sizes
from swarmlab.api.query import parse_int
from swarmlab.engine.container.ends import Condition
from swarmlab.engine.image import platforms
from swarmlab.objects.run import ContainerRequest, UpdateRequest

#: The API with which a container may begin on several networks, each with a hardware address of its own.
_SEVERAL_NETWORKS = ApiVersion(1, 44)
#: The API with which a container may be asked for that is for another processor.
_PLATFORMS = ApiVersion(1, 41)
_MAC_ADDRESS = (
    "The container-wide MacAddress field is now deprecated. It should be specified in EndpointsConfig instead."
)
_NOT_MODIFIED = Answer(HTTPStatus.NOT_MODIFIED)
_CONDITIONS: dict[str, Condition] = {
    "": "not-running", "not-running": "not-running", "next-exit": "next-exit", "removed": "removed"
}  # fmt: skip


def create(call: Call) -> Answer:
    """`POST /containers/create`."""
    request = creationgates.adjusted(call.decode(ContainerRequest), call.version)
    asked = request.networking_config.endpoints_config
    if len(asked) > 1 and call.version < _SEVERAL_NETWORKS:
        raise bad_request(f"Container cannot be connected to network endpoints: {', '.join(asked)}")
    wanted = platforms.parse(call.param("platform") if call.version >= _PLATFORMS else "")
    made = call.engine.by_hand.create(request, call.param("name"), wanted)
    warnings = call.engine.by_hand.warnings(request) + creationgates.warnings(request, call.version)
    if request.mac_address and call.version >= _SEVERAL_NETWORKS:
        warnings.append(_MAC_ADDRESS)
    return document({"Id": made.id, "Warnings": warnings}, HTTPStatus.CREATED)


async def start(call: Call) -> Answer:
    """`POST /containers/{id}/start`."""
    return NO_CONTENT if await call.engine.by_hand.start(call.name) else _NOT_MODIFIED


async def stop(call: Call) -> Answer:
    """`POST /containers/{id}/stop`."""
    stopped = await call.engine.by_hand.stop(call.name, _grace(call), _signal(call))
    return NO_CONTENT if stopped else _NOT_MODIFIED


async def restart(call: Call) -> Answer:
    """`POST /containers/{id}/restart`."""
    await call.engine.by_hand.restart(call.name, _grace(call), _signal(call))
    return NO_CONTENT


async def kill(call: Call) -> Answer:
    """`POST /containers/{id}/kill`."""
    await call.engine.by_hand.kill(call.name, call.param("signal"))
    return NO_CONTENT


def pause(call: Call) -> Answer:
    """`POST /containers/{id}/pause`."""
    call.engine.by_hand.pause(call.name)
    return NO_CONTENT


def unpause(call: Call) -> Answer:
    """`POST /containers/{id}/unpause`."""
    call.engine.by_hand.unpause(call.name)
    return NO_CONTENT


async def remove(call: Call) -> Answer:
    """`DELETE /containers/{id}`."""
    if call.flag("link"):
        call.engine.by_hand.unlink(call.name)
        return NO_CONTENT
    await call.engine.by_hand.remove(call.name, force=call.flag("force"), volumes=call.flag("v"))
    return NO_CONTENT


def rename(call: Call) -> Answer:
    """`POST /containers/{id}/rename`."""
    call.engine.by_hand.rename(call.name, call.param("name"))
    return NO_CONTENT


def wait(call: Call) -> Stream:
    """`POST /containers/{id}/wait`: the head at once, the exit code when the condition is met."""
    # Conditions came with API 1.30.
    condition = _CONDITIONS.get(call.param("condition") if call.version >= ApiVersion(1, 30) else "")
    if condition is None:
        raise bad_request(f'invalid condition: "{call.param("condition")}"')
    containers = call.engine.containers
    code = containers.waiter(containers.find(call.name).id, condition)

    async def parts() -> AsyncIterator[bytes]:
        answer = {"StatusCode": await code}
        yield document(answer).body

    return Stream(parts(), "application/json", code.cancel)


def update(call: Call) -> Answer:
    """`POST /containers/{id}/update`: the restart policy and the limits."""
    request = creationgates.updated(call.decode(UpdateRequest), call.version)
    warnings = call.engine.by_hand.update(call.name, request)
    return document({"Warnings": warnings or None})


async def prune(call: Call) -> Answer:
    """`POST /containers/prune`: remove everything that does not run."""
    filters = call.filters("label", "label!", "until")
    until = parse_until(filters.get("until"), call.engine.clock.now())
    found = [
        container
        for container in call.engine.containers.list(all=True)
        if container.state.status in {"created", "exited", "dead"}
        and (not until or container.created_at < until)
        and filters.labels("label", container.labels)
        and (not filters.get("label!") or not filters.labels("label!", container.labels))
    ]
    for container in found:
        await call.engine.containers.remove(container.id)
    deleted = [container.id for container in found] or None
    call.engine.events.publish("container", "prune", "", {"reclaimed": "0"})
    return document({"ContainersDeleted": deleted, "SpaceReclaimed": 0})


def resize(call: Call) -> Answer:
    """`POST /containers/{id}/resize`. Programs here do not ask for the size of their terminal."""
    height, width = sizes(call)
    container = call.engine.by_hand.running(call.name)
    call.engine.containers.publish("resize", container.id, height=str(height), width=str(width))
    return DONE


def _grace(call: Call) -> int | None:
    text = call.param("t")
    return parse_int(text, "strconv.Atoi") if text else None


def _signal(call: Call) -> str:
    return call.param("signal") if call.version >= ApiVersion(1, 42) else ""


ROUTES = (
    Route("POST", "/containers/create", create),
    Route("POST", "/containers/prune", prune),
    Route("POST", "/containers/{name}/start", start),
    Route("POST", "/containers/{name}/stop", stop),
    Route("POST", "/containers/{name}/restart", restart),
    Route("POST", "/containers/{name}/kill", kill),
    Route("POST", "/containers/{name}/pause", pause),
    Route("POST", "/containers/{name}/unpause", unpause),
    Route("POST", "/containers/{name}/rename", rename),
    Route("POST", "/containers/{name}/wait", wait),
    Route("POST", "/containers/{name}/update", update),
    Route("POST", "/containers/{name}/resize", resize),
    Route("DELETE", "/containers/{name*}", remove),
)
