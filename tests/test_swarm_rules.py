"""docs/swarm-rules.md names tests that exist, for every section and every misread behaviour."""

import re
from pathlib import Path

_ROOT = Path(__file__).parent
_TEXT = (_ROOT.parent / "docs" / "swarm-rules.md").read_text("utf-8")


def test_every_test_that_a_rule_names_exists() -> None:
    named = re.findall(r"`([\w/]+)::(\w+)`", _TEXT)
    assert len(named) > 200
    known: dict[str, set[str]] = {}
    for file, name in named:
        if file not in known:
            known[file] = set(re.findall(r"^def test_(\w+)\(", (_ROOT / f"{file}.py").read_text("utf-8"), re.MULTILINE))
        assert name in known[file], f"{file}::{name}"


def test_every_scenario_that_a_rule_names_exists() -> None:
    for name in re.findall(r"scenario `([\w-]+)`", _TEXT):
        assert (_ROOT / "conformance" / "scenarios" / f"{name}.txt").exists(), name


def test_no_rule_is_without_a_test() -> None:
    rows = [line for line in _TEXT.splitlines() if line.startswith("| ") and not line.startswith("| rule")]
    assert all("::" in row or "scenario `" in row for row in rows)
    sections = {
        int(number)
        for heading in re.findall(r"^## (.+)$", _TEXT, re.MULTILINE)
        for number in re.findall(r"\b(\d+) [A-Z]", heading)
    }
    assert sections == {*range(1, 25), 28}
    misread = _TEXT.partition("## 28")[2]
    assert [int(number) for number in re.findall(r"^\| (\d+) ", misread, re.MULTILINE)] == list(range(1, 25))
