"""What notebooks show. `%load_ext swarmlab.widgets` makes shell lines behave as they do in a terminal."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell


def load_ipython_extension(shell: "InteractiveShell") -> None:
    """Called by IPython for `%load_ext swarmlab.widgets`."""
    from swarmlab.widgets.shell import attach

    attach(shell)
