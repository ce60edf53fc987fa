"""What the requests that make and join swarms ask for, checked and with defaults (MB: daemon/cluster/swarm.go)."""

import msgspec

from swarmlab.engine.errors import EngineError, bad_request, internal
from swarmlab.engine.swarm import addresses
from swarmlab.manager import StatusError, parse_token, validate_settings
from swarmlab.objects import ClusterSpec
from swarmlab.objects.local import Membership
from swarmlab.objects.requests import InitRequest, JoinRequest

_replace = msgspec.structs.replace


def of_init(request: InitRequest, own: str) -> tuple[InitRequest, Membership]:
    """A request with its defaults, and the membership it makes, but for swarm and node. `own` is the engine's address.

    Raises EngineError (400).
    """
    spec = request.spec
    if spec.name not in {"", "default"}:
        raise bad_request('swarm spec must be named "default"')
    listen_host, listen_port = addresses.listen(request.listen_addr, own)
    host, port = addresses.advertise(request.advertise_addr, own, listen_port)
    data_path = addresses.data_path(request.data_path_addr, own)
    if not addresses.can_listen(listen_host, own):
        place = addresses.joined(listen_host, listen_port)
        raise internal(
            f"manager stopped: failed to listen on remote API address: listen tcp {place}: "
            "bind: cannot assign requested address"
        )
    if request.default_addr_pool is not None:
        addresses.check_pool(request.default_addr_pool, request.subnet_size)
    data_path_port = addresses.check_data_path_port(request.data_path_port)
    if request.auto_lock_managers:
        spec = _replace(spec, encryption_config=_replace(spec.encryption_config, auto_lock_managers=True))
    member = Membership(
        listen_addr=addresses.joined(listen_host, listen_port),
        advertise_addr=addresses.joined(host, port),
        own_addr=host,
        data_path_addr=data_path,
        manager=True,
    )
    return _replace(request, spec=spec, data_path_port=data_path_port), member


def settings(request: InitRequest) -> tuple[InitRequest, EngineError | None]:
    """A request with settings that a swarm can have, and with what is to be answered if those asked for are not.

    The swarm is there by the time that they are refused, with the default ones (MB: daemon/cluster/swarm.go:
    initClusterSpec).
    """
    try:
        validate_settings(request.spec)
    except StatusError as error:
        kept = ClusterSpec(encryption_config=request.spec.encryption_config)
        return _replace(request, spec=kept), internal(f"error updating cluster settings: {error}")
    return request, None


def check_join(request: JoinRequest, own: str) -> JoinRequest:
    """The request with whole addresses. One that names no manager, or nothing to listen on, or has a malformed token is
    refused.

    Raises EngineError (400, for the token 500).
    """
    if not request.remote_addrs:
        raise bad_request("at least 1 RemoteAddr is required to join")
    addresses.listen(request.listen_addr, own)
    addresses.data_path(request.data_path_addr, own)
    remotes = tuple(addresses.remote(address) for address in request.remote_addrs)
    try:
        # One that is missing is the manager's concern.
        if request.join_token:
            parse_token(request.join_token)
    except ValueError as error:
        raise internal(str(error)) from None
    return _replace(request, remote_addrs=remotes)


def of_join(request: JoinRequest, own: str) -> Membership:
    """The membership that a request makes, but for swarm, node and role. Raises EngineError (400)."""
    listens_at, port = addresses.listen(request.listen_addr, own)
    host, port = addresses.advertised(request.advertise_addr, own, port)
    return Membership(
        listen_addr=request.listen_addr,
        advertise_addr=addresses.joined(host, port),
        own_addr=host if request.advertise_addr else listens_at,
        data_path_addr=request.data_path_addr,
        remote=request.remote_addrs[0],
    )
