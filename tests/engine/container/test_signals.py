from collections.abc import Callable

import pytest

from swarmlab.engine import EngineError
from swarmlab.engine.container.signals import signal_name, signal_number
from swarmlab.objects import ContainerSpec, ServiceMode, ServiceSpec, TaskSpec
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
