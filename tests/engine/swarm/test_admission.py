from collections.abc import Callable

import pytest

from swarmlab.clock import SECOND
from swarmlab.engine.errors import EngineError
from swarmlab.engine.swarm import admission
from swarmlab.manager import StatusError
from swarmlab.objects import ClusterSpec
from swarmlab.objects.cluster import CAConfig
from swarmlab.objects.requests import InitRequest, JoinRequest
from tests.engine.conftest import LabOfEngines

Make = Callable[[int], LabOfEngines]
OWN = "127.0.0.1"
_HOUR = 3_600_000_000_000


def test_an_init_request_gets_its_defaults() -> None:
    request, member = admission.of_init(InitRequest(auto_lock_managers=True), OWN)
    assert request.data_path_port == 4789
    assert request.spec.encryption_config.auto_lock_managers
    assert (member.listen_addr, member.advertise_addr, member.manager) == ("0.0.0.0:2377", "127.0.0.1:2377", True)


@pytest.mark.parametrize(
    ("address", "advertised"),
    [("10.0.0.9", "10.0.0.9:2400"), ("10.0.0.9:1", "10.0.0.9:1"), ("[fe80::9]:1", "[fe80::9]:1")],
)
def test_the_port_to_advertise_is_the_one_listened_on_unless_given(address: str, advertised: str) -> None:
    listening = "0.0.0.0:2400"
    _, made = admission.of_init(InitRequest(listen_addr=listening, advertise_addr=address), OWN)
    joining = JoinRequest(listen_addr=listening, advertise_addr=address, remote_addrs=("10.0.0.1:2377",))
    assert made.advertise_addr == admission.of_join(joining, OWN).advertise_addr == advertised


@pytest.mark.parametrize(
    ("request_", "status", "message"),
    [
        (JoinRequest(), 400, "at least 1 RemoteAddr is required to join"),
        (
            JoinRequest(listen_addr="nowhere", remote_addrs=("10.0.0.1:2377",)),
            400,
            "listen address must be an IP address or network interface (with optional port number)",
        ),
        (
            JoinRequest(remote_addrs=("10.0.0.1:2377",), data_path_addr="nowhere"),
            400,
            "data path address must be a non-zero IP address or network interface (without a port number)",
        ),
        (JoinRequest(remote_addrs=("",)), 400, 'invalid remoteAddr "": invalid empty address'),
        (JoinRequest(join_token="SWMTKN-1-x", remote_addrs=("10.0.0.1:2377",)), 500, "invalid join token"),
    ],
)
def test_a_join_request_that_cannot_be_met_is_refused(request_: JoinRequest, status: int, message: str) -> None:
    with pytest.raises(EngineError) as refused:
        admission.check_join(request_, OWN)
    assert (refused.value.status, str(refused.value)) == (status, message)


@pytest.mark.parametrize(
    ("address", "whole"),
    [
        ("127.0.0.1", "127.0.0.1:2377"),
        ("127.0.0.1:", "127.0.0.1:2377"),
        ("127.0.0.1:9", "127.0.0.1:9"),
        ("tcp://127.0.0.1:9", "127.0.0.1:9"),
        ("::1", "[::1]:2377"),
    ],
)
def test_the_port_of_a_manager_to_join_may_be_left_out(address: str, whole: str) -> None:
    token = f"SWMTKN-1-{'0' * 50}-{'0' * 25}"
    request = admission.check_join(JoinRequest(join_token=token, remote_addrs=(address,)), OWN)
    assert request.remote_addrs == (whole,)


def test_a_node_cannot_listen_at_an_address_that_is_not_its_own(make: Make) -> None:
    lab = make(1)
    with pytest.raises(EngineError) as refused:
        lab.run(lab.engine(1).cluster.init(InitRequest(listen_addr="10.99.0.1:2377")))
    assert str(refused.value) == (
        "manager stopped: failed to listen on remote API address: listen tcp 10.99.0.1:2377: "
        "bind: cannot assign requested address"
    )
    assert lab.engine(1).cluster.membership is None
    lab.run(lab.engine(1).cluster.init(InitRequest(listen_addr="127.0.0.1:2399", advertise_addr="127.0.0.1:x")))
    assert lab.node(1).manager_status.addr == "127.0.0.1:x"


def test_an_address_to_advertise_that_is_none_stops_no_node_from_joining(make: Make) -> None:
    lab = make(2)
    lab.swarm(1)
    tokens = lab.engine(1).cluster.control().cluster().root_ca.join_tokens
    request = JoinRequest(join_token=tokens.worker, remote_addrs=("127.0.0.1",), advertise_addr="nowhere")
    lab.run(lab.engine(2).cluster.join(request))
    assert lab.node(2).status.addr == "127.0.0.2"


@pytest.mark.parametrize("address", ["127.0.0.2:2377", "127.0.0.1:9"])
def test_where_nobody_listens_a_join_is_given_up_after_ten_seconds(make: Make, address: str) -> None:
    lab = make(2)
    lab.swarm(1)
    began = lab.clock.now()
    request = JoinRequest(
        join_token=lab.engine(1).cluster.control().cluster().root_ca.join_tokens.worker, remote_addrs=(address,)
    )
    with pytest.raises(EngineError) as refused:
        lab.run(lab.engine(2).cluster.join(request))
    assert (refused.value.status, str(refused.value)) == (
        503,
        'rpc error: code = Unavailable desc = connection error: desc = "transport: Error while dialing '
        f'dial tcp {address}: connect: connection refused"',
    )
    assert (lab.clock.now() - began) // SECOND == 10
    assert lab.engine(2).cluster.info().local_node_state == "inactive"


@pytest.mark.parametrize(
    ("host", "why", "seconds"),
    [("127.0.0.250", "no route to host", 3.1), ("1.2.3.4", "network is unreachable", 0), ("", "connection refused", 0)],
)
def test_a_manager_that_the_leader_does_not_reach_at_its_address_does_not_join(
    make: Make, host: str, why: str, seconds: float
) -> None:
    lab = make(3)
    lab.swarm(1)
    host = host or lab.engine(3).address
    token = lab.engine(1).cluster.control().cluster().root_ca.join_tokens.manager
    request = JoinRequest(remote_addrs=("127.0.0.1:2377",), join_token=token, advertise_addr=host)
    began = lab.clock.now()
    with pytest.raises(EngineError) as refused:
        lab.run(lab.engine(2).cluster.join(request))
    assert refused.value.status == 500
    assert str(refused.value).startswith(
        "manager stopped: can't initialize raft node: rpc error: code = Unknown desc ="
    )
    assert str(refused.value).endswith(f'dial tcp {host}:2377: connect: {why}"')
    assert seconds <= (lab.clock.now() - began) / SECOND <= seconds + 1
    assert lab.engine(2).cluster.info().local_node_state == "inactive"
    states = [(n.spec.role, n.manager_status is not None) for n in lab.engine(1).cluster.control().nodes()]
    assert sorted(states) == [("manager", False), ("manager", True)]


def test_without_a_token_the_manager_says_no(make: Make) -> None:
    lab = make(2)
    lab.swarm(1)
    with pytest.raises(StatusError) as refused:
        lab.run(lab.engine(2).cluster.join(JoinRequest(remote_addrs=("127.0.0.1",))))
    assert str(refused.value) == (
        "rpc error: code = InvalidArgument desc = A valid join token is necessary to join this cluster"
    )


def test_a_node_joins_at_an_address_without_a_port(make: Make) -> None:
    lab = make(2)
    lab.swarm(1)
    token = lab.engine(1).cluster.control().cluster().root_ca.join_tokens.worker
    lab.run(lab.engine(2).cluster.join(JoinRequest(join_token=token, remote_addrs=("127.0.0.1",))))
    assert lab.node(2).status.state == "ready"


def test_a_swarm_is_made_with_the_default_settings_when_those_asked_for_cannot_be(make: Make) -> None:
    lab = make(1)
    spec = ClusterSpec(ca_config=CAConfig(node_cert_expiry=600_000_000_000))
    with pytest.raises(EngineError) as refused:
        lab.run(lab.engine(1).cluster.init(InitRequest(spec=spec, auto_lock_managers=True)))
    assert (refused.value.status, str(refused.value)) == (
        500,
        "error updating cluster settings: rpc error: code = InvalidArgument desc = minimum certificate expiry time is: "
        "1h0m0s",
    )
    made = lab.engine(1).cluster.control().cluster().spec
    assert (made.ca_config.node_cert_expiry, made.encryption_config.auto_lock_managers) == (90 * 24 * _HOUR, True)
