"""The two sides that random commands are played on in tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conformance.engines import LabEngines, RealEngines
from tests.support.labs import running_lab


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[LabEngines]:
    with running_lab("differential", 1, tmp_path / "labs") as name:
        yield LabEngines(name)


@pytest.fixture
def real() -> RealEngines:
    engines = RealEngines.from_environment()
    if engines is None:
        pytest.skip("SWARMLAB_REAL_ENGINES names no engines")
    engines.fresh(1.0)
    return engines
