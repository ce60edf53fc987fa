"""Signals in a virtual container: who handles which, and their names."""

import re
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

#: Signals without a name of their own (moby/sys/signal, signal_linux.go).
_REAL_TIME = re.compile(r"RTMIN\+([1-9]|1[0-5])|RTMAX-([1-9]|1[0-4])")

_NUMBER = re.compile(r"[+-]?[0-9]+")


class Signals:
    """Which signals the program handles. Without a handler PID 1 ignores a signal, as the kernel does."""

    def __init__(self) -> None:
        self._handlers: dict[str, Callable[[], None]] = {}
        #: Those of programs that run within this one, the newest last.
        self._within: list[Signals] = []

    def handle(self, names: Sequence[str], handler: Callable[[str], None]) -> None:
        """Call `handler` with the name (`SIGTERM`) of each of these signals."""
        for name in names:
            self._handlers[name] = partial(handler, name)

    def deliver(self, name: str) -> bool:
        """Call the handler of a signal; False when there is none."""
        if any(inner.deliver(name) for inner in reversed(self._within)):
            return True
        if (handler := self._handlers.get(name)) is None:
            return False
        handler()
        return True

    @contextmanager
    def within(self) -> "Iterator[Signals]":
        """Those of a program that runs within this one: they come first, and are gone when it has ended."""
        inner = Signals()
        self._within.append(inner)
        try:
            yield inner
        finally:
            self._within.remove(inner)


def signal_name(name: str | int) -> str:
    """`SIGTERM` for `SIGTERM`, `TERM`, `term`, `15` or 15. Raises ValueError with Docker's text for anything else."""
    number = signal_number(name)
    try:
        return signal.Signals(number).name
    except ValueError:
        least, most = signal.SIGRTMIN, signal.SIGRTMAX
        if not least < number < most:
            return f"SIG{number}"
        return f"SIGRTMIN+{number - least}" if number < least + 16 else f"SIGRTMAX-{most - number}"


def signal_number(name: str | int) -> int:
    """15 for the same names, and 37 for `RTMIN+3`. Raises ValueError with Docker's text for anything else.

    Any number but 0 is one, be there such a signal or not (moby/sys/signal, `ParseSignal`).
    """
    text = str(name).upper().removeprefix("SIG")
    try:
        if _NUMBER.fullmatch(text) and int(text):
            return int(text)
        if (found := _REAL_TIME.fullmatch(text)) is not None:
            return signal.SIGRTMIN + int(found[1]) if found[1] else signal.SIGRTMAX - int(found[2])
        return signal.Signals[f"SIG{text}"].value
    except KeyError:
        raise ValueError(f"Invalid signal: {name}") from None


def is_known(number: int) -> bool:
    """Whether Linux has such a signal."""
    return number in set(signal.Signals) or signal.SIGRTMIN < number < signal.SIGRTMAX
