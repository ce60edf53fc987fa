"""The managers of a swarm: control API, certificates, membership, and the life of the control loops."""

from swarmlab.manager.bootstrap import FirstNode, create_swarm
from swarmlab.manager.controlapi import ControlAPI
from swarmlab.manager.errors import Code, StatusError
from swarmlab.manager.swarm import Swarm

__all__ = ["Code", "ControlAPI", "FirstNode", "StatusError", "Swarm", "create_swarm"]
