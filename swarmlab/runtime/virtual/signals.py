"""Signals in a virtual container: who handles which, and their names."""

import signal
from collections.abc import Callable, Sequence
from functools import partial


class Signals:
    """Which signals the program handles. Without a handler PID 1 ignores a signal, as the kernel does."""

    def __init__(self) -> None:
        self._handlers: dict[str, Callable[[], None]] = {}

    def handle(self, names: Sequence[str], handler: Callable[[str], None]) -> None:
        """Call `handler` with the name (`SIGTERM`) of each of these signals."""
        for name in names:
            self._handlers[name] = partial(handler, name)

    def deliver(self, name: str) -> bool:
        """Call the handler of a signal; False when there is none."""
        if (handler := self._handlers.get(name)) is None:
            return False
        handler()
        return True


def signal_name(name: str | int) -> str:
    """`SIGTERM` for `SIGTERM`, `TERM`, `term`, `15` or 15. Raises ValueError with Docker's text for anything else."""
    text = str(name).upper()
    try:
        if text.isdigit():
            return signal.Signals(int(text)).name
        return signal.Signals["SIG" + text.removeprefix("SIG")].name
    except (KeyError, ValueError):
        raise ValueError(f"Invalid signal: {name}") from None
