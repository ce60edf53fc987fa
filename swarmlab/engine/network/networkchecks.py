"""What every network that is asked for has to keep to, whoever will own it.

Source: MB: daemon/network.go; libnetwork: network.go, controller.go.
"""

from http import HTTPStatus

from swarmlab.engine.errors import EngineError, internal, not_found
from swarmlab.engine.network.localipam import parse
from swarmlab.objects.local import LocalPool
from swarmlab.objects.requests import IPAM, NetworkCreateRequest

#: Drivers that a network may have, and those whose networks are the swarm's of themselves.
_DRIVERS = frozenset({"", "bridge", "host", "ipvlan", "macvlan", "null", "overlay"})
_GLOBAL = frozenset({"overlay"})


def check_request(request: NetworkCreateRequest) -> None:
    """Raise EngineError (403, 404, 500) for what neither an engine nor a swarm makes."""
    for pool in (request.ipam or IPAM()).config:
        parse(LocalPool(subnet=pool.subnet))
    if not request.name.strip():
        raise internal(f"invalid name: {request.name}")
    _check_configuration(request)
    if request.config_only:
        return
    if request.driver not in _DRIVERS:
        raise not_found(f'plugin "{request.driver}" not found')
    if request.scope == "local" and request.driver in _GLOBAL:
        raise _forbidden(f"cannot downgrade network scope for {request.driver} networks")
    if request.ingress and request.driver not in _GLOBAL:
        raise _forbidden("Ingress network can only be global scope network")


def for_swarm(request: NetworkCreateRequest) -> bool:
    """Whether the network is to be the swarm's."""
    return not request.config_only and (request.driver in _GLOBAL or request.scope == "swarm")


def _check_configuration(request: NetworkCreateRequest) -> None:
    """A network that holds settings has no others, and one that takes them from it has none of its own."""
    source = request.config_from.network if request.config_from is not None else ""
    if request.config_only:
        if request.ingress or request.internal or request.attachable or request.scope:
            raise _forbidden(
                "configuration network can only contain network specific fields. "
                "Network operator fields like [ ingress | internal | attachable | scope ] are not supported."
            )
        if source:
            raise _forbidden("a configuration network cannot depend on another configuration network")
    if not source:
        return
    ipam = request.ipam or IPAM()
    if request.enable_ipv6 or request.labels or ipam.options or ipam.config or ipam.driver not in {"", "default"}:
        raise _forbidden(
            "user specified configurations are not supported if the network depends on a configuration network"
        )
    if request.options:
        raise _forbidden("network driver options are not supported if the network depends on a configuration network")


def _forbidden(message: str) -> EngineError:
    return EngineError(HTTPStatus.FORBIDDEN, message)
