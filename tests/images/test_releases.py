"""Tags that no folder lists, but that are releases of one that it does."""

from pathlib import Path

import pytest

from swarmlab.images import Catalogue
from swarmlab.images.releases import point_release

VERSIONS = {
    "latest": "1.29.1", "alpine": "1.29.1", "1": "1.29.1", "1.19": "1.19.10", "1.19-alpine": "1.19.10",
    "1.19-slim": "1.19.10", "odd": "",
}  # fmt: skip


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ("1.19.7", ("1.19", "1.19.7")),
        ("1.19.10", ("1.19", "1.19.10")),
        ("1.19.7-alpine", ("1.19-alpine", "1.19.7")),
        ("1.19.7-alpine3.12", ("1.19-alpine", "1.19.7")),
        ("1.19.7-slim-buster", ("1.19-slim", "1.19.7")),
        ("1.19-buster", ("1.19", "1.19.10")),
        ("1.11.5", ("1", "1.11.5")),
        ("bookworm", ("latest", "1.29.1")),
        ("alpine3.18", ("alpine", "1.29.1")),
        ("1.19.11", None),
        ("1.30", None),
        ("2.0.1", None),
        ("1.19.7-perl", None),
        ("nosuch", None),
        ("", ("latest", "1.29.1")),
    ],
)
def test_which_release_a_tag_is(wanted: str, expected: tuple[str, str] | None) -> None:
    assert point_release(wanted, VERSIONS) == expected


@pytest.mark.parametrize(
    ("name", "variable"),
    [("nginx:1.19.7-alpine", "NGINX_VERSION=1.19.7"), ("postgres:15.3-bullseye", "PG_VERSION=15.3-1.pgdg13+1"),
     ("redis:6.2.6-alpine", "REDIS_VERSION=6.2.6"), ("python:3.9-slim-buster", "PYTHON_VERSION=3.9.23"),
     ("python:3.8.5", "PYTHON_VERSION=3.8.5")],
)  # fmt: skip
def test_a_release_has_its_version_and_is_pulled_when_needed(name: str, variable: str) -> None:
    catalogue = Catalogue()
    image = catalogue.find(name)
    assert image is not None
    assert variable in image.config.env
    assert image.tags == (name,)
    assert image.id in catalogue.on_demand
    assert catalogue.find(image.id) is image
    assert all(catalogue.layer(layer) for layer in image.layers)
    again = Catalogue().find(name)
    assert again is not None
    assert again.id == image.id


def test_its_page_shows_it() -> None:
    image = Catalogue().find("nginx:1.19.7")
    assert image is not None
    assert b"nginx 1.19.7" in image.files["/usr/share/nginx/html/index.html"].read_bytes()


def test_ubuntu_tells_its_release() -> None:
    image = Catalogue().find("ubuntu:22.04")
    assert image is not None
    assert b'VERSION_ID="22.04"' in image.files["/etc/os-release"].read_bytes()


def test_a_folder_without_a_version_has_none(tmp_path: Path) -> None:
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / "image.toml").write_text(
        'repository = "demo"\n[[tag]]\nnames = ["1.0"]\ncreated = 2024-05-03T19:49:21Z\nsize = 1\n'
    )
    assert Catalogue([tmp_path / "demo"]).find("demo:1.0.1") is None
