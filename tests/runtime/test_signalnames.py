import pytest

from swarmlab.runtime.virtual.signals import signal_name, signal_number


@pytest.mark.parametrize(
    ("given", "number", "name"),
    [
        ("SIGTERM", 15, "SIGTERM"),
        ("term", 15, "SIGTERM"),
        ("9", 9, "SIGKILL"),
        ("RTMIN+3", 37, "SIGRTMIN+3"),
        ("sigrtmax-14", 50, "SIGRTMAX-14"),
        ("37", 37, "SIGRTMIN+3"),
        ("RTMIN", 34, "SIGRTMIN"),
    ],
)
def test_signals_by_name_and_number(given: str, number: int, name: str) -> None:
    assert (signal_number(given), signal_name(given)) == (number, name)


@pytest.mark.parametrize("given", ["NOPE", "0", "65", "RTMIN+16", "RTMAX-15", ""])
def test_what_is_no_signal(given: str) -> None:
    with pytest.raises(ValueError, match=f"Invalid signal: {given}".replace("+", r"\+")):
        signal_number(given)
