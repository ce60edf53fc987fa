"""Certificates of nodes get old (SK: ca/{certificates,renewer}_test.go). Time is virtual."""

import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmlab.clock import SECOND
from swarmlab.engine import EngineError
from swarmlab.engine.swarm.certificate import Validity, issued
from swarmlab.manager import StatusError
from swarmlab.objects.cluster import CAConfig
from swarmlab.objects.requests import InitRequest
from tests.engine.conftest import LabOfEngines

from .test_managers import update

Make = Callable[..., LabOfEngines]
HOUR = 3600 * SECOND
EXPIRED = "Swarm certificates have expired. To replace them, leave the swarm and join again."


@given(st.integers(HOUR, 10_000 * HOUR), st.randoms(use_true_random=False))
def test_it_is_renewed_between_half_and_four_fifths_of_its_life(expiry: int, chance: random.Random) -> None:
    """Of which an hour had passed when it was issued. What there is to choose from is full minutes."""
    validity = issued(100 * HOUR, expiry)
    assert (validity.begins, validity.ends) == (99 * HOUR, 100 * HOUR + expiry)
    part = (validity.renewal(chance) - validity.begins) / (validity.ends - validity.begins)
    assert 0.5 - 60 * SECOND / (expiry + HOUR) <= part < 0.8


def test_one_whose_end_is_not_known_does_not_expire() -> None:
    assert not Validity().expired(1 << 62)


def lab_of_hours(make: Make, hours: int) -> LabOfEngines:
    """A manager and a worker, whose certificates live so long."""
    lab = make(2)
    lab.swarm(1)
    update(lab, ca_config=CAConfig(node_cert_expiry=hours * HOUR))
    lab.join(2)
    return lab


def ends(lab: LabOfEngines, number: int) -> float:
    """When a node's certificate ends, in hours from now."""
    member = lab.engine(number).cluster.membership
    assert member is not None
    return (member.valid_until - lab.clock.now()) / HOUR


def pass_hours(lab: LabOfEngines, hours: float) -> None:
    lab.clock.advance(hours * 3600)
    lab.advance(1)


def test_certificates_live_for_ninety_days_unless_the_swarm_says_otherwise(make: Make) -> None:
    lab = lab_of_hours(make, 2)
    assert ends(lab, 1) == pytest.approx(90 * 24, abs=0.1)
    assert ends(lab, 2) == pytest.approx(2, abs=0.1)


def test_an_hour_is_the_least(make: Make) -> None:
    lab = make(1)
    lab.swarm(1)
    with pytest.raises(StatusError, match="minimum certificate expiry time is: 1h0m0s"):
        update(lab, ca_config=CAConfig(node_cert_expiry=HOUR - 1))


def test_nodes_renew_them_in_time_and_nobody_sees_it(make: Make) -> None:
    lab = lab_of_hours(make, 2)
    before = lab.node(2)
    for _ in range(20):
        pass_hours(lab, 0.5)
        assert 0.3 < ends(lab, 2) <= 2
    assert (lab.node(2).description, lab.node(2).status) == (before.description, before.status)


def test_a_node_that_was_off_for_too_long_has_to_leave_and_join_again(make: Make) -> None:
    lab = lab_of_hours(make, 2)
    lab.power(2, "kill")
    pass_hours(lab, 2.5)
    lab.power(2, "start")
    lab.advance(60)
    for _ in range(2):
        engine = lab.engine(2)
        info = engine.cluster.info()
        assert (info.local_node_state, info.error, info.node_id) == ("error", EXPIRED, "")
        assert engine.cluster.status() == "error"
        with pytest.raises(EngineError, match=EXPIRED) as refused:
            engine.cluster.control()
        assert refused.value.status == 503
        assert lab.node(2).status.state == "down"
        lab.crash()
    lab.run(lab.engine(2).cluster.leave(force=False))
    lab.join(2)
    assert lab.node(2).status.state == "ready"


def test_one_that_was_off_for_a_while_renews_it_when_it_is_back(make: Make) -> None:
    lab = lab_of_hours(make, 2)
    lab.power(2, "kill")
    pass_hours(lab, 1.9)
    lab.power(2, "start")
    lab.advance(10)
    assert (lab.node(2).status.state, ends(lab, 2)) == ("ready", pytest.approx(2, abs=0.1))


def test_one_that_was_cut_off_for_too_long_is_heard_of_no_more(make: Make) -> None:
    lab = lab_of_hours(make, 2)
    lab.lab.partition(["node-2"])
    pass_hours(lab, 1.7)
    lab.lab.heal()
    lab.advance(330)
    assert (lab.node(2).status.state, ends(lab, 2)) == ("ready", pytest.approx(2, abs=0.1))
    lab.lab.partition(["node-2"])
    pass_hours(lab, 2.1)
    lab.lab.heal()
    pass_hours(lab, 1)
    assert lab.node(2).status.state == "down"


def test_for_a_lab_that_was_down_no_time_has_passed(make: Make) -> None:
    lab = lab_of_hours(make, 2)
    lab.crash(hours_later=100)
    lab.advance(10)
    assert (lab.node(2).status.state, ends(lab, 2)) == ("ready", pytest.approx(2, abs=0.1))


def test_a_manager_goes_on_by_force_with_an_expired_certificate(make: Make) -> None:
    lab = make(1)
    lab.swarm(1)
    lab.power(1, "kill")
    pass_hours(lab, 91 * 24)
    lab.power(1, "start")
    assert lab.engine(1).cluster.status() == "error"
    lab.run(lab.engine(1).cluster.init(InitRequest(force_new_cluster=True)))
    assert lab.node(1).status.state == "ready"
    assert ends(lab, 1) == pytest.approx(90 * 24, abs=0.1)
