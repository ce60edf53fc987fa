"""The Panoramic Trekking App: its own tests pass, and its files are what learners are told."""

import os
import re
import subprocess
import sys

from packaging.requirements import Requirement

from checker.notebooks import LABS

APP = LABS / "apps" / "trekking"


def manage(*arguments: str) -> "subprocess.CompletedProcess[str]":
    variables = os.environ | {"SQLITE": ":memory:", "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-W", "error", "manage.py", *arguments]
    return subprocess.run(command, cwd=APP, env=variables, capture_output=True, text=True, check=False)


def test_its_own_tests_pass() -> None:
    done = manage("test", "--noinput")

    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"Ran \d\d tests", done.stderr)


def test_migrations_are_complete() -> None:
    assert "No changes detected" in manage("makemigrations", "--check", "--dry-run").stdout


def test_requirements_are_installed_here_so_that_containers_need_no_network() -> None:
    lines = (APP / "requirements.txt").read_text(encoding="utf-8").splitlines()
    constraints = (LABS.parent / "constraints.txt").read_text(encoding="utf-8")
    pinned = dict(re.findall(r"(?m)^([a-z0-9-]+)==([^ ;\\]+)", constraints))

    assert {Requirement(line).name.lower() for line in lines} == {"django", "gunicorn", "psycopg2-binary", "whitenoise"}
    for requirement in map(Requirement, lines):
        assert requirement.specifier.contains(pinned[requirement.name.lower()]), requirement


def test_all_settings_are_explained() -> None:
    used = set(re.findall(r'setting\("(\w+)"', (APP / "trekking" / "settings.py").read_text(encoding="utf-8")))
    explained = set(re.findall(r"`([A-Z_]+)`", (APP / "README.md").read_text(encoding="utf-8")))

    assert used <= explained


def test_what_is_left_to_learners_is_not_there() -> None:
    assert not [path for path in APP.iterdir() if re.match(r"(?i)dockerfile|.*compose|.*entrypoint|.*\.sh", path.name)]
