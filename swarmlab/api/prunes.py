"""What `docker system prune` asks for besides containers (MB: daemon/prune.go)."""

from collections.abc import Mapping
from contextlib import suppress

from swarmlab.api.call import Answer, Call, Route, document
from swarmlab.api.duration import parse_until
from swarmlab.engine import EngineError
from swarmlab.engine.network.localnetworks import PREDEFINED
from swarmlab.manager.errors import StatusError


def networks(call: Call) -> Answer:
    """`POST /networks/prune`: the swarm's networks and the engine's own that nothing uses."""
    filters = call.filters("label", "label!", "until")
    until = parse_until(filters.get("until"), call.engine.clock.now())
    unwanted = filters.get("label!")

    def spared(created: int, labels: Mapping[str, str]) -> bool:
        """Whether the filters keep a network."""
        return bool(
            (until and created >= until)
            or not filters.labels("label", labels)
            or (unwanted and filters.labels("label!", labels))
        )

    deleted = []
    with suppress(EngineError):
        # A worker has none of the swarm to prune. What still stops is in nobody's way.
        for network in call.control.networks():
            if network.spec.ingress or spared(network.created_at, network.spec.labels):
                continue
            with suppress(StatusError):
                call.control.remove_network(network.id, call.actor)
                deleted.append(network.spec.name)
    own = call.engine.networks
    for local in own.list():
        kept = local.name in PREDEFINED or local.config_only or own.in_use(local)
        if not kept and not spared(local.created_at, local.labels):
            own.remove(local)
            deleted.append(local.name)
    call.engine.events.publish("network", "prune", "", {"reclaimed": "0"})
    return document({"NetworksDeleted": deleted or None})


ROUTES = (Route("POST", "/networks/prune", networks),)
