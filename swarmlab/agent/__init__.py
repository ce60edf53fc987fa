"""A node's side of the swarm: takes assigned tasks to the states that the runtime reports."""

from swarmlab.agent.agent import Agent, Managers

__all__ = ["Agent", "Managers"]
