"""Where the journal is that an exercise is graded from."""

import os
from collections.abc import Sequence
from pathlib import Path

#: Variables for work on engines of one's own: the recording of what happens there (`checker record`), and their
#: endpoints, a manager first, with commas between them.
RECORDING, ENDPOINTS = "CHECKER_JOURNAL", "CHECKER_ENGINES"


class NoJournalError(Exception):
    """Raised when there is no lab, or no journal, to grade from. The message says what to do."""


def own_engines() -> tuple[Path | None, Sequence[str]]:
    """The recording and the endpoints that the environment names, if any."""
    recording = os.environ.get(RECORDING)
    endpoints = [text.strip() for text in os.environ.get(ENDPOINTS, "").split(",") if text.strip()]
    return (Path(recording), endpoints) if recording else (None, ())


def find_journal(path: Path | None = None, lab: str | None = None) -> Path:
    """The journal file: `path` if given, else that of the lab named `lab`, $SWARMLAB_LAB or `default`.

    Raises NoJournalError.
    """
    if path is not None:
        if not path.is_file():
            raise NoJournalError(f"there is no journal file {path}")
        return path
    # A journal file can be graded where no lab could run.
    from swarmlab import lab as labs

    try:
        found = Path(labs.status(lab)["journal"])
    except labs.LabError as error:
        raise NoJournalError(f"there is no lab to grade: {error}") from None
    if not found.is_file():
        raise NoJournalError("nothing has happened in this lab yet; `swarmlab up` starts it")
    return found
