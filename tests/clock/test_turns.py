"""Long work in steps."""

from collections.abc import Iterator

import pytest

from swarmlab.clock import Turns, VirtualClock


class Log:
    """Pieces of work that write down what they do."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.turns = Turns(self.clock)
        self.lines: list[str] = []

    def piece(self, name: str, steps: int) -> Iterator[None]:
        for step in range(steps):
            self.lines.append(f"{name}{step}")
            if step + 1 < steps:
                yield


@pytest.fixture
def log() -> Log:
    return Log()


def test_work_of_one_step_is_done_at_once(log: Log) -> None:
    log.turns.add(log.piece("a", 1))
    assert (log.lines, log.turns.busy) == (["a0"], False)


def test_others_have_their_turn_between_steps(log: Log) -> None:
    log.turns.add(log.piece("a", 3))
    log.clock.call_soon(lambda: log.lines.append("other"))
    assert log.turns.busy
    log.clock.run_ready()
    assert (log.lines, log.turns.busy) == (["a0", "a1", "other", "a2"], False)


def test_pieces_come_one_after_the_other(log: Log) -> None:
    log.turns.add(log.piece("a", 2))
    log.turns.add(log.piece("b", 2))
    log.clock.run_ready()
    assert log.lines == ["a0", "a1", "b0", "b1"]


def test_finish_does_the_rest_now(log: Log) -> None:
    log.turns.add(log.piece("a", 2))
    log.turns.add(log.piece("b", 2))
    log.turns.finish()
    assert (log.lines, log.turns.busy) == (["a0", "a1", "b0", "b1"], False)
    log.clock.run_ready()
    assert log.lines == ["a0", "a1", "b0", "b1"]


def test_stop_leaves_the_rest(log: Log) -> None:
    log.turns.add(log.piece("a", 3))
    log.turns.stop()
    log.clock.run_ready()
    assert (log.lines, log.turns.busy) == (["a0"], False)


def test_a_piece_may_stop_all_work(log: Log) -> None:
    def last() -> Iterator[None]:
        log.turns.stop()
        yield

    log.turns.add(last())
    log.turns.add(log.piece("a", 1))
    log.clock.run_ready()
    assert log.lines == ["a0"]


def test_a_piece_that_raises_is_given_up_and_the_next_one_is_done(log: Log) -> None:
    def broken() -> Iterator[None]:
        yield
        raise RuntimeError("broken")

    log.turns.add(broken())
    log.turns.add(log.piece("a", 1))
    with pytest.raises(RuntimeError, match="broken"):
        log.clock.run_ready()
    log.clock.run_ready()
    assert (log.lines, log.turns.busy) == (["a0"], False)
