"""A store on virtual time."""

import pytest

from swarmlab.scheduler import Scheduler
from tests.support.specs import service_spec
from tests.support.world import World


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def scheduling(world: World) -> World:
    world.run(Scheduler)
    world.service(service_spec())
    return world
