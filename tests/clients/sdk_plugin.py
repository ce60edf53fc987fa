"""A pytest plugin for the Docker SDK's own tests: what they import needlessly, and which of them are known to fail.

Loaded by name in the process that runs them. SDK_KNOWN names the list: a line is a pattern, ` -- ` and a reason.
A pattern that begins with `!` is of tests that are not even tried.
"""

import fnmatch
import os
import sys
import types
from pathlib import Path

import pytest

# Only to ask whether a socket is one of paramiko's.
_PARAMIKO = types.ModuleType("paramiko")
_PARAMIKO.Channel = type("Channel", (), {})  # type: ignore[attr-defined]
sys.modules.setdefault("paramiko", _PARAMIKO)


def _known() -> list[tuple[str, str]]:
    lines = Path(os.environ["SDK_KNOWN"]).read_text().splitlines()
    return [
        (pattern, reason)
        for pattern, _, reason in (line.partition(" -- ") for line in lines if line and not line.startswith("#"))
    ]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark those that are listed."""
    known = _known()
    for item in items:
        name = item.nodeid.rpartition("/")[2].replace("_test.py::", "::")
        for pattern, reason in known:
            if fnmatch.fnmatchcase(name, pattern.removeprefix("!")):
                item.add_marker(
                    pytest.mark.skip(reason=reason)
                    if pattern.startswith("!")
                    else pytest.mark.xfail(reason=reason, strict="*" not in pattern)
                )
