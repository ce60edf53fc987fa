"""What an engine's events tell of health checks (MB: daemon/health.go)."""

from collections.abc import Callable

from swarmlab.objects.container import HealthConfig
from swarmlab.objects.run import ContainerRequest
from tests.engine.conftest import LabOfEngines

#: Nanoseconds: the shell needs real time, in which the lab's goes by fast.
_LONG = 10**18


def test_each_probe_is_a_command_that_events_tell_of(make: Callable[[int], LabOfEngines]) -> None:
    lab = make(1)
    engine = lab.engine(1)
    check = HealthConfig(
        test=("CMD-SHELL", "test -e /tmp/well"), interval=1_000_000_000, timeout=_LONG, start_period=0, retries=1
    )
    made = engine.by_hand.create(ContainerRequest(image="busybox", cmd=("sleep", "1000"), healthcheck=check), "box")
    lab.run(engine.by_hand.start("box"))
    lab.until(lambda: any(event.action.startswith("health_status") for event in engine.events.past()))
    told = [event for event in engine.events.past() if event.type == "container"][:6]
    assert [event.action for event in told] == [
        "create",
        "start",
        "exec_create: /bin/sh -c test -e /tmp/well",
        "exec_start: /bin/sh -c test -e /tmp/well",
        "exec_die",
        "health_status: unhealthy",
    ]
    assert {event.actor_id for event in told} == {made.id}
    assert told[-2].attributes["exitCode"] == "1"
    assert told[-1].attributes == {"image": "busybox", "name": "box"}
