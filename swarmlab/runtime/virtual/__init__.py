"""Virtual containers: shells and files live in this process, nginx is a real process beside it."""

from swarmlab.runtime.virtual.files.applets import Node
from swarmlab.runtime.virtual.files.contents import contents
from swarmlab.runtime.virtual.files.quota import Quota
from swarmlab.runtime.virtual.files.roots import Roots
from swarmlab.runtime.virtual.runtime import VirtualRuntime

__all__ = ["Node", "Quota", "Roots", "VirtualRuntime", "contents"]
