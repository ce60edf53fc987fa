"""Names and numbers of signals, as the daemon reads them."""

import signal

from swarmlab.engine.errors import bad_request


def signal_number(name: str) -> int:
    """The number of `SIGTERM`, `TERM`, `term` or `15`. Raises EngineError (400) for anything else."""
    text = name.upper()
    try:
        return int(signal.Signals(int(text)) if text.isdigit() else signal.Signals["SIG" + text.removeprefix("SIG")])
    except (KeyError, ValueError):
        raise bad_request(f"Invalid signal: {name}") from None


def signal_name(name: str) -> str:
    """The same as `SIGTERM`."""
    return signal.Signals(signal_number(name)).name
