"""The map of the house: docs/architecture.md names what is there."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "architecture.md").read_text("utf-8")
ROOMS = {room.name for room in (ROOT / "swarmlab").iterdir() if (room / "__init__.py").exists()}


def missing(page: str) -> list[str]:
    """Files (`room/file.py`) and modules (`room.module`) of rooms that a page names and that are not there."""
    spans = re.findall(rf"`(?:swarmlab[./])?((?:{'|'.join(sorted(ROOMS))})[./][\w./]+)`", page)
    paths = {span: ROOT / "swarmlab" / (span if "/" in span else span.replace(".", "/")) for span in spans}
    return [span for span, path in paths.items() if not path.exists() and not path.with_suffix(".py").exists()]


def test_every_file_that_the_page_names_is_there() -> None:
    assert missing("`engine/nosuch.py`, `engine.nosuch`, `swarmlab.engine.lab`, `engine/lab.py`") == [
        "engine/nosuch.py", "engine.nosuch",
    ]  # fmt: skip
    assert missing(PAGE) == []


def test_every_room_is_on_the_page() -> None:
    assert set(re.findall(r"^- \*\*`(\w+)`", PAGE, re.MULTILINE)) >= ROOMS
