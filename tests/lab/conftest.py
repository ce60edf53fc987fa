from collections.abc import Iterator
from pathlib import Path

import pytest

from .fakes import labs_of_fakes


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with labs_of_fakes(tmp_path / "labs", monkeypatch) as place:
        yield place
