"""The labs' pictures: the files are what the code draws, well-formed, described, and nothing lies outside."""

import re
from xml.etree import ElementTree

import pytest

from checker.notebooks import IMAGES
from checker.pictures import PICTURES, batches

_SVG = "{http://www.w3.org/2000/svg}"


def test_files_are_what_the_code_draws() -> None:
    assert {path.stem: path.read_text(encoding="utf-8") for path in IMAGES.iterdir()} == {
        name: draw() for name, draw in PICTURES.items()
    }


@pytest.mark.parametrize("name", PICTURES)
def test_pictures_have_text_alternatives_and_keep_within_bounds(name: str) -> None:
    root = ElementTree.fromstring(PICTURES[name]())
    title, description = root.find(f"{_SVG}title"), root.find(f"{_SVG}desc")
    width, height = int(root.attrib["width"]), int(root.attrib["height"])

    assert root.attrib["role"] == "img"
    assert title is not None
    assert title.text
    assert description is not None
    assert len(description.text or "") > 80
    for box in root.iter(f"{_SVG}rect"):
        assert float(box.get("x", 0)) + float(box.attrib["width"]) <= width
        assert float(box.get("y", 0)) + float(box.attrib["height"]) <= height
    for text in root.iter(f"{_SVG}text"):
        assert 0 < float(text.attrib["x"]) < width
        assert 0 < float(text.attrib["y"]) < height


def test_batches_follow_their_numbers() -> None:
    picture = batches(replicas=7, parallelism=3, delay=5, restart=1)

    assert re.findall(r">(batch \d)<", picture) == ["batch 1", "batch 2", "batch 3"]
    assert len(re.findall(r">web\.\d<", picture)) == 7
    assert re.findall(r">(\d+) s<", picture) == ["0", "6", "12"]
    assert "at least 4 replicas run" in picture
