"""The control API: every change that a client may ask of a swarm, validated, in one transaction each.

Source: SK: manager/controlapi. Errors are `StatusError`; nothing was changed when one is raised.
"""

from swarmlab.manager.controlapi.api import ControlAPI

__all__ = ["ControlAPI"]
