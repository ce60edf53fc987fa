"""Who may import whom: the contracts of `pyproject.toml`."""

import subprocess
import sysconfig
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_rooms_import_only_what_lies_beneath_them() -> None:
    linter = Path(sysconfig.get_path("scripts")) / "lint-imports"
    done = subprocess.run([linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout
