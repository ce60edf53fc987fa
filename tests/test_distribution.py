"""What `tests.distribution` says of files is about files that are there, and no real engine has two users."""

from pathlib import Path

from tests.distribution import FIRST, TOGETHER, part

ROOT = Path(__file__).parent.parent
MARK = "@pytest.mark." + "real_engine"


def test_the_files_are_there_and_have_one_place() -> None:
    for file in (*FIRST, *TOGETHER, *TOGETHER.values()):
        assert (ROOT / file).is_file()
    assert not set(TOGETHER) & {*FIRST, *TOGETHER.values()}


def test_real_engines_belong_to_one_process() -> None:
    marked = [file for file in (ROOT / "tests").rglob("test_*.py") if MARK in file.read_text()]
    assert len(marked) > 1
    assert len({part(str(file.relative_to(ROOT))) for file in marked}) == 1
