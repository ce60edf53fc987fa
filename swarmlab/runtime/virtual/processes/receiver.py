"""What signals do to a process that is not its container's first."""

import asyncio
import signal

from swarmlab.runtime.virtual.signals import Signals

#: Signals that do nothing to who has no handler for them.
_HARMLESS = frozenset({"SIGCHLD", "SIGCONT", "SIGURG", "SIGWINCH", "SIGSTOP", "SIGTSTP", "SIGTTIN", "SIGTTOU"})


class Receiver:
    """Gives one process its signals; what it has no handler for ends it."""

    def __init__(self, signals: Signals | None = None) -> None:
        self.signals = signals or Signals()
        self.work: asyncio.Future[int] | None = None
        #: What it ends with once a signal has ended it.
        self.code = 0

    def deliver(self, name: str) -> None:
        """Give it a signal by name."""
        if name in _HARMLESS or (name != "SIGKILL" and self.signals.deliver(name)) or self.work is None:
            return
        self.code = 128 + signal.Signals[name]
        self.work.cancel()
