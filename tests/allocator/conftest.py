"""A store with the ingress network, as a fresh swarm has it."""

import pytest

from swarmlab.allocator import Allocator
from swarmlab.objects import Cluster, ClusterSpec, Driver, Network, NetworkSpec
from swarmlab.store import Kind
from tests.support.world import World


@pytest.fixture
def world() -> World:
    world = World()
    world.put(Kind.CLUSTER, Cluster(id="cluster", spec=ClusterSpec(name="default"), default_addr_pool=("10.0.0.0/8",)))
    world.network(network("ingress", ingress=True))
    world.network(network("bridge", driver="bridge"))
    return world


@pytest.fixture
def allocating(world: World) -> World:
    world.run(Allocator)
    return world


def network(name: str, *, ingress: bool = False, driver: str = "overlay") -> Network:
    """A network whose id is its name."""
    spec = NetworkSpec(name=name, ingress=ingress, driver_configuration=Driver(name=driver))
    return Network(id=name, spec=spec)
