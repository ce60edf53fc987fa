"""Root's tests once more, as somebody who is not root: nearly every learner. Some servers then take other ways."""

import os
import pwd
import subprocess
import sys
from pathlib import Path

import pytest

_FILES = ("test_postgres.py", "test_nginx_paths.py", "test_mounts.py")


@pytest.mark.skipif(os.geteuid() != 0, reason="all tests are run by somebody who is not root")
def test_programs_work_for_somebody_who_is_not_root() -> None:
    # In a namespace of users root is another one, and yet may read the checkout.
    somebody = next(user for user in pwd.getpwall() if user.pw_uid)
    command = ["unshare", "--user", f"--map-user={somebody.pw_uid}", f"--map-group={somebody.pw_gid}"]
    if subprocess.run([*command, "true"], check=False, capture_output=True).returncode:
        pytest.skip("no namespaces of users here")
    here = Path(__file__).parent
    tests = [sys.executable, "-m", "pytest", "-q", "-pno:cacheprovider", *(here / name for name in _FILES)]
    run = subprocess.run([*command, *tests], check=False, capture_output=True, text=True, cwd=here.parents[1])
    assert run.returncode == 0, run.stdout + run.stderr
    assert "passed" in run.stdout
