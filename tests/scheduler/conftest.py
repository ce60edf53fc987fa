"""A store on virtual time."""

import pytest

from tests.support.world import World


@pytest.fixture
def world() -> World:
    return World()
