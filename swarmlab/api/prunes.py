"""What `docker system prune` asks for besides containers (MB: daemon/prune.go)."""

from contextlib import suppress

from swarmlab.api.call import Answer, Call, Route, document
from swarmlab.api.duration import parse_until
from swarmlab.engine import EngineError
from swarmlab.manager.errors import StatusError


def networks(call: Call) -> Answer:
    """`POST /networks/prune`: the swarm's networks that nothing uses. The engine's own stay."""
    filters = call.filters("label", "label!", "until")
    until = parse_until(filters.get("until"), call.engine.clock.now())
    used = {
        endpoint.network_id for container in call.engine.containers.list(all=False) for endpoint in container.endpoints
    }
    deleted = []
    with suppress(EngineError):
        # A worker has nothing to prune.
        for network in call.control.networks():
            unwanted = filters.get("label!")
            if (
                network.spec.ingress
                or network.id in used
                or (until and network.created_at >= until)
                or not filters.labels("label", network.spec.labels)
                or (unwanted and filters.labels("label!", network.spec.labels))
            ):
                continue
            with suppress(StatusError):
                call.control.remove_network(network.id, call.actor)
                deleted.append(network.spec.name)
    call.engine.events.publish("network", "prune", "", {"reclaimed": "0"})
    return document({"NetworksDeleted": deleted or None})


def volumes(call: Call) -> Answer:
    """`POST /volumes/prune`: there are none."""
    call.filters("label", "label!", "all")
    call.engine.events.publish("volume", "prune", "", {"reclaimed": "0"})
    return document({"VolumesDeleted": [], "SpaceReclaimed": 0})


def build_cache(call: Call) -> Answer:
    """`POST /build/prune`: there is none."""
    return document({"CachesDeleted": None, "SpaceReclaimed": 0})


ROUTES = (
    Route("POST", "/networks/prune", networks),
    Route("POST", "/volumes/prune", volumes),
    Route("POST", "/build/prune", build_cache),
)
