"""`/networks`: the swarm's and the engine's own (MB: daemon/server/router/network)."""

from contextlib import suppress
from http import HTTPStatus
from typing import Any

import msgspec

from swarmlab.api.attachments import attached, endpoint_id, endpoint_resource, known_networks
from swarmlab.api.call import DONE, NO_CONTENT, Answer, ApiVersion, Call, Route, answer, document
from swarmlab.api.encode import instant, sorted_map
from swarmlab.api.errors import ApiError, bad_request, internal, not_found
from swarmlab.api.query import Filters, parse_bool
from swarmlab.api.resolve import find_network
from swarmlab.engine import EngineError
from swarmlab.engine.network.networkchecks import check_request, for_swarm
from swarmlab.engine.network.parentlinks import gossiped
from swarmlab.engine.swarm import swarmtexts
from swarmlab.manager.errors import StatusError
from swarmlab.objects import Driver, IPAMConfig, IPAMOptions, Network, NetworkSpec, Spec
from swarmlab.objects.local import LocalNetwork, LocalPool, Overlay
from swarmlab.objects.network import ConfigFrom
from swarmlab.objects.requests import NetworkConnectRequest, NetworkCreateRequest, NetworkDisconnectRequest
from swarmlab.objects.run import EndpointSettings

_PREDEFINED = frozenset({"bridge", "host", "none"})
_PREDEFINED_LABEL = "com.docker.swarm.predefined"
_ACCEPTED = ("dangling", "driver", "id", "label", "name", "scope", "type")
#: The API since which a list does not say who is on a network, and the one that tells IPv4 apart.
_UNDETAILED, _IPV4 = ApiVersion(1, 28), ApiVersion(1, 48)
_SERIAL = "com.docker.network.ipam.serial"


class _View(Spec, frozen=True, kw_only=True):
    """A network as Docker shows it, of either scope."""

    name: str
    id: str = msgspec.field(name="Id")
    created: str
    scope: str
    driver: str
    enable_ipv4: bool | msgspec.UnsetType = msgspec.UNSET
    enable_ipv6: bool
    ipam: dict[str, Any]
    internal: bool
    attachable: bool
    ingress: bool
    config_from: dict[str, str]
    config_only: bool
    containers: dict[str, Any] | None
    options: dict[str, str] | None
    labels: dict[str, str] | None
    peers: list[dict[str, str]] | msgspec.UnsetType = msgspec.UNSET
    services: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET


def _pool(subnet: str, range_: str, gateway: str) -> dict[str, str]:
    found = {"Subnet": subnet, "IPRange": range_, "Gateway": gateway}
    return {key: value for key, value in found.items() if value}


def _swarm_view(network: Network) -> _View:
    """A network as the swarm's managers show it: they do not know what is on it."""
    spec, ipam, state = network.spec, network.ipam, network.driver_state
    options = dict(ipam.driver.options) if ipam is not None else {}
    configs = ipam.configs if ipam is not None else ()
    return _View(
        name=spec.name,
        id=network.id,
        created=instant(network.created_at),
        scope="swarm",
        driver=state.name if state is not None else "",
        enable_ipv6=spec.ipv6_enabled,
        ipam={
            "Driver": ipam.driver.name if ipam is not None else "",
            # The allocator notes how it takes addresses beside what was asked for, if anything was.
            "Options": sorted_map({**options, _SERIAL: "true"}) if options else None,
            "Config": [_pool(c.subnet, c.range, c.gateway) for c in configs] if ipam is not None else None,
        },
        internal=spec.internal,
        attachable=spec.attachable,
        ingress=spec.ingress,
        config_from={"Network": spec.config_from.network if spec.config_from is not None else ""},
        config_only=False,
        containers=None,
        options=sorted_map(state.options) if state is not None and state.options else None,
        labels=sorted_map(spec.labels) or None,
    )


def _overlay_view(call: Call, overlay: Overlay) -> _View:
    """A network of the swarm as it exists on this engine: with those nodes on which it exists as well."""
    view = _swarm_view(overlay.network)
    return msgspec.structs.replace(
        view,
        created=instant(overlay.created_at),
        containers={},
        options=view.options or {},
        labels=view.labels or {},
        peers=_peers(call, overlay.id),
    )


def _peers(call: Call, network_id: str) -> list[dict[str, str]]:
    return [
        {"Name": endpoint_id("peer", node_id)[:12], "IP": address} for node_id, address in call.engine.peers(network_id)
    ]


def _local_view(network: LocalNetwork) -> _View:
    return _View(
        name=network.name,
        id=network.id,
        created=instant(network.created_at),
        scope=network.scope,
        driver=network.driver,
        enable_ipv6=network.ipv6,
        ipam={
            "Driver": "default",
            "Options": sorted_map(network.ipam_options) if network.ipam_options is not None else None,
            "Config": [_local_pool(pool) for pool in network.pools],
        },
        internal=network.internal,
        attachable=network.attachable,
        ingress=False,
        config_from={"Network": network.config_from},
        config_only=network.config_only,
        containers={},
        options=sorted_map(network.options),
        labels=sorted_map(network.labels),
    )


def _local_pool(pool: LocalPool) -> dict[str, Any]:
    auxiliary = {"AuxiliaryAddresses": sorted_map(pool.auxiliary_addresses)} if pool.auxiliary_addresses else {}
    return {**_pool(pool.subnet, pool.ip_range, pool.gateway), **auxiliary}


def _swarm_networks(call: Call) -> list[Network]:
    """The swarm's networks that users may see; none on an engine that is no manager."""
    try:
        return [n for n in call.control.networks() if n.spec.labels.get(_PREDEFINED_LABEL) != "true"]
    except (EngineError, StatusError):
        return []


def _own_views(call: Call) -> list[_View]:
    """The networks that exist on this engine: those of the swarm, then its own."""
    return [
        *(_overlay_view(call, overlay) for overlay in call.engine.overlays.list()),
        *(_local_view(network) for network in call.engine.networks.list()),
    ]


def _views(call: Call) -> list[_View]:
    """Every network once: the swarm's as its managers show them, then those that this engine alone knows of."""
    found = [_swarm_view(network) for network in _swarm_networks(call)]
    ids = {view.id for view in found}
    return [*found, *(view for view in _own_views(call) if view.id not in ids)]


def _attached_view(call: Call, view: _View) -> _View:
    """The view of one network with what is on it here; as the engine has it, if it has it."""
    overlay = call.engine.overlays.find(view.id)
    own = call.engine.networks.find(view.id)
    if overlay is None and own is None:
        return view
    containers = attached(call.engine.containers.list(all=False), view.id, known_networks(call))
    if overlay is not None:
        view = _overlay_view(call, overlay)
        key = "ingress-sbox" if view.ingress else f"lb-{view.name}"
        if overlay.address:
            own_id = call.engine.cluster.info().node_id
            containers[key] = endpoint_resource(f"{view.name}-endpoint", overlay.address, key, own_id, view.id)
    elif own is not None:
        view = _local_view(own)
        if gossiped(own):
            view = msgspec.structs.replace(view, peers=_peers(call, own.id))
    return msgspec.structs.replace(view, containers=containers)


def list_networks(call: Call) -> Answer:
    """`GET /networks`: the swarm's on a manager, then the engine's own."""
    filters = call.filters(*_ACCEPTED)
    _check(filters)
    found = [view for view in _views(call) if _matches(view, filters)]
    if call.version < _UNDETAILED:
        found = [_attached_view(call, view) for view in found]
    return document([_shown(call, view) for view in found])


def _shown(call: Call, view: _View) -> _View:
    """The view as the client's API version knows it. No network of a lab is without IPv4."""
    return msgspec.structs.replace(view, enable_ipv4=True) if call.version >= _IPV4 else view


def _check(filters: Filters) -> None:
    if len(filters.get("dangling")) > 1:
        raise bad_request('got more than one value for filter key "dangling"')
    if not set(filters.get("dangling")) <= {"0", "false", "1", "true"}:
        raise bad_request('invalid value for filter \'dangling\', must be "true" (or "1"), or "false" (or "0")')
    for value in filters.get("type"):
        if value not in {"builtin", "custom"}:
            raise ApiError(HTTPStatus.INTERNAL_SERVER_ERROR, f"invalid filter: 'type'='{value}'")


def _matches(view: _View, filters: Filters) -> bool:
    builtin = view.name in _PREDEFINED
    kind = "builtin" if builtin else "custom"
    # A list does not say who uses a network: all but Docker's own count as unused (MB: daemon/network/filter.go).
    dangling = bool(set(filters.get("dangling")) & {"1", "true"})
    return (
        filters.exact("driver", view.driver)
        and filters.match("name", view.name)
        and filters.match("id", view.id)
        and filters.labels("label", view.labels or {})
        and filters.exact("scope", view.scope)
        and filters.exact("type", kind)
        and ("dangling" not in filters or dangling != builtin)
    )


def inspect_network(call: Call) -> Answer:
    """`GET /networks/{id}`: by full id, then name, then id prefix; `scope` narrows it down."""
    verbose = parse_bool(call.param("verbose"), "verbose")
    view = _attached_view(call, _inspected(call, call.name, call.param("scope")))
    if verbose and view.peers:
        view = msgspec.structs.replace(view, services=_services(call, view.id))
    return document(_shown(call, view))


def _services(call: Call, network_id: str) -> dict[str, Any]:
    """What `docker network inspect --verbose` adds (MB: api/types/network, ServiceInfo)."""
    overlay = call.engine.overlays.find(network_id) is not None
    return {
        name: {
            "VIP": service.vip or "<nil>",
            "Ports": [f"Target: {port.target_port}, Publish: {port.published_port}" for port in service.ports],
            # The number by which the kernel's load balancer knows it: from 256 on, in any order.
            "LocalLBIndex": 256 + number if name else 0,
            "Tasks": [
                {
                    "Name": task,
                    "EndpointID": endpoint_id(container_id, network_id),
                    "EndpointIP": address,
                    # Only of overlay networks do nodes say where their tasks are.
                    "Info": {"Host IP": host} if overlay else None,
                }
                for container_id, task, address, host in service.tasks
            ],
        }
        for number, (name, service) in enumerate(sorted(call.engine.services(network_id).items()))
    }


def _find(call: Call, term: str, scope: str = "") -> _View:
    """The one network that is meant. Raises ApiError: 404 when there is none, 400 when there are several."""
    views = [view for view in _views(call) if scope in ("", view.scope)]
    if scope == "swarm" and term in _PREDEFINED:
        # Services may name the predefined networks, which are hidden otherwise.
        with suppress(EngineError, StatusError, ApiError):
            return _swarm_view(find_network(call.control, term))
    for view in views:
        if view.id == term:
            return view
    for found, how in (
        ([view for view in views if view.name == term], "name"),
        ([view for view in views if view.id.startswith(term)], "ID prefix"),
    ):
        if len(found) > 1:
            raise bad_request(f"network {term} is ambiguous ({len(found)} matches found based on {how})")
        if found:
            return found[0]
    raise not_found(f"network {term} not found")


def _inspected(call: Call, term: str, scope: str) -> _View:
    """The network to show: by id the swarm finds hidden ones, too, and whatever the scope (MB: router, getNetwork)."""
    try:
        return _find(call, term, scope)
    except ApiError as error:
        if error.status != HTTPStatus.NOT_FOUND:
            raise
        with suppress(EngineError, StatusError, ApiError):
            network = find_network(call.control, term)
            if network.spec.name != term:
                return _swarm_view(network)
        raise


def create_network(call: Call) -> Answer:
    """`POST /networks/create`: in the swarm, or on the engine alone."""
    request = call.decode(NetworkCreateRequest)
    _check_name(call, request.name)
    check_request(request)
    if not for_swarm(request):
        if request.scope not in {"", "local"}:
            raise internal(swarmtexts.NOT_IN_SWARM)
        made = call.engine.networks.create(request)
        return answer({"Id": made.id, "Warning": ""}, HTTPStatus.CREATED)
    state = call.engine.cluster.info()
    if not state.control_available:
        raise ApiError(HTTPStatus.FORBIDDEN, _no_manager(request, in_swarm=state.local_node_state == "active"))
    network = call.control.create_network(_network_spec(request), call.actor)
    return answer({"Id": network.id, "Warning": ""}, HTTPStatus.CREATED)


def _check_name(call: Call, name: str) -> None:
    """Raise ApiError for a name that is taken, or that nobody may have."""
    with suppress(EngineError, StatusError):
        # On a manager the swarm's own networks come first, those among them that every node has by itself.
        # No name stands for any of them.
        if any(name in ("", network.spec.name) for network in call.control.networks()):
            raise ApiError(HTTPStatus.CONFLICT, f"network with name {name} already exists")
    if name in _PREDEFINED | {"default"}:
        raise ApiError(HTTPStatus.FORBIDDEN, f"operation is not permitted on predefined {name} network ")
    if any(view.name == name for view in _views(call)):
        raise ApiError(HTTPStatus.CONFLICT, f"network with name {name} already exists")


def _no_manager(request: NetworkCreateRequest, *, in_swarm: bool) -> str:
    """Why an engine that is no manager makes no network for a swarm."""
    if in_swarm:
        return "Cannot create a multi-host network from a worker node. Please create the network from a manager node."
    if request.scope != "swarm":
        return swarmtexts.NOT_IN_SWARM
    return "cannot create a swarm scoped network when swarm is not active"


def _network_spec(request: NetworkCreateRequest) -> NetworkSpec:
    ipam = request.ipam
    options = None
    if ipam is not None:
        configs = tuple(IPAMConfig(subnet=c.subnet, range=c.ip_range, gateway=c.gateway) for c in ipam.config)
        options = IPAMOptions(driver=Driver(name=ipam.driver or "default", options=ipam.options or {}), configs=configs)
    return NetworkSpec(
        name=request.name,
        labels=request.labels,
        driver_configuration=Driver(name=request.driver, options=request.options),
        ipv6_enabled=bool(request.enable_ipv6),
        internal=request.internal,
        attachable=request.attachable,
        ingress=request.ingress,
        ipam_options=options,
        config_from=ConfigFrom(network=request.config_from.network) if request.config_from is not None else None,
        scope="swarm",
    )


def remove_network(call: Call) -> Answer:
    """`DELETE /networks/{id}`."""
    view = _find(call, call.name)
    if view.scope == "swarm":
        # One that only this engine still knows cannot be removed by anyone.
        call.control.remove_network(find_network(call.control, view.id).id, call.actor)
        return NO_CONTENT
    network = call.engine.networks.find(view.id)
    assert network is not None
    call.engine.networks.remove(network)
    return NO_CONTENT


async def connect_network(call: Call) -> Answer:
    """`POST /networks/{id}/connect`."""
    request = call.decode(NetworkConnectRequest)
    settings = request.endpoint_config or EndpointSettings()
    await call.engine.connections.connect(call.name, request.container, settings)
    return DONE


def disconnect_network(call: Call) -> Answer:
    """`POST /networks/{id}/disconnect`."""
    request = call.decode(NetworkDisconnectRequest)
    call.engine.connections.disconnect(call.name, request.container, force=request.force)
    return DONE


ROUTES = (
    Route("GET", "/networks", list_networks),
    Route("GET", "/networks/", list_networks),
    Route("POST", "/networks/create", create_network),
    Route("GET", "/networks/{name}", inspect_network),
    Route("DELETE", "/networks/{name}", remove_network),
    Route("POST", "/networks/{name}/connect", connect_network),
    Route("POST", "/networks/{name}/disconnect", disconnect_network),
)
