"""Names and numbers of signals, as the daemon reads them."""

from swarmlab.engine.errors import bad_request
from swarmlab.runtime.virtual import signals


def signal_number(name: str) -> int:
    """The number of `SIGTERM`, `TERM`, `term`, `15` or `RTMIN+3`. Raises EngineError (400) for anything else."""
    try:
        return signals.signal_number(name)
    except ValueError as error:
        raise bad_request(str(error)) from None


def signal_name(name: str) -> str:
    """The same as `SIGTERM`."""
    return signals.signal_name(signal_number(name))


def check_signal(name: str) -> None:
    """Raises EngineError (400) for a signal that Linux does not have (MB: daemon/kill.go)."""
    number = signal_number(name)
    if not signals.is_known(number):
        raise bad_request(f"The linux daemon does not support signal {number}")
