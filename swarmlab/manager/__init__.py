"""The managers of a swarm: control API, certificates, membership, and the life of the control loops."""

from swarmlab.allocator.networks import DEFAULT_POOLS
from swarmlab.manager.bootstrap import FirstNode, create_swarm
from swarmlab.manager.ca import parse_token
from swarmlab.manager.controlapi import ControlAPI
from swarmlab.manager.controlapi.cluster import validate_settings
from swarmlab.manager.errors import Code, LeaderAwaitedError, StatusError
from swarmlab.manager.raft import ELECTION_MAX, ELECTION_MIN, Standing
from swarmlab.manager.resourceapi import ResourceAllocator
from swarmlab.manager.swarm import LOST_LEADERSHIP, NO_LEADER, Swarm

__all__ = [
    "DEFAULT_POOLS", "ELECTION_MAX", "ELECTION_MIN", "LOST_LEADERSHIP", "NO_LEADER", "Code", "ControlAPI", "FirstNode",
    "LeaderAwaitedError", "ResourceAllocator", "Standing", "StatusError", "Swarm", "create_swarm", "parse_token",
    "validate_settings",
]  # fmt: skip
