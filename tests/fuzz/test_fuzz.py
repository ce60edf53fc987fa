from pathlib import Path

import pytest

from .campaign import Campaign


@pytest.mark.parametrize("seed", [1, 11])
def test_whatever_is_asked_the_lab_answers_and_lives(tmp_path: Path, seed: int) -> None:
    """A sample of what `scripts/fuzz` does at length; the second seed has found something once."""
    # The path of a socket is short.
    campaign = Campaign(tmp_path, seed)
    campaign.run(700)
    assert campaign.findings == []
    assert campaign.statuses[200] + campaign.statuses[201] > 100
