"""Carrying out the solution of a step: the lines of its exercise, in a shell that talks to the lab."""

import os
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from checker.source import NoJournalError

#: The longest that one line may take, in seconds.
_LIMIT = 600
#: A line that begins with this is to fail: the exercise shows an error.
_REFUSED = "! "
#: Where the labs are, with the applications that exercises build; lines know it as `$LABS`.
LABS = Path(__file__).parent.parent / "labs"


class SolutionError(Exception):
    """Raised when a line of a solution did not end as it should have."""


def lab_environment(lab: str | None = None) -> dict[str, str]:
    """The environment of this process, with docker talking to the lab, and LABS.

    Raises NoJournalError when there is no lab.
    """
    from swarmlab import lab as labs

    try:
        return {**os.environ, **labs.environment(lab), "LABS": str(LABS)}
    except labs.LabError as error:
        raise NoJournalError(f"there is no lab to work in: {error}") from None


def run_lines(
    lines: Sequence[str], environment: dict[str, str], folder: Path | None, say: Callable[[str], None]
) -> None:
    """Carry out lines one by one, in `folder` or in one that is deleted afterwards; `say` is told lines and output.

    Raises SolutionError at the first line that ends otherwise than it should.
    """
    if folder is None:
        with TemporaryDirectory() as temporary:
            run_lines(lines, environment, Path(temporary), say)
        return
    for line in lines:
        refused = line.startswith(_REFUSED)
        command = line.removeprefix(_REFUSED)
        say(f"$ {command}")
        try:
            done = subprocess.run(  # noqa: S602  (an exercise's own lines, which are shell)
                command,
                shell=True,
                env=environment,
                cwd=folder,
                capture_output=True,
                text=True,
                timeout=_LIMIT,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise SolutionError(f"{command!r} took longer than {_LIMIT} s") from None
        output = (done.stdout + done.stderr).rstrip()
        if output:
            say(output)
        if (done.returncode != 0) != refused:
            raise SolutionError(f"{command!r} ended with exit code {done.returncode}")
