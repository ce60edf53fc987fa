from collections.abc import Callable

import pytest

from swarmlab.engine import EngineError
from swarmlab.engine.container.signals import signal_name, signal_number
from swarmlab.objects import ContainerSpec, ServiceMode, ServiceSpec, TaskSpec
from swarmlab.objects.run import ContainerRequest
from swarmlab.objects.service import ReplicatedService
from swarmlab.store import Actor
from tests.engine.conftest import LabOfEngines


@pytest.mark.parametrize("name", ["SIGTERM", "TERM", "term", "15"])
def test_signals_have_names_and_numbers(name: str) -> None:
    assert (signal_number(name), signal_name(name)) == (15, "SIGTERM")


@pytest.mark.parametrize("name", ["abc", "0", "", "-", "SIG"])
def test_others_are_none(name: str) -> None:
    with pytest.raises(EngineError, match=f"Invalid signal: {name}") as raised:
        signal_number(name)
    assert raised.value.status == 400


def test_a_task_that_could_not_be_stopped_is_rejected(make: Callable[[int], LabOfEngines]) -> None:
    lab = make(1)
    lab.swarm(1)
    control = lab.engine(1).cluster.control()
    task = TaskSpec(container_spec=ContainerSpec(image="alpine", stop_signal="nope"))
    spec = ServiceSpec(name="web", task_template=task, mode=ServiceMode(replicated=ReplicatedService(replicas=1)))
    control.create_service(spec, Actor(engine="node-1", request="test"))
    lab.advance(10)
    task_of = next(iter(control.tasks()))
    assert (task_of.status.state.name, task_of.status.err) == ("REJECTED", "Invalid signal: nope")


@pytest.mark.parametrize(
    ("image", "command", "grace", "signals"),
    [
        ("alpine", ("sleep", "1000"), 0, ["15", "9"]),
        ("alpine", ("sleep", "1000"), 2, ["15", "9"]),
        ("traefik/whoami", (), 2, ["15"]),
    ],
)
def test_events_tell_of_the_second_signal_of_a_stop(
    make: Callable[[int], LabOfEngines], image: str, command: tuple[str, ...], grace: int, signals: list[str]
) -> None:
    """MB: daemon/stop.go, containerStop: what lasts its grace period is killed, which is an event as well."""
    lab = make(1)
    engine = lab.engine(1)
    made = engine.by_hand.create(ContainerRequest(image=image, cmd=command), "box")
    lab.run(engine.by_hand.start(made.id))
    lab.run(engine.containers.stop(made.id, grace))
    told = [event for event in engine.events.past() if event.type == "container"]
    assert [event.attributes["signal"] for event in told if event.action == "kill"] == signals
    assert [event.action for event in told][-2:] == ["die", "stop"]
