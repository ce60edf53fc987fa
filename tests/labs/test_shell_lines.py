"""Shell lines in notebooks: cursor movement and Go templates."""

import io
from collections.abc import Iterator

import pytest
from IPython.core.interactiveshell import InteractiveShell

from swarmlab.widgets.shell import Cell, Screen, attach

UP, CLEAR, DOWN = "\x1b[1A", "\x1b[2K", "\x1b[1B"


@pytest.fixture
def shell() -> Iterator[InteractiveShell]:
    InteractiveShell.clear_instance()
    made = InteractiveShell()
    attach(made)
    yield made
    InteractiveShell.clear_instance()


def written(*pieces: str) -> str:
    """What a cell gets of a program's output."""
    out = io.StringIO()
    cell = Cell(out)
    for piece in pieces:
        cell.write(piece)
    cell.finish()
    return out.getvalue()


def settled(text: str) -> str:
    """What is left to see of a text with carriage returns: each one begins its line again."""
    lines = []
    for line in text.split("\n"):
        seen = ""
        for part in line.split("\r"):
            seen = part + seen[len(part) :]
        lines.append(seen.rstrip())
    return "\n".join(lines)


def test_screen_redraws_lines() -> None:
    screen = Screen()
    screen.feed("one\r\ntwo\r\n" + UP + CLEAR + "\rTWO" + "\r" + DOWN + "end")

    assert screen.text == "one\nTWO\nend"


def test_screen_grows_upwards_and_overwrites() -> None:
    screen = Screen()
    screen.feed("below\x1b[2A\rabove\x1b[1mbold\x1b[0m\rAB\x1b[K")

    assert screen.text == "AB\n\nbelow"


def test_plain_output_passes_through_at_once() -> None:
    out = io.StringIO()
    cell = Cell(out)
    cell.write("web\r\n\x1b[1mbold\x1b[0m")

    assert out.getvalue() == "web\r\n\x1b[1mbold\x1b[0m"


def test_progress_bars_leave_their_last_state() -> None:
    bars = (
        "id\r\n\r\n",
        f"{UP}{CLEAR}\roverall progress: 0 out of 2 tasks\r{DOWN}\r\n{UP}{CLEAR}\r1/2: pending\r{DOWN}",
        f"{UP}{CLEAR}\r1/2: running\r{DOWN}",
        "\x1b[2",
        f"A{CLEAR}\roverall progress: 2 out of 2 tasks\r\x1b[2B",
    )
    text = written(*bars)

    assert "overall progress: 0 out of 2 tasks  1/2: pending" in text
    assert settled(text) == "id\n\noverall progress: 2 out of 2 tasks\n1/2: running\n"


def test_lines_that_end_with_a_carriage_return_of_their_own_stay() -> None:
    assert written("Server: nginx\r", "\r", "\nAge: 1\r\r\n") == "Server: nginx\r\nAge: 1\r\n"


def test_an_unfinished_sequence_is_not_lost() -> None:
    assert written("text\x1b[") == "text\x1b["


@pytest.mark.parametrize(
    ("line", "becomes"),
    [
        ('--format "{{ .Status.State }}"', '--format "{{ .Status.State }}"'),
        ('--format "{{json .}}" {place}', '--format "{{json .}}" here'),
        ("echo $place {place}", "echo here here"),
        ("--format '{{.ID}}' | awk '{print $1}'", "--format '{{.ID}}' | awk '{print $1}'"),
        ("--format {{{{.ID}}}}", "--format {{.ID}}"),
        ("nothing here", "nothing here"),
    ],
)
def test_templates_survive_and_variables_are_filled_in(shell: InteractiveShell, line: str, becomes: str) -> None:
    shell.user_ns["place"] = "here"

    assert shell.var_expand(line) == becomes


def test_local_variables_are_filled_in(shell: InteractiveShell) -> None:
    shell.run_cell("def f():\n    inner = 'inside'\n    said = !echo {inner} {{.X}}\n    return said\nanswer = f()")

    assert shell.user_ns["answer"] == ["inside {{.X}}"]


def test_a_line_runs_and_tells_its_exit_code(shell: InteractiveShell, capsys: pytest.CaptureFixture[str]) -> None:
    shell.run_cell(r"""def f():
    inner = "inside"
    !printf "{inner}\n\n\033[1A\033[2K\rredrawn\n"; exit 3
f()""")

    assert shell.user_ns["_exit_code"] == 3
    assert settled(capsys.readouterr().out) == "inside\n\nredrawn\n"


def test_attaching_twice_changes_nothing(shell: InteractiveShell) -> None:
    system = shell.system
    attach(shell)

    assert shell.system is system
