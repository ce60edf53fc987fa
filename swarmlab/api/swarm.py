"""`/swarm` (MB: daemon/server/router/swarm)."""

import msgspec

from swarmlab.api import encode
from swarmlab.api.call import DONE, Answer, ApiVersion, Call, Route, answer
from swarmlab.api.errors import bad_request
from swarmlab.api.query import parse_bool, parse_version
from swarmlab.objects import ClusterSpec
from swarmlab.objects.requests import InitRequest, JoinRequest, UnlockRequest


async def init(call: Call) -> Answer:
    """`POST /swarm/init`: the new node's id."""
    request = call.decode(InitRequest)
    if call.version < ApiVersion(1, 39):
        request = msgspec.structs.replace(request, default_addr_pool=None, subnet_size=0)
    if call.version < ApiVersion(1, 40):
        request = msgspec.structs.replace(request, data_path_port=0)
    return answer(await call.engine.cluster.init(request))


async def join(call: Call) -> Answer:
    """`POST /swarm/join`."""
    await call.engine.cluster.join(call.decode(JoinRequest))
    return DONE


async def leave(call: Call) -> Answer:
    """`POST /swarm/leave`."""
    await call.engine.cluster.leave(force=call.flag("force"))
    return DONE


def inspect(call: Call) -> Answer:
    """`GET /swarm`, join tokens included."""
    return answer(encode.swarm(call.control.cluster()))


def update(call: Call) -> Answer:
    """`POST /swarm/update`."""
    spec = call.decode(ClusterSpec)
    if spec.name not in {"", "default"}:
        raise bad_request('swarm spec must be named "default"')
    for authority in spec.ca_config.external_cas:
        if authority.protocol.lower() != "cfssl":
            raise bad_request(f'invalid protocol: "{authority.protocol}"')
    version = parse_version(call.param("version"), "swarm")
    worker, manager, unlock_key = (
        parse_bool(call.param(name), name)
        for name in ("rotateWorkerToken", "rotateManagerToken", "rotateManagerUnlockKey")
    )
    call.control.update_cluster(
        version,
        msgspec.structs.replace(spec, name="default"),
        rotate_worker=worker,
        rotate_manager=manager,
        rotate_unlock_key=unlock_key,
        actor=call.actor,
    )
    return DONE


async def unlock(call: Call) -> Answer:
    """`POST /swarm/unlock`."""
    await call.engine.cluster.unlock(call.decode(UnlockRequest).unlock_key)
    return DONE


def read_unlock_key(call: Call) -> Answer:
    """`GET /swarm/unlockkey`; empty when managers do not lock themselves."""
    return answer({"UnlockKey": call.engine.cluster.unlock_key()})


ROUTES = (
    Route("POST", "/swarm/init", init),
    Route("POST", "/swarm/join", join),
    Route("POST", "/swarm/leave", leave),
    Route("GET", "/swarm", inspect),
    Route("POST", "/swarm/update", update),
    Route("POST", "/swarm/unlock", unlock),
    Route("GET", "/swarm/unlockkey", read_unlock_key),
)
