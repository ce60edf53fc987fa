"""Docker Swarm for learning: a cluster of Docker engines in one process."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

__version__ = "0.1.0"


def load_ipython_extension(shell: "InteractiveShell") -> None:
    """Called by IPython for `%load_ext swarmlab`; see `swarmlab.extension`."""
    from swarmlab import extension

    extension.load(shell)


def unload_ipython_extension(shell: "InteractiveShell") -> None:
    """Called by IPython for `%unload_ext swarmlab`, and before it loads it again for `%reload_ext swarmlab`."""
    from swarmlab import extension

    extension.unload(shell)
