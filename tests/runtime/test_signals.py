import pytest

from swarmlab.runtime.virtual.signals import Signals, is_known, signal_name, signal_number


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


@pytest.mark.parametrize("given", ["NOPE", "0", "RTMIN+16", "RTMAX-15", ""])
def test_what_is_no_signal(given: str) -> None:
    with pytest.raises(ValueError, match=f"Invalid signal: {given}".replace("+", r"\+")):
        signal_number(given)


def test_a_program_within_another_gets_signals_first_as_long_as_it_runs() -> None:
    told: list[str] = []
    outer = Signals()
    outer.handle(("SIGTERM", "SIGHUP"), lambda name: told.append(f"outer {name}"))
    with outer.within() as inner, outer.within() as newest:
        inner.handle(("SIGTERM",), lambda name: told.append(f"inner {name}"))
        newest.handle(("SIGINT",), lambda name: told.append(f"newest {name}"))
        assert [outer.deliver(name) for name in ("SIGTERM", "SIGHUP", "SIGINT", "SIGUSR1")] == [True, True, True, False]
    assert [outer.deliver(name) for name in ("SIGTERM", "SIGINT")] == [True, False]
    assert told == ["inner SIGTERM", "outer SIGHUP", "newest SIGINT", "outer SIGTERM"]


def test_any_number_but_0_is_one_whether_linux_has_it_or_not() -> None:
    """moby/sys/signal, `ParseSignal`."""
    assert (signal_number("99"), signal_name("99")) == (99, "SIG99")
    assert [is_known(number) for number in (1, 31, 37, 65, 99, -3)] == [True, True, True, False, False, False]
