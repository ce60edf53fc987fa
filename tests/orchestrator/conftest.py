"""One node that is ready, and a store on virtual time."""

import pytest

from tests.support.world import World


@pytest.fixture
def world() -> World:
    world = World()
    world.node("n1")
    return world
